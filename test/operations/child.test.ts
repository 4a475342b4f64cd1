import { describe, expect, test } from "vitest";
import { ChildContextError, type DurableContext, InvokeError, StepError } from "../../src/index.ts";
import { type Handler, replay, runOurs } from "../support/service.ts";

const never = () => ({ shouldRetry: false });
const names = (run: { updates: readonly { Name?: string | undefined; Action?: unknown }[] }) =>
  run.updates.map(({ Name, Action }) => `${Action} ${Name}`);

describe("a child context", () => {
  test("runs its function once; later its recorded result is enough, its operations are not delivered", async () => {
    let runs = 0;
    const handler: Handler = async (_, context) => {
      const result = await context.runInChildContext("c", async (inner) => {
        runs++;
        return inner.step("s", async () => "made");
      });
      await context.wait({ seconds: 1 });
      return result;
    };
    const run = await runOurs(handler);
    expect(run.result).toBe("made");
    expect(run.invocations[1]?.recorded.map(({ Name }) => Name)).toEqual(["c", undefined]);
    await replay(handler, run);
    expect(runs).toBe(1);
  });

  test("too large to be kept is rebuilt over a callback that has timed out", async () => {
    const run = await runOurs(async (_, context) => {
      const made = await context.runInChildContext("c", async (inner) => {
        const [answer] = await inner.createCallback("cb", { timeout: { seconds: 1 } });
        const how = await answer.catch((error: Error) => error.constructor.name);
        return { how, text: await inner.step("s", async () => "x".repeat(200_000)), more: "y".repeat(100_000) };
      });
      await context.wait({ seconds: 1 });
      return [made.how, made.text.length + made.more.length];
    });
    expect(run.result).toEqual(["CallbackTimeoutError", 300_000]);
  });

  test("that is open over a suspension runs again over its recorded operations", async () => {
    let bodies = 0;
    const run = await runOurs(async (_, context) =>
      context.runInChildContext("c", async (inner) => {
        bodies++;
        const value = await inner.step("s", async () => "kept");
        await inner.wait({ seconds: 1 });
        return value;
      }),
    );
    expect([run.result, bodies]).toEqual(["kept", 2]);
    expect(names(run)).toEqual(["START c", "START s", "SUCCEED s", "START undefined", "SUCCEED c"]);
  });

  test("gives live what a replay gives", async () => {
    const seen: unknown[] = [];
    const handler: Handler = async (_, context) => {
      const result = await context.runInChildContext(async () => ({ at: new Date(0), gone: undefined }));
      seen.push([typeof result.at, Object.keys(result)]);
      await context.wait({ seconds: 1 });
    };
    await replay(handler, await runOurs(handler));
    expect(seen).toEqual(Array(3).fill(["string", ["at"]]));
  });

  test("numbers its operations for itself, and belongs to the context around it", async () => {
    const run = await runOurs(async (_, context) => {
      await context.step("1", async () => 1);
      await context.runInChildContext("2", async (two) => {
        await two.runInChildContext("2-1", async (inner) => inner.step("2-1-1", async () => 1));
        await two.step("2-2", async () => 1);
      });
      await context.step("3", async () => 1);
    });
    const byName = new Map(run.operations.map((operation) => [operation.Name, operation]));
    const parentOf = (name: string) => run.operations.find(({ Id }) => Id === byName.get(name)?.ParentId)?.Name;
    expect(byName.get("1")?.Id).toBe("c4ca4238a0b92382");
    expect(byName.get("3")?.Id).toBe("eccbc87e4b5ce2fe");
    expect(["1", "2", "2-1", "2-1-1", "2-2", "3"].map(parentOf)).toEqual([
      undefined,
      undefined,
      "2",
      "2-1",
      "2",
      undefined,
    ]);
  });

  test("fails with a ChildContextError around the original, live and on replay", async () => {
    const seen: unknown[] = [];
    const handler: Handler = async (_, context) => {
      const error = (await context
        .runInChildContext("c", (inner) =>
          inner.step(
            async () => {
              throw new RangeError("deep");
            },
            { retryStrategy: never },
          ),
        )
        .catch((thrown) => thrown)) as ChildContextError;
      seen.push([error instanceof ChildContextError, error.cause instanceof StepError, error.message]);
      await context.wait({ seconds: 1 });
    };
    await replay(handler, await runOurs(handler));
    expect(seen).toEqual(Array(3).fill([true, true, "deep"]));
  });

  test("maps its error, live and on replay", async () => {
    const seen: unknown[] = [];
    const handler: Handler = async (_, context) => {
      const error = await context
        .runInChildContext<void>(
          "c",
          async () => {
            throw new Error("original");
          },
          { errorMapper: (original) => new InvokeError(`mapped ${original.message}`, original) },
        )
        .catch((thrown) => thrown);
      seen.push([(error as Error).name, (error as Error).message]);
      await context.wait({ seconds: 1 });
    };
    const run = await runOurs(handler);
    await replay(handler, run);
    expect(seen).toEqual(Array(3).fill(["InvokeError", "mapped original"]));
    expect(run.updates.find(({ Action }) => Action === "FAIL")?.Error?.ErrorType).toBe("Error");
  });

  // T2
  test("is over when its function returns: what it left running writes nothing more, and blocks nothing", async () => {
    const run = await runOurs(async (_, context) => {
      await context.runInChildContext("c", async (inner) => {
        inner.step("left", () => new Promise((resolve) => setTimeout(resolve, 20)));
        inner.wait("left too", { seconds: 1_000 });
        await inner.step("quick", async () => 1);
      });
      await context.wait("after", { seconds: 1 });
      await new Promise((resolve) => setTimeout(resolve, 40));
      return context.step("end", async () => "end");
    });
    expect(run.result).toBe("end");
    expect(names(run)).not.toContain("SUCCEED left");
    expect(run.invocations).toHaveLength(2);
  });

  test("that has ended records nothing of what ends below it later", async () => {
    const run = await runOurs(async (_, context) => {
      await context.runInChildContext("c", async (inner) => {
        inner.step("late", () => new Promise((resolve) => setTimeout(resolve, 5)));
      });
      await context.step("longer", () => new Promise((resolve) => setTimeout(resolve, 20)));
    });
    expect(names(run)).toEqual(["START c", "START late", "SUCCEED c", "START longer", "SUCCEED longer"]);
  });
});

