import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { DurableContext, WaitForConditionDecision } from "../../src/index.ts";
import { type Case, describeError, expectSame, runBoth, type Sdk } from "../support/differential.ts";

const seconds = (count: number) => ({ seconds: count });
const never = { retryStrategy: () => ({ shouldRetry: false }) };
const caught = (promise: PromiseLike<unknown>) => Promise.resolve(promise).catch(describeError);
const until =
  (last: number, delay = 1) =>
  (state: number): WaitForConditionDecision =>
    state < last ? { shouldContinue: true, delay: seconds(delay) } : { shouldContinue: false };

type Make = (sdk: Sdk) => (input: unknown, context: DurableContext) => Promise<unknown>;

const conditions: Record<string, Make> = {
  "that is content at once": () => async (_, c) =>
    c.waitForCondition("poll", async (state: number) => state, { initialState: 5, waitStrategy: until(5) }),
  "without a name": () => async (_, c) =>
    c.waitForCondition(async (state: number) => state + 1, { initialState: 0, waitStrategy: until(1) }),
  "that is polled ten times": () => async (_, c) =>
    c.waitForCondition("poll", async (state: number) => state + 1, { initialState: 0, waitStrategy: until(10) }),
  "that sees its attempts": () => async (_, c) => {
    const attempts: number[] = [];
    const check = async (state: number, { attempt }: { attempt: number }) => {
      attempts.push(attempt);
      return state + attempt;
    };
    const state = await c.waitForCondition("poll", check, { initialState: 0, waitStrategy: until(6, 30) });
    return [state, attempts.at(-1)];
  },
  "whose state is an object": () => async (_, c) =>
    c.waitForCondition("poll", async (state: { list: number[] }) => ({ list: [...state.list, state.list.length] }), {
      initialState: { list: [] as number[] },
      waitStrategy: ({ list }) => until(3)(list.length),
    }),
  "whose state becomes null": () => async (_, c) =>
    c.waitForCondition("poll", async () => null, {
      initialState: 1 as number | null,
      waitStrategy: () => ({ shouldContinue: false }),
    }),
  "with a serdes": () => async (_, c) =>
    c.waitForCondition("poll", async (state: number) => state + 1, {
      initialState: 0,
      waitStrategy: until(3),
      serdes: {
        serialize: async (value) => `state ${value}`,
        deserialize: async (text) => Number(text?.split(" ")[1]),
      },
    }),
  "whose check throws": () => async (_, c) =>
    caught(
      c.waitForCondition("poll", () => Promise.reject<number>(new RangeError("check")), {
        initialState: 0,
        waitStrategy: until(3),
      }),
    ),
  "whose check throws later": () => async (_, c) =>
    caught(
      c.waitForCondition(
        "poll",
        async (state: number) => {
          if (state === 2) throw new TypeError("at two");
          return state + 1;
        },
        { initialState: 0, waitStrategy: until(5) },
      ),
    ),
  "whose strategy throws": () => async (_, c) =>
    caught(
      c.waitForCondition("poll", async () => 1, {
        initialState: 0,
        waitStrategy: () => {
          throw new Error("strategy");
        },
      }),
    ),
  "with too many attempts for its strategy":
    ({ createWaitStrategy }) =>
    async (_, c) =>
      caught(
        c.waitForCondition("poll", async (state: number) => state, {
          initialState: 0,
          waitStrategy: createWaitStrategy({
            shouldContinuePolling: () => true,
            maxAttempts: 3,
            jitter: "NONE" as never,
          }),
        }),
      ),
  "with a strategy that is content":
    ({ createWaitStrategy }) =>
    async (_, c) =>
      c.waitForCondition("poll", async (state: number) => state + 1, {
        initialState: 0,
        waitStrategy: createWaitStrategy({
          shouldContinuePolling: (state: number) => state < 4,
          initialDelay: seconds(2),
          backoffRate: 3,
          maxDelay: seconds(10),
          jitter: "NONE" as never,
        }),
      }),
  "without a strategy": () => async (_, c) => {
    try {
      return await c.waitForCondition("poll", async () => 1, undefined as never);
    } catch (error) {
      return describeError(error);
    }
  },
  "in the items of a map": () => async (_, c) => {
    const batch = await c.map(
      "map",
      [1, 2],
      (item, n) =>
        item.waitForCondition("poll", async (state: number) => state + n, { initialState: 0, waitStrategy: until(4) }),
      { maxConcurrency: 1 },
    );
    return batch.getResults();
  },
};

