import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { DurableContext } from "../../src/index.ts";
import {
  type Journal,
  LocalEngine,
  type LocalEngineOptions,
  type LocalHandler,
  MemoryJournal,
  SqliteJournal,
  VirtualClock,
} from "../../src/testing.ts";
import { PENDING, RawInvocation } from "../support/raw-invocation.ts";
import { type Handler, SDKS } from "../support/service.ts";

const START_MS = 1_767_225_600_000;

const newEngine = (options: LocalEngineOptions = {}) =>
  new LocalEngine({ clock: new VirtualClock(START_MS), ...options });

const code = (wanted: string, message = /./) =>
  expect.objectContaining({ code: wanted, message: expect.stringMatching(message) });

/** What a handler sees of an invoke that fails. */
async function caught(invoked: PromiseLike<unknown>): Promise<unknown> {
  try {
    return { unexpected: await invoked };
  } catch (error) {
    const { name, message, errorData } = error as Error & { errorData?: string };
    return { name, message, errorData };
  }
}

const details = (engine: LocalEngine, arn: string) =>
  engine.operations(arn).find(({ Type }) => Type === "CHAINED_INVOKE");

const types = (engine: LocalEngine, arn: string) => engine.history(arn).map(({ EventType }) => EventType);

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

describe.for(SDKS)("chained invokes of a handler of %s", ([, wrap]) => {
  async function run(handler: Handler, prepare: (engine: LocalEngine) => void, options: LocalEngineOptions = {}) {
    const engine = newEngine(options);
    engine.register("f", wrap(handler));
    prepare(engine);
    const { arn, result } = engine.start({ functionName: "f" });
    const outcome = await result;
    return { engine, arn, outcome, value: outcome.result === undefined ? undefined : JSON.parse(outcome.result) };
  }

  test("a plain function gets the payload and a Lambda context, and its result comes back", async () => {
    const { value } = await run(
      (_event, context) => context.invoke("call", "double", { n: 21 }, { tenantId: "t1" }),
      (engine) =>
        engine.registerFunction("double", async ({ n }: { n: number }, { functionName, tenantId, ...context }) => {
          await new Promise((resolve) => setTimeout(resolve, 5));
          return { twice: n * 2, functionName, tenantId, timed: context.getRemainingTimeInMillis() > 0 };
        }),
    );
    expect(value).toEqual({ twice: 42, functionName: "double", tenantId: "t1", timed: true });
  });

  test.for([
    "target",
    "target:3",
    "arn:aws:lambda:us-east-1:123456789012:function:target:live",
    "1234:function:target",
  ])("a function is found as %s", async (target) => {
    const { value } = await run(
      (_event, context) => context.invoke(target, {}),
      (engine) => engine.registerFunction("target", () => "found"),
    );
    expect(value).toBe("found");
  });

  test("a durable function runs as an execution of its own, named in the history", async () => {
    const { engine, arn, value } = await run(
      (_event, context) => context.invoke("call", "child:1", { n: 1 }, { tenantId: "t1" }),
      (it) =>
        it.register(
          "child",
          wrap(async ({ n }: { n: number }, context) => {
            const stepped = await context.step(async () => n + 1);
            await context.wait({ days: 1 });
            return { stepped, tenantId: (context.lambdaContext as { tenantId?: string }).tenantId };
          }),
        ),
    );
    expect(value).toEqual({ stepped: 2, tenantId: "t1" });
    const [parent, child] = engine.list();
    expect(child).toMatchObject({
      functionName: "child",
      input: '{"n":1}',
      status: "SUCCEEDED",
      parent: { arn, operationId: details(engine, arn)?.Id },
    });
    expect(engine.find("last")?.arn).toBe(parent?.arn);
    const started = engine.history(arn).find(({ EventType }) => EventType === "ChainedInvokeStarted");
    expect(started?.["ChainedInvokeStartedDetails"]).toEqual({
      FunctionName: "child:1",
      TenantId: "t1",
      Input: { Truncated: false },
      ExecutedVersion: "$LATEST",
      DurableExecutionArn: child?.arn,
    });
    expect(types(engine, arn)).toEqual([
      ...["ExecutionStarted", "ChainedInvokeStarted", "InvocationCompleted", "ChainedInvokeSucceeded"],
      ...["InvocationCompleted", "ExecutionSucceeded"],
    ]);
  });

  test("what a plain function throws is recorded with its stack, and thrown in the handler", async () => {
    const { engine, arn, value } = await run(
      (_event, context) => caught(context.invoke("broken", {})),
      (it) =>
        it.registerFunction("broken", () => {
          throw Object.assign(new RangeError("too far"), { errorData: "d" });
        }),
    );
    expect(value).toEqual({ name: "InvokeError", message: "too far", errorData: "d" });
    expect(details(engine, arn)).toMatchObject({
      Status: "FAILED",
      ChainedInvokeDetails: {
        Error: {
          ErrorType: "RangeError",
          ErrorMessage: "too far",
          StackTrace: expect.arrayContaining([expect.any(String)]),
        },
      },
    });
  });

  test("a durable function that fails gives its error, message and data", async () => {
    const { engine, arn, value } = await run(
      (_event, context) => caught(context.invoke("child", {})),
      (it) =>
        it.register("child", async () => ({
          Status: "FAILED",
          Error: { ErrorType: "TypeError", ErrorMessage: "m", ErrorData: "d", StackTrace: ["s"] },
        })),
    );
    expect(value).toEqual({ name: "InvokeError", message: "m", errorData: "d" });
    expect(details(engine, arn)?.ChainedInvokeDetails?.Error?.StackTrace).toEqual(["s"]);
  });

  test("a durable function that is stopped ends the invoke so", async () => {
    const { engine, arn, value } = await run(
      (_event, context) => caught(context.invoke("child", {})),
      (it) =>
        it.register("child", async (event) => {
          it.stop(event.DurableExecutionArn, { ErrorType: "Operator", ErrorMessage: "enough" });
          return PENDING;
        }),
    );
    expect(value).toMatchObject({ name: "InvokeError", message: "enough" });
    expect(details(engine, arn)?.Status).toBe("STOPPED");
    expect(types(engine, arn)).toContain("ChainedInvokeStopped");
  });

  test("a plain function that takes too long is timed out", async () => {
    const { engine, arn, value } = await run(
      (_event, context) => caught(context.invoke("slow", {})),
      (it) => it.registerFunction("slow", () => new Promise(() => {})),
      { clock: undefined as never, invocation: { timeoutMs: 100 } },
    );
    expect(value).toMatchObject({ message: "Task timed out after 0.10 seconds" });
    expect(details(engine, arn)).toMatchObject({
      Status: "TIMED_OUT",
      ChainedInvokeDetails: { Error: { ErrorType: "Sandbox.Timedout" } },
    });
    expect(types(engine, arn)).toContain("ChainedInvokeTimedOut");
  });

  test("a function that nobody has registered fails the invoke, and says what there is", async () => {
    const { engine, arn, value } = await run(
      (_event, context) => caught(context.invoke("nobody", {})),
      (it) => it.registerFunction("somebody", () => 1),
    );
    expect(value).toMatchObject({
      name: "InvokeError",
      message: 'No function "nobody" is registered (known: f, somebody).',
    });
    expect(details(engine, arn)?.ChainedInvokeDetails?.Error?.ErrorType).toBe("ResourceNotFoundException");
  });

  test("a payload that is not JSON, and a result that is too large, fail the invoke", async () => {
    const { value } = await run(
      async (_event, context) => [
        await caught(
          context.invoke("any", "x", { payloadSerdes: { serialize: async () => "<x>", deserialize: async () => "" } }),
        ),
        await caught(context.invoke("large", {})),
      ],
      (it) => {
        it.registerFunction("any", () => 1);
        it.registerFunction("large", () => "x".repeat(300_000));
      },
    );
    expect(value).toMatchObject([{ message: /not JSON/ }, { message: /300002 bytes; 262144 are allowed/ }]);
  });

  test("many invokes run side by side, of functions that invoke others in turn", async () => {
    const { engine, value } = await run(
      async (_event, context: DurableContext) => {
        const batch = await context.map("all", [1, 2, 3, 4, 5, 6], (item, n) => item.invoke("middle", { n }));
        return batch.getResults();
      },
      (it) => {
        it.register(
          "middle",
          wrap(({ n }: { n: number }, context) => context.invoke("square", { n })),
        );
        it.registerFunction("square", ({ n }: { n: number }) => n * n);
      },
    );
    expect(value).toEqual([1, 4, 9, 16, 25, 36]);
    expect(engine.list()).toHaveLength(7);
  });

  test.each(["plain", "durable"])(
    "an invoke of a %s function whose payload is not JSON fails also if the engine closes when it begins",
    async (kind) => {
      const journal = new MemoryJournal();
      const begin = () => {
        const engine = newEngine({ journal });
        const payloadSerdes = { serialize: async () => "not json", deserialize: async () => "" };
        engine.register(
          "f",
          wrap((_event, context) => caught(context.invoke("i", "target", "x", { payloadSerdes }))),
        );
        if (kind === "plain") engine.registerFunction("target", () => 1);
        else
          engine.register(
            "target",
            wrap(async () => 1),
          );
        return engine;
      };
      const first = begin();
      first.subscribe((event) => {
        if (event.type === "checkpoint" && details(first, event.arn) !== undefined) void first.close();
      });
      const { arn, result } = first.start({ functionName: "f" });
      await expect(result).rejects.toEqual(code("ERR_ENGINE_CLOSED"));
      expect(details(first, arn)?.Status).toBe("STARTED");
      const second = begin();
      const resumed = second.resume(arn);
      await second.rest();
      expect(details(second, arn)).toMatchObject({
        Status: "FAILED",
        ChainedInvokeDetails: { Error: { ErrorType: "InvalidRequestContentException" } },
      });
      expect(JSON.parse((await resumed.result).result ?? "")).toMatchObject({ message: /not JSON/ });
    },
  );

  // I2
  test("after a restart parents and children find each other again, and go on", async () => {
    const folder = mkdtempSync(join(tmpdir(), "invokes-"));
    const file = join(folder, "journal.db");
    const ran: string[] = [];
    const begin = (journal: Journal, clock: VirtualClock, helper: () => unknown) => {
      const engine = new LocalEngine({ journal, clock, skipCallbackTimeouts: false });
      engine.register(
        "f",
        wrap(async (_event, context: DurableContext) => {
          const both = await context.parallel("both", [
            (branch: DurableContext) => branch.invoke("child", "child", {}),
            (branch: DurableContext) => branch.invoke("helper", "helper", {}),
          ]);
          return both.getResults();
        }),
      );
      engine.register(
        "child",
        wrap(async (_event, context) => {
          await context.step(async () => void ran.push("child's step"));
          const [done] = await context.createCallback({ timeout: { days: 9 } });
          return done;
        }),
      );
      engine.registerFunction("helper", helper);
      return engine;
    };
    let helping = () => {};
    const helped = new Promise<void>((resolve) => {
      helping = resolve;
    });
    const first = begin(new SqliteJournal(file), new VirtualClock(START_MS), () => {
      ran.push("helper");
      helping();
      return new Promise(() => {});
    });
    const { arn, result } = first.start({ functionName: "f", name: "parent" });
    result.catch(() => {});
    await helped;
    await until(() => {
      const child = first.list()[1];
      return child !== undefined && types(first, child.arn).includes("InvocationCompleted");
    });
    await first.close();

    const incomplete = new LocalEngine({ journal: new SqliteJournal(file), clock: new VirtualClock(START_MS) });
    incomplete.register("f", async () => PENDING);
    expect(() => incomplete.resume(arn)).toThrow(
      code(
        "ERR_FUNCTION_UNKNOWN",
        /"parent" waits .* invoke "child" of function "child", which is not registered \(known: f\).*register\("child", handler\)/,
      ),
    );
    incomplete.register("child", async () => PENDING);
    expect(() => incomplete.resume(arn)).toThrow(
      code("ERR_FUNCTION_UNKNOWN", /invoke "helper" .*registerFunction\("helper", run\)/),
    );
    expect(incomplete.list().map(({ counters }) => counters.invocations)).toEqual([1, 1]);
    await incomplete.close();

    const second = begin(new SqliteJournal(file), new VirtualClock(START_MS + 60_000), () => {
      ran.push("helper");
      return "helped";
    });
    const resumed = second.resume("parent");
    const child = second.list()[1]?.arn as string;
    const id = second.operations(child).find(({ Type }) => Type === "CALLBACK")?.CallbackDetails?.CallbackId;
    second.completeCallback(id as string, "called");
    expect((await resumed.result).result).toBe('["called","helped"]');
    expect(ran.sort()).toEqual(["child's step", "helper", "helper"]);
    expect(second.list().map(({ status }) => status)).toEqual(["SUCCEEDED", "SUCCEEDED"]);
    await second.close();
    rmSync(folder, { recursive: true });
  });
});

