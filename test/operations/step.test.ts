import { describe, expect, test } from "vitest";
import { DurableExecutionClientError, type StepError, StepSemantics } from "../../src/index.ts";
import { systemClock } from "../../src/local/clock.ts";
import { type Handler, invokeOver, replay, runOurs, withRuntime } from "../support/service.ts";

const never = () => ({ shouldRetry: false });
const actions = (updates: readonly { Action?: unknown }[]) => updates.map(({ Action }) => Action);

describe("a step", () => {
  test("runs once, and gives its recorded result in every later invocation", async () => {
    let runs = 0;
    const handler: Handler = async (_, context) => {
      const value = await context.step("count", async () => ++runs);
      await context.wait({ seconds: 1 });
      await context.wait({ seconds: 1 });
      return value;
    };
    const run = await runOurs(handler);
    expect(run.invocations).toHaveLength(3);
    expect(await replay(handler, run)).toMatchObject({ output: { Result: "1" }, requests: [] });
    expect(runs).toBe(1);
  });

  test("gives live what a replay gives: a date is a text from the start", async () => {
    const types: string[] = [];
    await runOurs(async (_, context) => {
      const value = await context.step(async () => ({ at: new Date(0), nothing: undefined }));
      types.push(`${typeof value.at} ${Object.keys(value)}`);
      await context.wait({ seconds: 1 });
    });
    expect(types).toEqual(["string at", "string at"]);
  });

  test("begins when it is called, not when it is awaited", async () => {
    const order: string[] = [];
    await runOurs(async (_, context) => {
      const step = context.step(async () => order.push("ran"));
      await new Promise((resolve) => setTimeout(resolve, 5));
      order.push("awaited");
      await step;
    });
    expect(order).toEqual(["ran", "awaited"]);
  });

  test("keeps its attempts over suspensions, and waits as long as its strategy says", async () => {
    const asked: unknown[] = [];
    const run = await runOurs(async (_, context) =>
      context.step(
        "s",
        async ({ attempt }) => {
          if (attempt < 4) throw new Error(`attempt ${attempt}`);
          return attempt;
        },
        {
          retryStrategy: (error, attempt) => {
            asked.push([error.message, attempt]);
            return { shouldRetry: true, delay: { minutes: attempt, seconds: 1 } };
          },
        },
      ),
    );
    expect(run.result).toBe(4);
    expect(asked).toEqual([1, 2, 3].map((attempt) => [`attempt ${attempt}`, attempt]));
    expect(run.updates.flatMap(({ StepOptions }) => StepOptions?.NextAttemptDelaySeconds ?? [])).toEqual([
      61, 121, 181,
    ]);
    expect(run.invocations).toHaveLength(4);
  });

  test("retries six times in all by default", async () => {
    let runs = 0;
    const run = await runOurs(async (_, context) =>
      context.step(async () => {
        runs++;
        throw new Error("always");
      }),
    );
    expect(run.outcome).toMatchObject({ status: "FAILED", error: { ErrorType: "StepError", ErrorMessage: "always" } });
    expect(runs).toBe(6);
  });

  test("falls back to the default strategy when its own says nothing", async () => {
    let asked = 0;
    const run = await runOurs(async (_, context) =>
      context.step(
        async ({ attempt }) => {
          if (attempt === 1) throw new Error("once");
          return attempt;
        },
        {
          retryStrategy: (() => {
            asked++;
          }) as never,
        },
      ),
    );
    expect([run.result, asked]).toEqual([2, 1]);
  });

  test("fails with the same error live and on replay", async () => {
    class OrderError extends Error {
      override readonly name = "OrderError";
    }
    const seen: unknown[] = [];
    const handler: Handler = async (_, context) => {
      const error = (await context
        .step(
          async () => {
            throw new OrderError("no such order");
          },
          { retryStrategy: never },
        )
        .catch((thrown) => thrown)) as StepError;
      seen.push([error.constructor.name, error.name, error.errorType, error.message, error.cause?.name]);
      await context.wait({ seconds: 1 });
    };
    const run = await runOurs(handler);
    await replay(handler, run);
    expect(seen).toHaveLength(3);
    expect(new Set(seen.map((entry) => JSON.stringify(entry)))).toEqual(
      new Set(['["StepError","StepError","StepError","no such order","OrderError"]']),
    );
  });

  const realTime = { engine: { clock: systemClock } } as const;

  test("retries in process while another operation keeps the invocation alive", async () => {
    const run = await runOurs(async (_, context) => {
      const slow = context.step("slow", () => new Promise((resolve) => setTimeout(resolve, 1_500)));
      const retried = await context.step(
        "retried",
        async ({ attempt }) => {
          if (attempt === 1) throw new Error("once");
          return attempt;
        },
        { retryStrategy: () => ({ shouldRetry: true, delay: { seconds: 1 } }) },
      );
      await slow;
      return retried;
    }, realTime);
    expect([run.result, run.invocations.length]).toEqual([2, 1]);
  });

  test("of more than 256 KiB fails once, with an error that says what to do", async () => {
    let runs = 0;
    const run = await runOurs(async (_, context) =>
      context
        .step("resize", async () => {
          runs++;
          return "x".repeat(262_143);
        })
        .catch((error) => (error as Error).message),
    );
    expect(run.result).toBe(
      'The result of Step "resize" (1) is 262145 bytes; the service accepts 262144, less in a batch. ' +
        "Store the data elsewhere and return a reference to it, or return less.",
    );
    expect(runs).toBe(1);
    expect(run.updates.map(({ Action, Error: error }) => [Action, error?.ErrorType])).toEqual([
      ["START", undefined],
      ["FAIL", "PayloadTooLargeError"],
    ]);
  });

  test("of exactly 256 KiB is kept, counted in bytes and not in characters", async () => {
    const fits = await runOurs(async (_, context) => (await context.step(async () => "x".repeat(262_142))).length);
    expect(fits.result).toBe(262_142);
    const tooLarge = await runOurs(async (_, context) => context.step(async () => "ü".repeat(131_072)));
    expect(tooLarge.outcome.error?.ErrorMessage).toContain("is 262146 bytes");
  });

  test("whose function is missing is refused before anything is written", async () => {
    const run = await runOurs(async (_, context) => context.step("s", undefined as never));
    expect(run.outcome.error).toMatchObject({
      ErrorType: "TypeError",
      ErrorMessage: 'step "s" requires a function to run, not undefined',
    });
    expect(run.updates).toEqual([]);
  });

  test("found in a state of the service is decided by it alone", async () => {
    const step = (Status: string, StepDetails: object = {}) =>
      ({
        Id: "c4ca4238a0b92382",
        Type: "STEP",
        SubType: "Step",
        Status,
        StartTimestamp: new Date(),
        StepDetails,
      }) as never;
    const handler: Handler = async (_, context) =>
      context.step(async ({ attempt }) => `ran ${attempt}`).catch((error) => (error as Error).message);
    const invoke = async (record: never) => {
      const { output, requests } = await invokeOver(withRuntime(handler), [record]);
      return [output.Status, "Result" in output ? output.Result : undefined, actions(requests.flat())];
    };
    expect(await invoke(step("SUCCEEDED", { Result: '"kept"' }))).toEqual(["SUCCEEDED", '"kept"', []]);
    expect(await invoke(step("SUCCEEDED"))).toEqual(["SUCCEEDED", undefined, []]);
    expect(await invoke(step("FAILED", { Error: { ErrorMessage: "m" } }))).toEqual(["SUCCEEDED", '"m"', []]);
    expect(await invoke(step("FAILED"))).toEqual(["SUCCEEDED", '"Unknown error"', []]);
    expect(await invoke(step("PENDING", { Attempt: 1, NextAttemptTimestamp: new Date(Date.now() + 60_000) }))).toEqual([
      "PENDING",
      undefined,
      [],
    ]);
    expect(await invoke(step("READY", { Attempt: 1 }))).toEqual(["SUCCEEDED", '"ran 2"', ["START", "SUCCEED"]]);
    expect(await invoke(step("STARTED"))).toEqual(["SUCCEEDED", '"ran 1"', ["SUCCEED"]]);
  });
});

