import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type * as official from "@aws/durable-execution-sdk-js";
import { describe, expect, test } from "vitest";
import type { DurableContext, OperationUpdate } from "../../src/index.ts";
import { LocalEngine, type LocalEngineOptions, MemoryJournal, SqliteJournal, VirtualClock } from "../../src/testing.ts";
import { PENDING, RawInvocation, wait } from "../support/raw-invocation.ts";
import { type Handler, SDKS, withRuntime } from "../support/service.ts";

const START_MS = 1_767_225_600_000;

const callback = (Id: string, CallbackOptions: OperationUpdate["CallbackOptions"] = {}): OperationUpdate => ({
  Id,
  Type: "CALLBACK",
  SubType: "Callback",
  Action: "START",
  CallbackOptions,
});

const refusal = (name: string, httpStatusCode = 400) =>
  expect.objectContaining({ name, $metadata: { httpStatusCode }, message: expect.any(String) });

/** Resolves when the execution waits for something. */
function suspended(engine: LocalEngine): Promise<void> {
  return new Promise((resolve) => {
    const stop = engine.subscribe(({ type }) => {
      if (type !== "invocation-ended") return;
      stop();
      setImmediate(resolve);
    });
  });
}

const idOf = (engine: LocalEngine, arn: string): string =>
  engine.operations(arn).find(({ Type }) => Type === "CALLBACK")?.CallbackDetails?.CallbackId as string;

const types = (engine: LocalEngine, arn: string) => engine.history(arn).map(({ EventType }) => EventType);

