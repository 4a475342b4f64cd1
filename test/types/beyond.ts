// What only this package's types accept. Compiled, never run.
import {
  asJson,
  createLinearRetryStrategy,
  createRetryStrategy,
  type DurableContext,
  type Jsonify,
  withDurableExecution,
} from "../../src/index.ts";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const holds = <T extends true>(): T => true as T;
const same = <T>(_value: T): void => {};
declare const lines: AsyncIterable<string>;

export const tuned = withDurableExecution(async () => 1, {
  runtime: { concurrency: 10, batch: { maxItems: 50 }, codec: "json", checkpoint: { maxUnacknowledged: 10 } },
});

export async function batches(context: DurableContext): Promise<void> {
  const batch = await context.map("name", [1, 2], async (item, n) => item.step(async () => `${n}`), { batch: 100 });
  same<string[]>(batch.getResults());
  await context.map([1], async () => 1, { batch: { maxItems: 5, maxBytes: 10_000 }, collect: "failures" });
  const read = await context.map("lines", lines, async (_item, line, index) => line.length + index);
  same<number[]>(read.getResults());
  const sum = await context.map(lines, async (_item, line) => line.length, {
    collect: { reduce: (total: number, length) => total + length, initial: 0 },
  });
  same<number>(sum.reduced);
  // @ts-expect-error a batch is a number of items, both limits, or false
  await context.map([1], async () => 1, { batch: "100" });
  // @ts-expect-error there is no array of what is read one after the other
  await context.map(lines, async (_item, _line, _index, array) => array);
}

export async function branches(context: DurableContext): Promise<void> {
  const { all } = await context.parallel([async () => 1, async () => "text", { name: "c", func: async () => true }]);
  same<number | undefined>(all[0].result);
  same<string | undefined>(all[1].result);
  same<boolean | undefined>(all[2].result);
  // @ts-expect-error there are three branches
  same<unknown>(all[3]);
  const { byName, successCount } = await context.parallel("both", {
    a: async (branch) => branch.step(async () => 1),
    b: { func: async () => "text" },
  });
  same<number | undefined>(byName.a?.result);
  same<string | undefined>(byName.b?.result);
  same<number>(successCount);
  // @ts-expect-error there is no such branch
  same<unknown>(byName.c);
  // @ts-expect-error a branch is a function or has one
  await context.parallel("name", ["branch"]);
}

class HttpError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}
export const strategies = [
  createRetryStrategy({ retryableErrorTypes: [HttpError, TypeError] }),
  createLinearRetryStrategy({ retryableErrorTypes: [HttpError] }),
  // @ts-expect-error a date is no error
  createRetryStrategy({ retryableErrorTypes: [Date] }),
];

class Account {
  id = 1;
  readonly since = new Date();
  label(): string {
    return `${this.id}`;
  }
}
interface Priced {
  toJSON(): { cents: number; at: Date };
}
interface Folder {
  changed: Date;
  folders: Folder[];
}
type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
interface Mixed {
  readonly id: number;
  text?: string;
  maybe: number | undefined;
  seen: Set<string>;
  call: () => void;
  nothing: undefined;
  [Symbol.iterator]: Date;
  // biome-ignore lint/suspicious/noExplicitAny: whatever it is, it stays so.
  any: any;
  unknown: unknown;
}

export async function stored(context: DurableContext): Promise<void> {
  holds<Equal<Jsonify<string | undefined>, string | undefined>>();
  holds<Equal<Jsonify<Date>, string>>();
  holds<Equal<Jsonify<Map<string, Date>>, Record<string, never>>>();
  holds<Equal<Jsonify<bigint>, never>>();
  holds<Equal<Jsonify<Account>, { id: number; readonly since: string }>>();
  holds<Equal<Jsonify<Priced>, { cents: number; at: string }>>();
  holds<Equal<Jsonify<[Date, undefined, () => void]>, [string, null, null]>>();
  holds<Equal<Jsonify<readonly (Date | undefined)[]>, readonly (string | null)[]>>();
  holds<Equal<Jsonify<Record<string, Date>>, { [key: string]: string }>>();
  holds<Equal<Jsonify<RangeError & { code: number }>, { code: number }>>();
  // biome-ignore lint/suspicious/noExplicitAny: whatever it is, it stays so.
  type MixedJson = { readonly id: number; any: any; unknown: unknown } & {
    text?: string;
    maybe?: number;
    seen: Record<string, never>;
  };
  holds<Equal<{ [Key in keyof MixedJson]: MixedJson[Key] }, Jsonify<Mixed>>>();
  same<Json>(asJson<Json>([1, { a: null }]));
  same<string>(
    asJson<Folder>({ changed: new Date(), folders: [] })
      .folders.map(({ changed }) => changed)
      .join(),
  );

  const account = await context.step("account", async () => asJson(new Account()));
  same<string>(account.since);
  // @ts-expect-error its methods are gone
  account.label();
  const batch = await context.map("dates", [1, 2], async (item, day) =>
    item.step("date", async () => asJson({ day, at: new Date(day) })),
  );
  same<string[]>(batch.getResults().map(({ at }) => at));
  const { at } = await context.runInChildContext("child", async () => asJson({ at: new Date() }));
  same<string>(at);
}