const invoke = (FunctionName: string) => ({
  Id: "i",
  Type: "CHAINED_INVOKE" as const,
  SubType: "ChainedInvoke",
  Action: "START" as const,
  Payload: "{}",
  ChainedInvokeOptions: { FunctionName },
});

/** An engine whose function begins one invoke and then waits for it. */
function waitingFor(journal: Journal, target: string): LocalEngine {
  const engine = newEngine({ journal });
  engine.register("f", async (event) => {
    const invocation = new RawInvocation(event);
    if (invocation.recorded("i") === undefined) await invocation.checkpoint([invoke(target)]);
    if (invocation.recorded("i")?.EndTimestamp === undefined) return PENDING;
    return { Status: "SUCCEEDED", Result: JSON.stringify(invocation.recorded("i")?.ChainedInvokeDetails?.Result) };
  });
  return engine;
}

// I1
test("a child whose execution the crash prevented is started under the ARN that its parent knows", async () => {
  const whole = new MemoryJournal();
  class Cut extends MemoryJournal {
    override create(header: Parameters<Journal["create"]>[0]): void {
      if (header.parent !== undefined) throw new Error("the process ends here");
      super.create(header);
      whole.create(header);
    }
    override append(...given: Parameters<Journal["append"]>): void {
      super.append(...given);
      whole.append(...given);
    }
  }
  const first = waitingFor(new Cut(), "child");
  first.register("child", async () => ({ Status: "SUCCEEDED" }));
  const { arn, result } = first.start({ functionName: "f" });
  await expect(result).rejects.toThrow(/the process ends here/);
  expect(whole.executions()).toHaveLength(1);

  const second = waitingFor(whole, "child");
  second.register("child", async () => ({ Status: "SUCCEEDED", Result: '"at last"' }));
  expect(await second.resume(arn).result).toEqual({ status: "SUCCEEDED", result: '"\\"at last\\""' });
  const started = second.history(arn).find(({ EventType }) => EventType === "ChainedInvokeStarted");
  expect(started?.["ChainedInvokeStartedDetails"]).toMatchObject({ DurableExecutionArn: second.list()[1]?.arn });
});

