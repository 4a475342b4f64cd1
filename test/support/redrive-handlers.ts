import { randomBytes } from "node:crypto";
import { appendFileSync, readFileSync } from "node:fs";
import { type DurableContext, withDurableExecution } from "../../src/index.ts";

const never = { retryStrategy: () => ({ shouldRetry: false }) };

/** Each body leaves a line in the file `log`. */
function step<T>(context: DurableContext, log: string, name: string, body: () => T): Promise<T> {
  return context.step(
    name,
    async () => {
      appendFileSync(log, `${name}\n`);
      return body();
    },
    never,
  );
}

interface Orders {
  readonly log: string;
  /** A file with one number a line, and `bad` for what cannot be charged. */
  readonly rows: string;
  /** How the last step is named, and what it does, stands in this file. */
  readonly code: string;
}

/** Charges each row of a file, then reports: as the file `code` says, which stands for changes of the handler. */
export const orders = withDurableExecution(async ({ log, rows, code }: Orders, ctx) => {
  const lines = readFileSync(rows, "utf8").trim().split("\n");
  const batch = await ctx.map("charge", lines, (item, _line, n) =>
    step(item, log, `charge ${n}`, () => {
      const now = readFileSync(rows, "utf8").trim().split("\n")[n];
      if (now === "bad") throw new Error(`row ${n} is bad`);
      return Number(now);
    }),
  );
  batch.throwIfError();
  const { name, fails, throws } = JSON.parse(readFileSync(code, "utf8")) as Record<string, string | undefined>;
  const sum = await step(ctx, log, name ?? "report", () => {
    if (fails) throw new Error(fails);
    return batch.getResults().reduce((total, amount) => total + amount, 0);
  });
  if (throws) throw new TypeError(throws);
  return sum;
});

/** Invokes a function after some work. */
export const invoking = withDurableExecution(async ({ log }: { log: string }, ctx) => {
  await step(ctx, log, "before", () => 1);
  return ctx.invoke("payments", { n: 4 });
});

export const payments = async ({ n }: { n: number }) => n * 2;

/** As many steps as asked for. */
export const many = withDurableExecution(async ({ log, count }: { log: string; count: number }, ctx) => {
  for (let n = 0; n < count; n++) await step(ctx, log, `step ${n}`, () => n);
  return count;
});

interface Checks {
  readonly log: string;
  readonly bad: readonly number[];
  readonly config: { readonly batch: number | false; readonly nesting?: "FLAT" };
}

/** Ten orders, of which some are bad. */
export const checking = withDurableExecution(async ({ log, bad, config }: Checks, ctx) => {
  const found = Array.from({ length: 10 }, (_, id) => ({ id, rows: [id] }));
  const batch = await ctx.map(
    "check",
    found,
    (item, { id }) =>
      step(item, log, "check", () => {
        if (bad.includes(id)) throw new Error(`${id} is bad`);
        return id;
      }),
    { ...config, itemNamer: ({ id }) => `order ${id}`, completionConfig: { toleratedFailurePercentage: 100 } },
  );
  return batch.successCount;
});

/** Results that are too large for one record together, of items that have no records of their own. */
export const oversized = withDurableExecution(async (_event: unknown, ctx) => {
  const batch = await ctx.map(
    "fetch",
    [0, 1, 2],
    async (_item, id) => {
      if (id === 1) throw new Error(`${id} is bad`);
      return randomBytes(150_000).toString("hex");
    },
    { nesting: "FLAT", batch: false, completionConfig: { toleratedFailureCount: 3 } },
  );
  return batch.successCount;
});