describe.for(SDKS)("callbacks of a handler of %s", ([, wrap]) => {
  /** Starts a handler, and waits until it waits. */
  async function begin(handler: Handler, options: LocalEngineOptions = {}) {
    const clock = new VirtualClock(START_MS);
    const engine = new LocalEngine({ clock, skipCallbackTimeouts: false, ...options });
    engine.register("f", wrap(handler));
    const waiting = suspended(engine);
    const execution = engine.start({ functionName: "f" });
    await waiting;
    const { arn, result } = execution;
    return { engine, clock, arn, result, id: idOf(engine, arn) };
  }

  test("a result from outside wakes the execution, and is what the handler gets", async () => {
    const { engine, id, arn, result } = await begin(async (_event, context) => {
      const [done, callbackId] = await context.createCallback("approval", { timeout: { hours: 1 } });
      return [callbackId, await done];
    });
    engine.completeCallback(id, '{"ok":true}');
    expect(JSON.parse((await result).result as string)).toEqual([id, '{"ok":true}']);
    expect(engine.find(arn)?.counters).toMatchObject({ invocations: 2, dataBytes: expect.any(Number) });
  });

  test("bytes are read as UTF-8, and an empty body is no result", async () => {
    const both: Handler = async (_event, context) => {
      const [done] = await context.createCallback();
      return { result: await done };
    };
    const bytes = await begin(both);
    bytes.engine.completeCallback(bytes.id, new TextEncoder().encode("grün"));
    expect((await bytes.result).result).toBe('{"result":"grün"}');
    for (const nothing of [undefined, "", new Uint8Array()]) {
      const empty = await begin(both);
      empty.engine.completeCallback(empty.id, nothing);
      expect((await empty.result).result).toBe("{}");
    }
  });

  test("a failure from outside is thrown in the handler", async () => {
    const { engine, id, result } = await begin(async (_event, context) => {
      const [done] = await context.createCallback();
      try {
        return await done;
      } catch (error) {
        const { name, message, cause, errorData } = error as official.DurableOperationError;
        return [name, message, cause?.name, errorData];
      }
    });
    engine.failCallback(id, { ErrorType: "Refused", ErrorMessage: "not today", ErrorData: "d" });
    expect((await result).result).toBe('["CallbackExternalError","not today","Refused","d"]');
  });

  test("the id reaches the submitter, who may complete the callback at once", async () => {
    const engine = new LocalEngine({ clock: new VirtualClock(START_MS) });
    engine.register(
      "f",
      wrap((_event, context) =>
        context.waitForCallback("ask", async (id) => engine.completeCallback(id, "yes"), { timeout: { seconds: 5 } }),
      ),
    );
    const { arn, result } = engine.start({ functionName: "f" });
    expect(await result).toEqual({ status: "SUCCEEDED", result: '"yes"' });
    expect(types(engine, arn).filter((type) => type.startsWith("Callback"))).toEqual([
      "CallbackStarted",
      "CallbackSucceeded",
    ]);
  });

  test.for([
    ["its time-out", { timeout: { minutes: 5 }, heartbeatTimeout: { hours: 1 } }, 300, "Callback timed out"],
    ["a heartbeat that does not come", { timeout: { hours: 1 }, heartbeatTimeout: { seconds: 9 } }, 9, "heartbeat"],
  ] as const)("%s is skipped to in virtual time, and thrown in the handler", async ([, config, seconds, text]) => {
    const clock = new VirtualClock(START_MS);
    const engine = new LocalEngine({ clock });
    engine.register(
      "f",
      wrap(async (_event, context) => {
        const asked = context.waitForCallback("ask", async () => {}, config);
        return asked.then(String, (error) => `${(error as Error).name}: ${(error as Error).message}`);
      }),
    );
    const { result } = engine.start({ functionName: "f" });
    const { status, result: json } = await result;
    expect(status).toBe("SUCCEEDED");
    expect(json).toMatch("CallbackTimeoutError: ");
    expect(json).toMatch(text);
    expect(clock.now()).toBe(START_MS + seconds * 1_000);
  });

  test("callbacks of many items are each completed with their own result", async () => {
    const engine = new LocalEngine({ clock: new VirtualClock(START_MS), skipCallbackTimeouts: false });
    const ids: string[] = [];
    engine.register(
      "f",
      wrap(async (_event, context: DurableContext) => {
        const batch = await context.map("items", [0, 1, 2, 3, 4], (item, n) =>
          item.waitForCallback(`ask ${n}`, async (id) => void ids.push(id), { timeout: { hours: 1 } }),
        );
        return batch.getResults();
      }),
    );
    const waiting = suspended(engine);
    const { result } = engine.start({ functionName: "f" });
    await waiting;
    for (const [n, id] of [...ids.entries()].reverse()) engine.completeCallback(id, `r${n}`);
    expect((await result).result).toBe('["r0","r1","r2","r3","r4"]');
  });

  test("a callback completed while nothing runs is delivered when the execution is resumed from its file", async () => {
    const folder = mkdtempSync(join(tmpdir(), "callbacks-"));
    const file = join(folder, "journal.db");
    const handler: Handler = async (_event, context) => {
      const [first] = await context.createCallback("first", { timeout: { days: 1 } });
      const [second] = await context.createCallback("second", { heartbeatTimeout: { hours: 2 } });
      return [await first, await second];
    };
    const { engine, arn, result } = await begin(handler, { journal: new SqliteJournal(file) });
    const ids = engine.operations(arn).flatMap(({ CallbackDetails }) => CallbackDetails?.CallbackId ?? []);
    result.catch(() => {});
    engine.heartbeatCallback(ids[1] as string);
    await engine.close();
    expect(() => engine.completeCallback(ids[0] as string)).toThrow(
      expect.objectContaining({ code: "ERR_ENGINE_CLOSED" }),
    );

    const outside = new LocalEngine({
      journal: new SqliteJournal(file),
      clock: new VirtualClock(START_MS + 3_600_000),
    });
    outside.completeCallback(ids[0] as string, "one");
    outside.heartbeatCallback(ids[1] as string);
    expect(() => outside.failCallback(ids[0] as string)).toThrow(refusal("CallbackTimeoutException"));
    expect(outside.find(arn)).toMatchObject({ status: "RUNNING", counters: { invocations: 1 } });
    await outside.close();

    const updated: (string[] | undefined)[] = [];
    // Later than the heartbeat would have allowed, had it not been restarted.
    const clock = new VirtualClock(START_MS + 2.5 * 3_600_000);
    const last = new LocalEngine({ journal: new SqliteJournal(file), clock, skipCallbackTimeouts: false });
    const lambda = wrap(handler);
    last.register("f", (event, context) => {
      updated.push(event.UpdatedOperationIds);
      return lambda(event, context);
    });
    const waiting = suspended(last);
    const resumed = last.resume(arn);
    await waiting;
    last.completeCallback(ids[1] as string, "two");
    expect((await resumed.result).result).toBe('["one","two"]');
    expect(updated.map((news) => news?.length)).toEqual([1, 1]);
    expect(types(last, arn).filter((type) => !type.startsWith("Exec"))).toEqual([
      ...["CallbackStarted", "CallbackStarted", "InvocationCompleted"],
      ...["CallbackSucceeded", "InvocationCompleted", "CallbackSucceeded", "InvocationCompleted"],
    ]);
    await last.close();
    rmSync(folder, { recursive: true });
  });
});