const combinators: Record<string, Make> = {};
for (const method of ["all", "allSettled", "any", "race"] as const) {
  const combine = (c: DurableContext, name: string | undefined, promises: unknown): PromiseLike<unknown> => {
    const combinator = c.promise[method] as (...args: unknown[]) => PromiseLike<unknown>;
    return name === undefined ? combinator(promises) : combinator(name, promises);
  };
  const settle = (result: unknown) =>
    JSON.parse(
      JSON.stringify(result, (_key, value) => (value instanceof Error ? `${value.name}: ${value.message}` : value)) ??
        "null",
    );
  const variants: Record<string, (c: DurableContext) => PromiseLike<unknown>[]> = {
    "of steps": (c) => [c.step("a", async () => 1), c.step("b", async () => "two")],
    "of one step": (c) => [c.step(async () => ({ a: 1 }))],
    "of steps that fail": (c) => [
      c.step("a", () => Promise.reject(new RangeError("a")), never),
      c.step("b", () => Promise.reject(new TypeError("b")), never),
    ],
    "of one that fails and one that does not": (c) => [
      c.step("a", () => Promise.reject(new RangeError("a")), never),
      c.step("b", async () => 2),
    ],
    "of a step and a wait": (c) => [c.step("a", async () => 1), c.wait("w", seconds(5))],
    "of contexts": (c) => [
      c.runInChildContext("x", (k) => k.step(async () => 1)),
      c.runInChildContext("y", () => Promise.reject(new Error("y"))),
    ],
  };
  for (const [what, promises] of Object.entries(variants)) {
    combinators[`promise.${method} ${what}`] = () => async (_, c) => {
      const combined = await caught(combine(c, "combined", promises(c)));
      await c.wait(seconds(1));
      return settle(combined);
    };
  }
  combinators[`promise.${method} without a name, in a child context`] = () => async (_, c) =>
    c.runInChildContext(async (k) => settle(await combine(k, undefined, [k.step(async () => 1)])));
}
combinators["promise.all of nothing"] = () => async (_, c) => c.promise.all([]);

const retries: Record<string, Make> = {
  "at the second attempt":
    ({ withRetry }) =>
    async (_, c) =>
      withRetry(
        c,
        "again",
        async (k, attempt) =>
          k.step(
            `try ${attempt}`,
            async () => {
              if (attempt < 2) throw new Error("not yet");
              return attempt;
            },
            never,
          ),
        { retryStrategy: (_error, attempt) => ({ shouldRetry: attempt < 3, delay: seconds(4) }) },
      ),
  "without a name":
    ({ withRetry }) =>
    async (_, c) =>
      withRetry(
        c,
        async (_k, attempt) => {
          if (attempt < 2) throw new Error("not yet");
          return attempt;
        },
        { retryStrategy: () => ({ shouldRetry: true }) },
      ),
  "until it gives up":
    ({ withRetry }) =>
    async (_, c) =>
      caught(
        withRetry(c, "again", () => Promise.reject(new RangeError("no")), {
          retryStrategy: (_e, attempt) => ({ shouldRetry: attempt < 3, delay: seconds(1) }),
        }),
      ),
  "without a context of its own":
    ({ withRetry }) =>
    async (_, c) =>
      caught(
        withRetry(c, "again", () => Promise.reject(new RangeError("no")), {
          retryStrategy: (_e, attempt) => ({ shouldRetry: attempt < 2, delay: seconds(1) }),
          wrapWithRunInChildContext: false,
        }),
      ),
  "with the settings of its context":
    ({ withRetry }) =>
    async (_, c) =>
      withRetry(c, "again", async () => 1, {
        retryStrategy: () => ({ shouldRetry: false }),
        childContextConfig: { subType: "Retried" },
      }),
  "without settings":
    ({ withRetry }) =>
    async (_, c) => {
      try {
        return await withRetry(c, "again", async () => 1, undefined as never);
      } catch (error) {
        return describeError(error);
      }
    },
};

class Point {
  x = 1;
  at = new Date(5);
  get double() {
    return this.x * 2;
  }
}
const look = (value: unknown) =>
  value instanceof Point ? [value.double, value.at instanceof Date, new Date(value.at).getTime()] : value;