test("a child that ended while its parent was not running is found by the parent when that is resumed", async () => {
  const journal = new MemoryJournal();
  const first = waitingFor(journal, "child");
  let invoked = () => {};
  const child = new Promise<void>((resolve) => {
    invoked = resolve;
  });
  first.register("child", () => {
    invoked();
    return new Promise(() => {});
  });
  const { arn } = first.start({ functionName: "f" });
  await child;

  const second = newEngine({ journal });
  second.register("child", async () => ({ Status: "SUCCEEDED", Result: "7" }));
  const childArn = second.list()[1]?.arn as string;
  expect((await second.resume(childArn).result).result).toBe("7");

  const third = waitingFor(journal, "child");
  expect(await third.resume(arn).result).toEqual({ status: "SUCCEEDED", result: '"7"' });
});

test("an invoke that has outlived its execution is not begun again", async () => {
  const journal = new MemoryJournal();
  const first = waitingFor(journal, "plain");
  let runs = 0;
  first.registerFunction("plain", () => {
    runs++;
    return new Promise(() => {});
  });
  const { arn } = first.start({ functionName: "f" });
  await until(() => types(first, arn).includes("InvocationCompleted"));
  first.stop(arn);
  const second = waitingFor(journal, "plain");
  expect((await second.resume(arn).result).status).toBe("STOPPED");
  expect(runs).toBe(1);
});

