import { describe, expect, test } from "vitest";
import type { DurableContext, DurablePromise } from "../../src/index.ts";
import { type Handler, runLambda, runOurs, SDKS } from "../support/service.ts";

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Runs code, and returns the messages of the rejections that nobody handled. In a plain process one ends the process. */
async function unhandledIn(run: () => Promise<unknown>): Promise<string[]> {
  const unhandled: string[] = [];
  const others = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", (reason) => void unhandled.push((reason as Error).message));
  try {
    await run();
    await pause(5);
  } finally {
    process.removeAllListeners("unhandledRejection");
    for (const other of others) process.on("unhandledRejection", other);
  }
  return unhandled;
}

/** The type of a combinator's input asks for operations' promises, but any promise is taken. */
const plain = (promise: Promise<unknown>) => promise as DurablePromise<unknown>;
const refuse = (message: string) => plain(Promise.reject(new Error(message)));
const later = (message: string) => plain(pause(1).then(() => refuse(message)));

const inputs: readonly [string, (context: DurableContext) => Promise<unknown>][] = [
  ["allSettled", (context) => context.promise.allSettled([refuse("404"), later("late"), plain(Promise.resolve(1))])],
  ["any", (context) => context.promise.any([refuse("404"), later("late"), plain(Promise.resolve(1))])],
  ["race", (context) => context.promise.race([plain(Promise.resolve(1)), refuse("404"), later("late")])],
  ["all", (context) => context.promise.all("all", [refuse("404"), later("late")]).catch(() => {})],
  [
    "all, of promises that operations' promises make",
    (context) => context.promise.all([plain(context.step(async () => 1).then(() => refuse("404")))]).catch(() => {}),
  ],
];

describe("an input promise that rejects ends no process", () => {
  const handlerOf =
    (combine: (context: DurableContext) => Promise<unknown>): Handler =>
    async (_, context) => {
      await combine(context);
      await context.wait({ seconds: 1 });
      await pause(5);
    };

  test.each(inputs)("live or on replay: %s", async (_method, combine) => {
    let invocations = 0;
    const run = async () => {
      invocations = (await runOurs(handlerOf(combine))).invocations.length;
    };
    expect([await unhandledIn(run), invocations]).toEqual([[], 2]);
  });

  test.each(SDKS)("as it does on replay with the official SDK: %s", async (sdk, wrap) => {
    const run = () => runLambda(wrap(handlerOf((context) => context.promise.allSettled([refuse("404")]))));
    expect(await unhandledIn(run)).toEqual(sdk === "this package" ? [] : ["404"]);
  });

  test("when the combinator is awaited later", async () => {
    const run = () =>
      runOurs(async (_, context) => {
        const settled = context.promise.allSettled([refuse("404")]);
        await context.step(() => pause(5));
        await settled;
      });
    expect(await unhandledIn(run)).toEqual([]);
  });
});

test("a replayed race does not await the operation that lost", async () => {
  const seen: boolean[] = [];
  const run = await runOurs(async (_, context) => {
    const loser = context.wait("loser", { hours: 1 });
    await context.promise.race<unknown>([context.step(async () => 1), loser]);
    seen.push(loser.isExecuted);
    await context.wait({ seconds: 1 });
  });
  expect([run.outcome.status, seen]).toEqual(["SUCCEEDED", [true, false]]);
});