describe("a large result of a child", () => {
  const runtime = { quotas: { payloadBytes: 1_024 } };
  const options = { runtime, engine: runtime };
  const part = "x".repeat(800);

  test("is rebuilt from its operations, whose code does not run again", async () => {
    const runs = { steps: 0, bodies: 0 };
    const handler: Handler = async (_, context) => {
      const result = await context.runInChildContext("c", async (inner) => {
        runs.bodies++;
        const parts = [];
        for (const _ of [1, 2, 3]) {
          parts.push(
            await inner.step(async () => {
              runs.steps++;
              return part;
            }),
          );
        }
        return parts.join("");
      });
      await context.wait({ seconds: 1 });
      return result.length;
    };
    const run = await runOurs(handler, options);
    expect(run.result).toBe(2_400);
    expect(await replay(handler, run, options)).toMatchObject({ output: { Result: "2400" }, requests: [] });
    expect(runs).toEqual({ steps: 3, bodies: 3 });
  });

  test("leaves a summary for whoever reads the history", async () => {
    const run = await runOurs(async (_, context) => {
      await context.runInChildContext("c", async () => part + part, { summaryGenerator: (text) => `${text.length}` });
    }, options);
    expect(run.updates.at(-1)).toMatchObject({ Payload: "1600", ContextOptions: { ReplayChildren: true } });
  });

  test("whose summary generator throws fails the child", async () => {
    const run = await runOurs(
      async (_, context) =>
        context
          .runInChildContext("c", async () => part + part, {
            summaryGenerator: () => {
              throw new RangeError("no summary");
            },
          })
          .catch((error) => (error as Error).message),
      options,
    );
    expect(run.result).toBe("no summary");
    expect(run.updates.at(-1)).toMatchObject({ Action: "FAIL", Error: { ErrorType: "RangeError" } });
  });

  test("whose summary is too large itself fails the child, with a clear error", async () => {
    const run = await runOurs(async (_, context) => {
      await context.runInChildContext("c", async () => part + part, { summaryGenerator: (text) => text });
    }, options);
    expect(run.outcome.error?.ErrorMessage).toContain(
      'The summary of the result of RunInChildContext "c" (1) is 1600 bytes; the service accepts 1024, less in a batch.',
    );
  });

  test("holds a race that an unfinished operation lost: it is not begun again", async () => {
    let begun = 0;
    const handler: Handler = async (_, context) => {
      const result = await context.runInChildContext("c", async (inner) => {
        const lost = inner.step("lost", () => {
          begun++;
          return new Promise(() => {});
        });
        const won = inner.step("won", async () => part + part.slice(0, 200));
        return [await Promise.race([lost, won]), "and more".repeat(10)];
      });
      await context.wait({ seconds: 1 });
      return result;
    };
    const run = await runOurs(handler, options);
    expect(run.result).toHaveLength(2);
    expect(await replay(handler, run, options)).toMatchObject({ requests: [] });
    expect(begun).toBe(1);
  });

  test("§18.12: that now needs an operation it did not have fails the execution, and runs nothing", async () => {
    let invocation = 0;
    let ran = false;
    const run = await runOurs(async (_, context) => {
      invocation++;
      const result = await context.runInChildContext("c", async (inner) => {
        const text = await inner.step("a", async () => part);
        if (invocation > 1) {
          await inner.step("new", async () => {
            ran = true;
          });
        }
        return text + text;
      });
      await context.wait({ seconds: 1 });
      return result;
    }, options);
    expect(run.outcome.error).toMatchObject({ ErrorType: "NonDeterministicExecutionError" });
    expect(run.outcome.error?.ErrorMessage).toContain('Operation "1-2" did not finish when the context around it did');
    expect(ran).toBe(false);
  });
});