test("a plain function that ends while the engine closes is not run again", async () => {
  const journal = new MemoryJournal();
  const first = waitingFor(journal, "plain");
  let end = (_value: unknown) => {};
  first.registerFunction("plain", () => new Promise((resolve) => (end = resolve)));
  const { arn, result } = first.start({ functionName: "f" });
  await until(() => types(first, arn).includes("InvocationCompleted"));
  const closed = expect(result).rejects.toEqual(code("ERR_ENGINE_CLOSED"));
  const closing = first.close();
  end("just in time");
  await closing;
  await closed;
  const second = waitingFor(journal, "plain");
  expect((await second.resume(arn).result).result).toBe('"\\"just in time\\""');
});

test("a plain function has no executions", () => {
  const engine = newEngine();
  engine.registerFunction("plain", () => 1);
  expect(() => engine.start({ functionName: "plain" })).toThrow(code("ERR_FUNCTION_NOT_DURABLE", /"plain"/));
});

test("a function that was plain and is durable now is refused when what it began is resumed", async () => {
  const journal = new MemoryJournal();
  const first = waitingFor(journal, "changed");
  first.registerFunction("changed", () => new Promise(() => {}));
  const { arn } = first.start({ functionName: "f" });
  await until(() => types(first, arn).includes("InvocationCompleted"));
  const second = waitingFor(journal, "changed");
  second.register("changed", async () => PENDING);
  expect(() => second.resume(arn)).toThrow(
    code("ERR_FUNCTION_UNKNOWN", /was a plain function then and is a durable one now/),
  );
});