/** An execution that waits for one callback, at the level of the protocol. */
async function open(options: OperationUpdate["CallbackOptions"] = {}, engineOptions: LocalEngineOptions = {}) {
  const clock = new VirtualClock(START_MS);
  const engine = new LocalEngine({ clock, skipCallbackTimeouts: false, ...engineOptions });
  const invocations: RawInvocation[] = [];
  engine.register("raw", async (event) => {
    const invocation = new RawInvocation(event);
    invocations.push(invocation);
    if (invocation.recorded("c") === undefined) await invocation.checkpoint([callback("c", options)]);
    return invocation.recorded("c")?.EndTimestamp === undefined ? PENDING : { Status: "SUCCEEDED" };
  });
  const waiting = suspended(engine);
  const { arn, result } = engine.start({ functionName: "raw" });
  await waiting;
  return { engine, clock, invocations, arn, result, id: idOf(engine, arn) };
}

// E4
test("a completion during an invocation comes with its next answer, once, and not again with the next event", async () => {
  const engine = new LocalEngine({ clock: new VirtualClock(START_MS) });
  const news: unknown[] = [];
  engine.register("raw", async (event) => {
    const invocation = new RawInvocation(event);
    news.push(event.UpdatedOperationIds);
    if (news.length > 1) return { Status: "SUCCEEDED" };
    const [started] = await invocation.checkpoint([callback("c"), wait("w")]);
    expect(started).toMatchObject({ Status: "STARTED", CallbackDetails: { CallbackId: expect.any(String) } });
    engine.completeCallback(started?.CallbackDetails?.CallbackId as string, "r");
    const answer = await invocation.checkpoint([]);
    expect(answer).toMatchObject([{ Id: "c", Status: "SUCCEEDED", CallbackDetails: { Result: "r" } }]);
    expect(await invocation.checkpoint([])).toEqual([]);
    return PENDING;
  });
  expect(await engine.start({ functionName: "raw" }).result).toEqual({ status: "SUCCEEDED" });
  expect(news).toEqual([undefined, ["w"]]);
});

test("a heartbeat restarts the heartbeat's time, and is not in the history", async () => {
  const { engine, clock, invocations, arn, id, result } = await open({
    TimeoutSeconds: 100,
    HeartbeatTimeoutSeconds: 10,
  });
  for (let beat = 0; beat < 5; beat++) {
    clock.advance(9_000);
    engine.heartbeatCallback(id);
  }
  await new Promise((resolve) => setImmediate(resolve));
  expect(invocations).toHaveLength(1);
  clock.advance(10_000);
  await result;
  expect(invocations[1]?.recorded("c")).toMatchObject({
    Status: "TIMED_OUT",
    EndTimestamp: new Date(START_MS + 55_000),
    CallbackDetails: {
      Error: { ErrorType: "Callback.Heartbeat", ErrorMessage: "Callback timed out on heartbeat" },
    },
  });
  expect(types(engine, arn).slice(1, -1)).toEqual([
    ...["CallbackStarted", "InvocationCompleted", "CallbackTimedOut", "InvocationCompleted"],
  ]);
  expect(() => engine.heartbeatCallback(id)).toThrow(refusal("CallbackTimeoutException"));
});

test("heartbeats do not put off the time-out itself", async () => {
  const opened = await open({ TimeoutSeconds: 15, HeartbeatTimeoutSeconds: 10 });
  const { engine, clock, invocations, arn, id, result } = opened;
  clock.advance(9_000);
  engine.heartbeatCallback(id);
  clock.advance(6_000);
  await result;
  const timedOut = {
    Status: "TIMED_OUT",
    CallbackDetails: { Error: { ErrorType: "Callback.Timeout", ErrorMessage: "Callback timed out" } },
  };
  expect(invocations[1]?.recorded("c")).toMatchObject(timedOut);
  // The new execution has no heartbeats.
  const amendment = { removed: new Set(""), reopened: new Set(""), retried: new Map(), payloads: new Map() };
  const again = engine.redrive(arn, { amend: () => amendment });
  expect(engine.operations(again.arn).find(({ Id }) => Id === "c")).toMatchObject(timedOut);
  expect(types(engine, again.arn)).toContain("CallbackTimedOut");
});

test("a time-out of 0 is none", async () => {
  const { engine, clock, invocations, id, result } = await open({ TimeoutSeconds: 0, HeartbeatTimeoutSeconds: 0 });
  clock.advance(10 * 365 * 86_400_000);
  await new Promise((resolve) => setImmediate(resolve));
  expect(invocations).toHaveLength(1);
  engine.completeCallback(id);
  expect((await result).status).toBe("SUCCEEDED");
});