describe("semantics", () => {
  const interrupted = async (semantics: StepSemantics) => {
    let runs = 0;
    const run = await runOurs(
      async (_, context) =>
        context
          .step(
            "s",
            async () => {
              runs++;
              return runs;
            },
            { semantics, retryStrategy: never },
          )
          .catch((error) => ((error as Error).cause as Error).name),
      {
        engine: { invocation: { retryPauseMs: 0 } },
        // The step has run, and its end is lost.
        onCheckpoint: async ({ params, forward }) => {
          if (params.Updates?.some(({ Action }) => Action === "SUCCEED") && runs === 1) {
            throw new DurableExecutionClientError("the process ended");
          }
          return forward();
        },
      },
    );
    return { result: run.result, runs };
  };

  test("at most once: a step whose end was lost does not run again", async () => {
    expect(await interrupted(StepSemantics.AtMostOncePerRetry)).toEqual({ result: "StepInterruptedError", runs: 1 });
  });

  test("at least once: it does", async () => {
    expect(await interrupted(StepSemantics.AtLeastOncePerRetry)).toEqual({ result: 2, runs: 2 });
  });

  test("at most once: the body waits for its start to be recorded", async () => {
    const order: string[] = [];
    await runOurs(
      async (_, context) =>
        context.step(async () => order.push("body"), { semantics: StepSemantics.AtMostOncePerRetry }),
      {
        onCheckpoint: async ({ forward }) => {
          const answer = await forward();
          order.push("recorded");
          return answer;
        },
      },
    );
    expect(order).toEqual(["recorded", "body", "recorded"]);
  });
});

describe("what the official SDK 2.4.0 gets wrong", () => {
  test("§18.8: a retry strategy that throws fails the step, and later operations suspend as ever", async () => {
    const run = await runOurs(async (_, context) => {
      const error = await context
        .step(
          async () => {
            throw new Error("the step's");
          },
          {
            retryStrategy: () => {
              throw new RangeError("the strategy's");
            },
          },
        )
        .catch((thrown) => thrown);
      await context.wait({ seconds: 1 });
      return [(error as Error).name, (error as Error).message, ((error as Error).cause as Error).name];
    });
    expect(run.result).toEqual(["StepError", "the strategy's", "RangeError"]);
    expect(actions(run.updates)).toEqual(["START", "FAIL", "START"]);
  });

  test("§18.10: a result over the service's limit fails the step, not the execution", async () => {
    const run = await runOurs(async (_, context) => {
      await context.step("large", async () => "x".repeat(300_000)).catch(() => {});
      return context.step("next", async () => "goes on");
    });
    expect(run.outcome).toEqual({ status: "SUCCEEDED", result: '"goes on"' });
  });
});
