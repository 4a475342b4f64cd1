// cspell:ignore minuts
import { describe, expect, test } from "vitest";
import { type DurableContext, withDurableExecution } from "../../src/index.ts";
import { LocalEngine } from "../../src/local/engine.ts";
import { runOurs } from "../support/service.ts";
import { unknownNameWarnings } from "../support/warnings.ts";

const warnings = unknownNameWarnings();
const failing = async () => {
  throw new Error("no");
};

/** Runs a handler on the embedded engine, and gives its outcome and the operations that it recorded. */
async function onEngine(call: (context: DurableContext) => PromiseLike<unknown>) {
  const engine = new LocalEngine();
  engine.register(
    "f",
    withDurableExecution(async (_: unknown, context: DurableContext) => call(context)),
  );
  const { arn, result } = engine.start({ functionName: "f" });
  const { error } = await result;
  const begun = engine.operations(arn).filter(({ Type }) => Type !== "EXECUTION");
  await engine.close();
  return { message: error?.ErrorMessage, type: error?.ErrorType, begun };
}

describe("a unit that does not exist beside one that exists", () => {
  // Each has a unit of its own, because the process warns once of each name.
  const cases: [string, string, string, boolean, (context: DurableContext, unit: object) => PromiseLike<unknown>][] = [
    ["minute", "minutes", 'duration of wait "w"', true, (c, unit) => c.wait("w", { seconds: 1, ...unit })],
    [
      ...(["minuts", "minutes", 'timeout of callback "cb"', true] as const),
      (c, unit) => c.createCallback("cb", { timeout: { seconds: 1, ...unit } }),
    ],
    [
      ...(["hour", "hours", 'heartbeatTimeout of waitForCallback "cb"', true] as const),
      (c, unit) =>
        c.waitForCallback("cb", failing, {
          retryStrategy: () => ({ shouldRetry: false }),
          heartbeatTimeout: { seconds: 1, ...unit },
        }),
    ],
    [
      "sec",
      "seconds",
      'timeout of step "s"',
      true,
      (c, unit) => c.step("s", async () => 1, { timeout: { seconds: 1, ...unit } }),
    ],
    [
      ...(["day", "days", 'delay of the retry strategy of step "s"', false] as const),
      (c, unit) =>
        c.step("s", failing, { retryStrategy: (_, n) => ({ shouldRetry: n < 2, delay: { seconds: 0, ...unit } }) }),
    ],
    [
      ...(["second", "seconds", 'delay of the wait strategy of condition "c"', false] as const),
      (c, unit) =>
        c.waitForCondition("c", async (n) => n + 1, {
          initialState: 0,
          waitStrategy: (n) =>
            n < 2 ? { shouldContinue: true, delay: { seconds: 1, ...unit } } : { shouldContinue: false },
        }),
    ],
  ];
  const textOf = (unit: string, near: string, what: string) =>
    `Nothing reads the unit ${unit} of the ${what}. The nearest unit that is read is ${near}.`;

  test.each(cases)("%s is an error on the embedded engine", async (unit, near, what, isEarly, call) => {
    const { message, type, begun } = await onEngine((context) => call(context, { [unit]: 5 }));
    expect(message).toBe(textOf(unit, near, what));
    if (isEarly) expect([type, begun]).toEqual(["ERR_OPTION_UNKNOWN", []]);
  });

  test.each(cases)("%s is a warning on Lambda, and the operation goes on", async (unit, near, what, _isEarly, call) => {
    const run = await runOurs(async (_, context) => {
      await call(context, { [unit]: 5 }).then(undefined, () => {});
      return "done";
    });
    expect(run.result).toBe("done");
    expect(run.updates.length).toBeGreaterThan(0);
    expect(await warnings()).toEqual([textOf(unit, near, what)]);
  });
});

test("the time-outs of a callback that is recorded already are not checked again", async () => {
  let timeout: unknown = { seconds: 5 };
  const run = await runOurs(async (_, context) => {
    const [, id] = await context.createCallback("cb", { timeout: timeout as never });
    const submit = async () => {};
    const waiting = context.waitForCallback("approve", submit, { timeout: timeout as never });
    timeout = { hour: 1 };
    await context.wait({ seconds: 1 });
    return [typeof id, await waiting.catch((error: Error) => error.name)];
  });
  expect(run.result).toEqual(["string", "CallbackTimeoutError"]);
});