test("a function that was durable and is plain now is refused when what it began is resumed", async () => {
  const journal = new MemoryJournal();
  const first = waitingFor(journal, "changed:7");
  first.register("changed", () => new Promise(() => {}));
  const { arn } = first.start({ functionName: "f" });
  await until(() => types(first, arn).includes("InvocationCompleted") && first.list().length === 2);
  const second = waitingFor(journal, "changed:7");
  second.registerFunction("changed", () => 1);
  expect(() => second.resume(arn)).toThrow(
    code("ERR_FUNCTION_UNKNOWN", /was a durable function then and is a plain one now.*register\("changed", handler\)/),
  );
});

test("the tenant is told to an invoked function after a restart too, and to a function that is started for it", async () => {
  const journal = new MemoryJournal();
  const begin = () => {
    const invoked: string[] = [];
    const engine = newEngine({ journal });
    engine.register("f", async (event, { tenantId }) => {
      const invocation = new RawInvocation(event);
      if (tenantId !== undefined) invoked.push(`f for ${tenantId}`);
      const start = { ...invoke("child"), ChainedInvokeOptions: { FunctionName: "child", TenantId: "t1" } };
      if (invocation.recorded("i") === undefined) await invocation.checkpoint([start]);
      return PENDING;
    });
    engine.register("child", (_event, { tenantId }) => {
      invoked.push(`child for ${tenantId}`);
      return new Promise(() => {});
    });
    return { engine, invoked };
  };
  const first = begin();
  const { arn } = first.engine.start({ functionName: "f" });
  await until(() => first.invoked.length === 1);
  const second = begin();
  second.engine.resume(arn);
  await until(() => second.invoked.length === 1);
  expect([first.invoked, second.invoked]).toEqual([["child for t1"], ["child for t1"]]);
  const third = begin();
  third.engine.start({ functionName: "f", tenantId: "t2" });
  await until(() => third.invoked.length === 2);
  expect(third.invoked).toEqual(["f for t2", "child for t1"]);
});