const serializers: Record<string, Make> = {
  "a class":
    ({ createClassSerdes }) =>
    async (_, c) => {
      const point = await c.step("p", async () => new Point(), { serdes: createClassSerdes(Point) });
      await c.wait(seconds(1));
      return look(point);
    },
  "a class with dates":
    ({ createClassSerdesWithDates }) =>
    async (_, c) => {
      const serdes = createClassSerdesWithDates(Point, ["at"]);
      const inChild = await c.runInChildContext("child", async () => new Point(), { serdes });
      const batch = await c.map("map", [1, 2], async () => new Point(), { itemSerdes: serdes, maxConcurrency: 1 });
      await c.wait(seconds(1));
      return [look(inChild), batch.all.map(({ result }) => look(result))];
    },
  "a default of the context, and of its children":
    ({ createClassSerdes }) =>
    async (_, c) => {
      c.configureSerdes({ defaultSerdes: createClassSerdes(Point) as never });
      const own = await c.step("own", async () => new Point());
      const child = await c.runInChildContext(async (k) => look(await k.step("in", async () => new Point())));
      await c.wait(seconds(1));
      return [look(own), child];
    },
  "a batch as a whole": () => async (_, c) => {
    const batch = await c.map("map", [1, 2], async (_item, n) => n, {
      maxConcurrency: 1,
      serdes: {
        serialize: async (value) => JSON.stringify({ kept: value }),
        deserialize: async (text) => JSON.parse(text as string).kept,
      },
    });
    await c.wait(seconds(1));
    return [batch.all.length, batch.getResults(), batch.completionReason];
  },
};

const groups: [string, Record<string, Make>][] = [
  ["a condition", conditions],
  ["combinators:", combinators],
  ["withRetry", retries],
  ["values by a serdes:", serializers],
];

describe.each(groups)("both SDKs write and give the same for %s", (_group, cases) => {
  test.each(Object.entries(cases))("%s", async (name, make) => {
    await expectSame({ name, make: make as Case["make"] });
  });
});

describe("values kept in files", () => {
  const modes = [
    {},
    { storageMode: "OVERFLOW" },
    { pathEncoding: "HASH" },
    { storageMode: "OVERFLOW", pathEncoding: "HASH", preview: true },
    { preview: true },
  ];
  test.each(modes)("%j: the same files and payloads", async ({ storageMode, pathEncoding, preview }) => {
    const folders: string[] = [];
    const make: Make = ({ createFileSystemSerdes, buildPreview }) => {
      const folder = mkdtempSync(join(tmpdir(), "durable-fanout-values-"));
      folders.push(folder);
      const options = { storageMode, pathEncoding, ...(preview ? { generatePreview: previewOf(buildPreview) } : {}) };
      const serdes = createFileSystemSerdes(folder, options as never);
      return async (_, c) => {
        const small = await c.step("small/e", async () => ({ id: 1, card: "1234", list: [1, { deep: true }] }), {
          serdes,
        });
        const large = await c.step("large", async () => ({ text: "x".repeat(300_000), card: "5" }), { serdes });
        const nothing = await c.step("nothing", async () => undefined, { serdes });
        await c.wait(seconds(1));
        return [small, large.text.length, nothing === undefined];
      };
    };
    const { official, ours } = await runBoth({ name: "files", make: make as Case["make"] });
    try {
      const [theirFiles, ownFiles] = folders.map((folder) => filesOf(folder));
      const plain = (run: typeof ours, folder: string | undefined) =>
        run.updates.map(({ Payload }) =>
          Payload?.replaceAll(folder as string, "folder")
            .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "uuid")
            .replaceAll(/[0-9a-f]{64}/g, "hash"),
        );
      expect(ours.result).toEqual(official.result);
      expect(plain(ours, folders[1])).toEqual(plain(official, folders[0]));
      expect(ownFiles).toEqual(theirFiles);
    } finally {
      for (const folder of folders) rmSync(folder, { recursive: true, force: true });
    }
  });
});

/** The texts of all files below a folder; their names have ids of the execution in them. */
function filesOf(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return entries.map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8")).toSorted();
}

const previewOf = (buildPreview: Sdk["buildPreview"]) => (value: unknown) =>
  buildPreview(value, { mode: "INCLUDE_ALL" as never, mask: [{ name: "card" }], exclude: [{ name: "text" }] });