// CB2
test("a deadline that has passed refuses a completion, even before the execution has noticed", async () => {
  const journal = new MemoryJournal();
  const { engine, id, arn } = await open({ TimeoutSeconds: 60 }, { journal });
  await engine.close();
  const later = new LocalEngine({ journal, clock: new VirtualClock(START_MS + 60_000) });
  expect(() => later.completeCallback(id, "late")).toThrow(refusal("CallbackTimeoutException"));
  expect(types(later, arn).at(-1)).toBe("CallbackTimedOut");
});

// CB1, E6
test("whoever is first completes a callback; everybody after is refused", async () => {
  const { engine, id, result } = await open();
  engine.completeCallback(id, "first");
  for (const again of [() => engine.completeCallback(id, "second"), () => engine.failCallback(id)]) {
    expect(again).toThrow(refusal("CallbackTimeoutException"));
  }
  await result;
  expect(() => engine.heartbeatCallback(id)).toThrow(refusal("CallbackTimeoutException"));
});

test("a callback of an execution that was stopped is closed", async () => {
  const { engine, id, arn } = await open();
  engine.stop(arn);
  expect(() => engine.completeCallback(id)).toThrow(refusal("CallbackTimeoutException"));
});

test("an id that is none is refused with what is wrong with it", async () => {
  const { engine, id } = await open();
  const address = JSON.parse(Buffer.from(id, "base64").toString());
  const forged = (changes: object) => Buffer.from(JSON.stringify({ ...address, ...changes })).toString("base64");
  for (const [wrong, name, status, message] of [
    ["nonsense", "InvalidParameterValueException", 400, /Invalid callback id: "nonsense"/],
    ["bnVsbA==", "InvalidParameterValueException", 400, /Invalid callback id/],
    [forged({ arn: "arn:x" }), "ResourceNotFoundException", 404, /does not have: arn:x/],
    [forged({ operationId: "other" }), "ResourceNotFoundException", 404, /no callback with this id/],
    [forged({ token: "guessed" }), "ResourceNotFoundException", 404, /no callback with this id/],
  ] as const) {
    const wanted = { name, $metadata: { httpStatusCode: status }, message: expect.stringMatching(message) };
    expect(() => engine.completeCallback(wrong)).toThrow(expect.objectContaining(wanted));
  }
  expect(() => engine.completeCallback(undefined as never)).toThrow(refusal("InvalidParameterValueException"));
});

test("results and errors over the quota are refused, and the callback stays open", async () => {
  const { engine, id, result } = await open({}, { quotas: { payloadBytes: 100, errorBytes: 100 } });
  expect(() => engine.completeCallback(id, "x".repeat(101))).toThrow(refusal("InvalidParameterValueException"));
  expect(() => engine.failCallback(id, { ErrorMessage: "x".repeat(90) })).toThrow(/Error object size/);
  engine.completeCallback(id, "x".repeat(100));
  expect((await result).status).toBe("SUCCEEDED");
});

test("virtual time that may not skip callbacks still passes waits that end earlier", async () => {
  const clock = new VirtualClock(START_MS);
  const engine = new LocalEngine({ clock, skipCallbackTimeouts: false });
  engine.register(
    "f",
    withRuntime(async (_event, context) => {
      const [done] = await context.createCallback({ timeout: { hours: 1 } });
      await context.wait({ minutes: 1 });
      return done;
    }),
  );
  const { arn, result } = engine.start({ functionName: "f" });
  await suspended(engine);
  await suspended(engine);
  expect(clock.now()).toBe(START_MS + 60_000);
  engine.completeCallback(idOf(engine, arn), "now");
  expect(await result).toEqual({ status: "SUCCEEDED", result: '"now"' });
  expect(clock.now()).toBe(START_MS + 60_000);
});

test("a callback that nobody completes outlives a failed invocation and its pause", async () => {
  const clock = new VirtualClock(START_MS);
  const engine = new LocalEngine({ clock, skipCallbackTimeouts: false });
  let invocations = 0;
  engine.register("raw", async (event) => {
    const invocation = new RawInvocation(event);
    if (++invocations === 1) {
      const [started] = await invocation.checkpoint([callback("c", { TimeoutSeconds: 1 })]);
      engine.completeCallback(started?.CallbackDetails?.CallbackId as string, "early");
      throw new Error("cut off");
    }
    expect(invocation.recorded("c")).toMatchObject({ Status: "SUCCEEDED", CallbackDetails: { Result: "early" } });
    return { Status: "SUCCEEDED" };
  });
  expect(await engine.start({ functionName: "raw" }).result).toEqual({ status: "SUCCEEDED" });
  expect(clock.now()).toBe(START_MS + 5_000);
});