test("stopping an execution leaves what it invoked to itself, and tells nobody but the one that began it", async () => {
  const engine = newEngine({ skipCallbackTimeouts: false });
  const forward = (target: string) => async (event: Parameters<LocalHandler>[0]) => {
    const invocation = new RawInvocation(event);
    const known = invocation.recorded("i");
    if (known === undefined) await invocation.checkpoint([invoke(target)]);
    if (known?.EndTimestamp === undefined) return PENDING;
    return { Status: "FAILED", Error: known.ChainedInvokeDetails?.Error };
  };
  engine.register("top", forward("middle"));
  engine.register("middle", forward("bottom"));
  engine.register("bottom", async (event) => {
    const invocation = new RawInvocation(event);
    if (invocation.recorded("w") !== undefined) return { Status: "SUCCEEDED" };
    const start = { Id: "w", Type: "CALLBACK" as const, SubType: "Callback", Action: "START" as const };
    await invocation.checkpoint([start]);
    return PENDING;
  });
  const top = engine.start({ functionName: "top" });
  await engine.rest();
  const [, middle, bottom] = engine.list().map(({ arn }) => arn) as [string, string, string];
  const error = { ErrorType: "Operator", ErrorMessage: "enough" };
  engine.stop(middle, error);
  expect(await top.result).toEqual({ status: "FAILED", error });
  expect(details(engine, top.arn)).toMatchObject({ Status: "STOPPED", ChainedInvokeDetails: { Error: error } });
  expect(details(engine, middle)?.Status).toBe("STARTED");
  const told = engine.history(middle, { includeExecutionData: true }).at(-1);
  expect(told).toMatchObject({ EventType: "ExecutionStopped", ExecutionStoppedDetails: { Error: { Payload: error } } });
  expect(engine.find(bottom)?.status).toBe("RUNNING");
  engine.completeCallback(engine.openCallbacks(bottom)[0]?.callbackId as string);
  await engine.rest();
  expect(engine.find(bottom)?.status).toBe("SUCCEEDED");
  expect(types(engine, middle).at(-1)).toBe("ExecutionStopped");
});

test("an execution that times out ends the invoke that began it", async () => {
  const journal = new MemoryJournal();
  const engine = waitingFor(journal, "child");
  engine.register("child", async (event) => {
    await new RawInvocation(event).checkpoint([
      { Id: "c", Type: "CALLBACK", SubType: "Callback", Action: "START", CallbackOptions: {} },
    ]);
    return PENDING;
  });
  const { arn, result } = engine.start({ functionName: "f" });
  await until(() => engine.list().length === 2 && types(engine, engine.list()[1]?.arn as string).length === 3);
  const { header } = journal.executions()[1] as { header: { arn: string } };
  journal.append(
    header.arn,
    [{ kind: "end", atMs: START_MS, status: "TIMED_OUT" }],
    engine.list()[1]?.counters as never,
  );
  result.catch(() => {});
  const second = waitingFor(journal, "child");
  await second.resume(arn).result;
  expect(details(second, arn)).toMatchObject({
    Status: "TIMED_OUT",
    ChainedInvokeDetails: { Error: { ErrorMessage: "The invoked execution timed out" } },
  });
});
