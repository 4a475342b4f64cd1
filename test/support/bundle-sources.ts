import { writeFile } from "node:fs/promises";
import { join } from "node:path";

/** A handler in one thread: a map, a wait, a failed step whose error says who it is. */
const PLAIN = `
import { withDurableExecution } from "durable-fanout";

export const handler = withDurableExecution(async (_, ctx) => {
  const batch = await ctx.map("squares", [1, 2, 3], (item, n) => item.step("square", async () => n * n));
  await ctx.wait("pause", { seconds: 3600 });
  const refusal = ctx.step("refused", async () => Promise.reject(new RangeError("no")), {
    retryStrategy: () => ({ shouldRetry: false }),
  });
  const { name, constructor, cause } = await refusal.catch((error) => error);
  return [...batch.getResults(), name, constructor.name, cause.name];
});
`;

/** What `handler.mjs` answers with. */
export const PLAIN_RESULT = '[1,4,9,"StepError","StepError","RangeError"]';

/** A handler whose step runs on a thread, and is tried again only for an error class of its own. */
const STOCK = `
import { createRetryStrategy, withDurableExecution } from "durable-fanout";
import { workers } from "durable-fanout/workers";
import { OutOfStock } from "./stock-errors.ts";

const stock = workers<typeof import("./reserve.ts")>(new URL("./reserve.ts", import.meta.url), {
  mode: "threads",
  errors: [OutOfStock],
});
const retryStrategy = createRetryStrategy({
  maxAttempts: 3,
  initialDelay: { seconds: 1 },
  retryableErrorTypes: [OutOfStock],
});

export const handler = withDurableExecution(async (_, ctx) => {
  const reserved = await ctx.step("reserve", () => stock.reserve("chair"), { retryStrategy });
  const failure = await ctx.step("fail", () => stock.fail(), { retryStrategy }).catch((error) => error.message);
  return [reserved, failure];
});
`;

/** What `stock.ts` answers with. */
export const STOCK_RESULT = '[["chair",2,"thread"],"no retry for this"]';

const STOCK_ERRORS = `
export abstract class Unavailable extends Error {}

export class OutOfStock extends Unavailable {
  constructor(readonly article = "") {
    super("there is no " + article);
  }
}
`;

const RESERVE = `
import { isMainThread } from "node:worker_threads";
import { workerTask } from "durable-fanout/workers";
import { OutOfStock } from "./stock-errors.ts";

export function reserve(article: string): [string, number, string] {
  const { attempt } = workerTask();
  if (attempt === 1) throw new OutOfStock(article);
  return [article, attempt, isMainThread ? "main" : "thread"];
}

export function fail(): never {
  throw new Error("no retry for this");
}
`;

/** The same in JavaScript, for bundlers that read nothing else. */
const WORKER = `
import { withDurableExecution } from "durable-fanout";
import { workers } from "durable-fanout/workers";

const stock = workers(new URL("./reserve.mjs", import.meta.url));
export const handler = withDurableExecution(async (_, ctx) => ctx.step("reserve", () => stock.reserve("chair")));
`;

/** As a bundle's own module, in any format: what it runs on threads is said to stand beside it. */
const BESIDE = `
import { pathToFileURL } from "node:url";
import { workers } from "durable-fanout/workers";

const here = typeof __filename === "string" ? pathToFileURL(__filename) : import.meta.url;
const stock = workers(new URL("./reserve.mjs", here), { mode: "threads" });
stock.reserve("chair").catch((error) => console.log(error.message));
`;

/** Runs a handler that is not in the bundle on an engine that is. */
const ENGINE = `
import { LocalEngine, VirtualClock } from "durable-fanout/testing";

const { handler } = await import(process.argv[2]);
const engine = new LocalEngine({ clock: new VirtualClock() });
engine.register("f", handler);
console.log((await engine.start({ functionName: "f" }).result).result);
await engine.close();
`;

/** Writes `handler.mjs`, `handler.cjs` `stock.ts` with what it imports, and `stock.mjs`, `beside.mjs`, `engine.mjs`. */
export async function writeBundleSources(folder: string): Promise<void> {
  const sources = {
    "handler.mjs": PLAIN,
    "handler.cjs": PLAIN.replace(/import (.*) from (.*);/, "const $1 = require($2);").replace(
      "export const handler",
      "exports.handler",
    ),
    "stock.ts": STOCK,
    "stock.mjs": WORKER,
    "beside.mjs": BESIDE,
    "engine.mjs": ENGINE,
    "stock-errors.ts": STOCK_ERRORS,
    "reserve.ts": RESERVE,
    "reserve.mjs": "export const reserve = (article) => article;",
  };
  await Promise.all(Object.entries(sources).map(([file, text]) => writeFile(join(folder, file), text)));
}
