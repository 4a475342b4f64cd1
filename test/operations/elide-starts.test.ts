import { describe, expect, test } from "vitest";
import type { MapConfig, RuntimeOptions } from "../../src/index.ts";
import { StepSemantics } from "../../src/index.ts";
import { type Handler, type Run, replay, runOurs } from "../support/service.ts";

const ELIDED: RuntimeOptions = { checkpoint: { elideStarts: true } };
const UNLIMITED: RuntimeOptions = { quotas: { operations: Number.POSITIVE_INFINITY } };
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);
const requestsOf = (run: Run) => run.invocations.flatMap(({ requests }) => requests);
const actionsOf = (run: Run) =>
  requestsOf(run)
    .flat()
    .map(({ Type, Action }) => `${Type} ${Action}`);

const mapping =
  (count: number, config: MapConfig<number, number> = {}): Handler =>
  async (_, context) => {
    const batch = await context.map("m", upTo(count), (inner, item) => inner.step(async () => item * 2), config);
    return batch.getResults();
  };

describe("with checkpoint.elideStarts", () => {
  // C5
  test("a step that has ended is one update", async () => {
    const run = await runOurs((_, context) => context.step("s", async () => 1), { runtime: ELIDED });
    expect(actionsOf(run)).toEqual(["STEP SUCCEED"]);
    expect(run.result).toBe(1);
  });

  // C2, C5
  test("a context is recorded as started before the first update inside it", async () => {
    const handler: Handler = (_, context) =>
      context.runInChildContext("outer", (outer) =>
        outer.runInChildContext("inner", (inner) => inner.step("s", async () => 1)),
      );
    const run = await runOurs(handler, { runtime: ELIDED });
    expect(
      requestsOf(run)
        .flat()
        .map(({ Name, Action }) => `${Name} ${Action}`),
    ).toEqual(["outer START", "inner START", "s SUCCEED", "inner SUCCEED", "outer SUCCEED"]);
  });

  test("a context without operations is one update, also when it fails", async () => {
    const handler: Handler = (_, context) =>
      context.runInChildContext("c", async () => {
        throw new Error("no");
      });
    expect(actionsOf(await runOurs(handler, { runtime: ELIDED }))).toEqual(["CONTEXT FAIL"]);
  });

  test("an at-most-once step sends its START before its code runs", async () => {
    const config = { semantics: StepSemantics.AtMostOncePerRetry };
    const run = await runOurs((_, context) => context.step("s", async () => 1, config), { runtime: ELIDED });
    expect(requestsOf(run).map((updates) => updates.map(({ Action }) => Action))).toEqual([["START"], ["SUCCEED"]]);
  });

  test("an attempt that is retried, and those that follow, send their STARTs", async () => {
    let attempts = 0;
    const handler: Handler = (_, context) =>
      context.step(
        "s",
        async () => {
          if (++attempts < 3) throw new Error("again");
          return attempts;
        },
        { retryStrategy: () => ({ shouldRetry: true, delay: { seconds: 1 } }) },
      );
    const run = await runOurs(handler, { runtime: ELIDED });
    expect(run.result).toBe(3);
    expect(
      requestsOf(run)
        .flat()
        .map(({ Action }) => Action),
    ).toEqual(["START", "RETRY", "START", "RETRY", "START", "SUCCEED"]);
  });

  test.each([
    ["FLAT", 0.55],
    ["NESTED", 0.76],
  ] as const)("a %s map of 10,000 items sends at most %s of the updates and requests", async (nesting, share) => {
    const handler = mapping(10_000, { nesting });
    const engine = { quotas: { operations: 30_000 } };
    const plain = await runOurs(handler, { engine, runtime: UNLIMITED });
    const elided = await runOurs(handler, { engine, runtime: { ...UNLIMITED, ...ELIDED } });
    expect(plain.result).toEqual(upTo(10_000).map((item) => item * 2));
    expect(elided.result).toEqual(plain.result);
    expect(actionsOf(elided).length).toBeLessThanOrEqual(actionsOf(plain).length * share);
    expect(requestsOf(elided).length).toBeLessThanOrEqual(requestsOf(plain).length * share);
  });

  test("a finished execution is replayed without an update", async () => {
    const handler = mapping(20);
    const run = await runOurs(handler, { runtime: ELIDED });
    const again = await replay(handler, run, { runtime: ELIDED });
    expect(again.requests).toEqual([]);
  });
});
