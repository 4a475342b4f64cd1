// cspell:ignore minuts nestin Strategi Contex serde Succesful Concurency
import * as official from "@aws/durable-execution-sdk-js";
import { describe, expect, test } from "vitest";
import { type DurableContext, withDurableExecution } from "../../src/index.ts";
import { LocalEngine } from "../../src/local/engine.ts";
import { runOurs } from "../support/service.ts";
import { warningsWith } from "../support/warnings.ts";

const warnings = warningsWith("DURABLE_FANOUT_UNKNOWN_OPTION");
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

describe("an option that does not exist", () => {
  const work = async () => 1;
  const soon = { shouldContinue: false } as const;
  const map = (config: object) => (c: DurableContext) => c.map([1], work, config as never);
  const step = (config: object) => (c: DurableContext) => c.step(work, config as never);
  const policy = (config: object) => map({ completionConfig: config });
  const nearest = (near: string) => `nearest option that is read is ${near}`;
  const ALL = /options that are read are retryStrategy, semantics, serdes, .*, itemNamer, batch, collect/;
  const cases: [string, string, string | RegExp, (context: DurableContext) => PromiseLike<unknown>][] = [
    ["a map", "maxConcurency", nearest("maxConcurrency"), map({ maxConcurency: 1 })],
    ["a map", "batchSize", nearest("batch"), map({ batchSize: 10 })],
    ["a map", "colour", ALL, map({ colour: "red" })],
    ["a map", "toleratedFailureCount", ALL, map({ toleratedFailureCount: 1 })],
    ["the completionConfig of a map", "minSuccesful", nearest("minSuccessful"), policy({ minSuccesful: 1 })],
    [
      ...(["the completionConfig of a map", "toleratedFailurePercent", nearest("toleratedFailurePercentage")] as const),
      policy({ toleratedFailurePercent: 5 }),
    ],
    [
      ...(["the completionConfig of a map", "tolerance"] as const),
      /options that are read are minSuccessful, toleratedFailureCount, toleratedFailurePercentage, shouldComplete/,
      policy({ tolerance: 5 }),
    ],
    ["a parallel", "nestin", nearest("nesting"), (c) => c.parallel([work], { nestin: "FLAT" } as never)],
    ["a step", "retryStrategi", nearest("retryStrategy"), step({ retryStrategi: work })],
    ["a step", "retry", nearest("retryStrategy"), step({ retry: { maxAttempts: 3 } })],
    ["a step", "retries", ALL, step({ retries: 3 })],
    [
      ...(["a child context", "virtualContex", nearest("virtualContext")] as const),
      (c) => c.runInChildContext((inner) => inner.step(work), { virtualContex: true } as never),
    ],
    [
      ...(["a condition", "serde", nearest("serdes")] as const),
      (c) => c.waitForCondition(work, { initialState: 1, waitStrategy: () => soon, serde: 1 } as never),
    ],
    ["a callback", "timeOut", nearest("timeout"), (c) => c.createCallback({ timeOut: { seconds: 1 } } as never)],
    [
      ...(["a waitForCallback", "heartbeat", nearest("heartbeatTimeout")] as const),
      (c) => c.waitForCallback(async () => {}, { heartbeat: {}, timeout: { seconds: 1 } } as never),
    ],
    ["an invoke", "tenantID", nearest("tenantId"), (c) => c.invoke("other", {}, { tenantID: "a" } as never)],
  ];
  const textOf = (owner: string, name: string, advice: string | RegExp) => {
    const text = typeof advice === "string" ? advice.replaceAll(".", "\\.") : advice.source;
    return new RegExp(`^Nothing reads the option ${name} of ${owner}\\. The ${text}\\.$`);
  };

  test.each(cases)("of %s: %s is an error on the embedded engine", async (owner, name, advice, call) => {
    const { message, type, begun } = await onEngine(call);
    expect(message).toMatch(textOf(owner, name, advice));
    expect([type, begun]).toEqual(["ERR_OPTION_UNKNOWN", []]);
  });

  test.each(cases)("of %s: %s is a warning on Lambda, once in a process", async (owner, name, advice, call) => {
    const run = await runOurs(async (_, context) => {
      await call(context).then(undefined, () => {});
      await call(context).then(undefined, () => {});
      return "done";
    });
    expect(run.result).toBe("done");
    expect(run.updates.length).toBeGreaterThan(0);
    expect(await warnings()).toEqual([expect.stringMatching(textOf(owner, name, advice))]);
  });

  test("causes no error if the operation is recorded already", async () => {
    let config: object = {};
    const { message, begun } = await onEngine(async (context) => {
      const kept = context.runInChildContext("kept", (inner) => inner.wait({ seconds: 1 }), config as never);
      config = { virtualContex: true, colour: "red" };
      return kept;
    });
    expect(message).toBeUndefined();
    expect(begun.map(({ Status }) => Status)).toEqual(["SUCCEEDED", "SUCCEEDED"]);
  });

  test("is none of what the official types have, and none that is undefined", async () => {
    const serdes = {
      serialize: async (value: never) => JSON.stringify(value),
      deserialize: async (data?: string) => data,
    };
    const fan: official.ConcurrencyConfig<unknown> & official.MapConfig<number, unknown> = {
      ...{ maxConcurrency: 1, topLevelSubType: "T", iterationSubType: "I", nesting: official.NestingType.NESTED },
      ...{ summaryGenerator: () => "", serdes: undefined, itemSerdes: undefined, itemNamer: () => "x" },
      completionConfig: { minSuccessful: 1, toleratedFailureCount: 1, toleratedFailurePercentage: 1 },
    };
    const child: official.ChildConfig<unknown> = {
      ...{ serdes: undefined, subType: "S", summaryGenerator: () => "", errorMapper: (e) => e, virtualContext: false },
    };
    const { message } = await onEngine(async (context) => {
      await context.map([1], work, { ...fan, colour: undefined } as never);
      await context.parallel([work], fan as never);
      await context.runInChildContext(work, child as never);
      const retryStrategy = () => ({ shouldRetry: false });
      await context.step(work, { retryStrategy, semantics: "AT_LEAST_ONCE_PER_RETRY", serdes: undefined });
      await context.waitForCondition(work, { initialState: 1, waitStrategy: () => soon, serdes: undefined } as never);
      const timeouts = { timeout: { seconds: 1 }, heartbeatTimeout: { seconds: 1 }, serdes };
      await context.createCallback(timeouts as never);
      await context.waitForCallback(async () => {}, { ...timeouts, retryStrategy } as never).catch(() => {});
    });
    expect(message).toBeUndefined();
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