describe("a virtual child context", () => {
  test("writes nothing of its own, and runs on every replay over what stands in it", async () => {
    const runs = { bodies: 0, steps: 0 };
    const handler: Handler = async (_, context) => {
      const result = await context.runInChildContext(
        "v",
        async (inner) => {
          runs.bodies++;
          return inner.step("s", async () => ++runs.steps);
        },
        { virtualContext: true },
      );
      await context.wait({ seconds: 1 });
      return result;
    };
    const run = await runOurs(handler);
    expect(names(run)).toEqual(["START s", "SUCCEED s", "START undefined"]);
    expect(run.updates[0]).toMatchObject({ Id: "ea66c06c1e1c05fa" });
    expect(run.updates[0]).not.toHaveProperty("ParentId");
    await replay(handler, run);
    expect(runs).toEqual({ bodies: 3, steps: 1 });
  });

  test("gives a result as large as it likes", async () => {
    const run = await runOurs(async (_, context) => {
      const text = await context.runInChildContext("v", async () => "x".repeat(400_000), { virtualContext: true });
      return text.length;
    });
    expect(run.result).toBe(400_000);
  });

  test("fails like a recorded one", async () => {
    const run = await runOurs(async (_, context) => {
      await context.runInChildContext(
        "v",
        async () => {
          throw new RangeError("virtual");
        },
        { virtualContext: true },
      );
    });
    expect(run.outcome.error).toMatchObject({ ErrorType: "ChildContextError", ErrorMessage: "virtual" });
    expect(run.updates).toEqual([]);
  });
});

test.each(["map", "runInChildContext"] as const)(
  "a combinator may be what the function of %s returns",
  async (method) => {
    const settle = (context: DurableContext) =>
      context.promise.allSettled([context.step(async () => 1), context.step(async () => 2)]);
    const run = await runOurs(async (_, context) =>
      method === "map"
        ? (await context.map([0], (item) => settle(item))).getResults()[0]
        : context.runInChildContext((child) => settle(child)),
    );
    expect(run.result).toEqual([
      { status: "fulfilled", value: 1 },
      { status: "fulfilled", value: 2 },
    ]);
  },
);
