import * as official from "@aws/durable-execution-sdk-js";
import { describe, expect, test } from "vitest";
import {
  type DurableExecutionClient,
  DurableExecutionClientError,
  DurableExecutionInvocationInputWithClient,
  withDurableExecution,
} from "../../src/index.ts";
import { ARN, type Handler, invokeOver, lambdaContext, runOurs, withRuntime } from "../support/service.ts";

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const execution = {
  Id: "execution",
  Type: "EXECUTION",
  Status: "STARTED",
  StartTimestamp: new Date(0),
  ExecutionDetails: { InputPayload: '{"n":1}' },
} as const;
const step = (index: number, Id: string) =>
  ({
    Id,
    Name: `s${index}`,
    Type: "STEP",
    SubType: "Step",
    Status: "SUCCEEDED",
    StartTimestamp: "2026-01-01T00:00:00.000Z",
    StepDetails: { Attempt: 1, Result: `${index}` },
  }) as const;

const event = (operations: readonly object[] = [execution], rest: object = {}) => ({
  DurableExecutionArn: ARN,
  CheckpointToken: "token-0",
  InitialExecutionState: { Operations: operations },
  ...rest,
});

/** Accepts everything, and answers as it is told. */
class FakeClient implements DurableExecutionClient {
  readonly requests: Parameters<DurableExecutionClient["checkpoint"]>[0][] = [];
  readonly reads: Parameters<DurableExecutionClient["getExecutionState"]>[0][] = [];
  answer: (request: number) => object = (request) => ({
    CheckpointToken: `token-${request}`,
    NewExecutionState: { Operations: [] },
  });
  pages: object[] = [];

  async checkpoint(params: Parameters<DurableExecutionClient["checkpoint"]>[0]) {
    this.requests.push(params);
    return this.answer(this.requests.length) as never;
  }

  async getExecutionState(params: Parameters<DurableExecutionClient["getExecutionState"]>[0]) {
    this.reads.push(params);
    return this.pages[this.reads.length - 1] as never;
  }
}

function invoke(handler: Handler, client: DurableExecutionClient, given: object = event(), remainingMs?: number) {
  const lambda = withDurableExecution(handler, {
    durableExecutionClient: client,
    runtime: { codec: "json", suspension: { graceMs: 1 } },
  });
  return lambda(given as never, lambdaContext(remainingMs));
}

describe("an event", () => {
  test.each([
    ["nothing", undefined],
    ["a plain payload", { orders: [] }],
    ["no token", { DurableExecutionArn: ARN }],
    ["no ARN", { CheckpointToken: "t" }],
    ["empty texts", { DurableExecutionArn: "", CheckpointToken: "" }],
  ])("that is %s is refused", async (_, given) => {
    const lambda = withDurableExecution(async () => 1);
    await expect(lambda(given as never, lambdaContext())).rejects.toThrow(
      "Unexpected payload provided to start the durable execution.\n" +
        "Check your resource configurations to confirm the durability is set. DurableConfig can only be set when a " +
        "function is created. Locally: npx durable-fanout run.",
    );
  });

  test.each(["", "{orders: 1}"])(
    "whose input is no JSON (%j) is named, and fails the invocation as on the official SDK",
    async (InputPayload) => {
      const given = event([{ ...execution, ExecutionDetails: { InputPayload } }]);
      const client = new FakeClient();
      await expect(invoke(async () => 1, client, given)).rejects.toThrow(
        expect.objectContaining({
          name: "SyntaxError",
          message: expect.stringMatching(/^The execution's input is not JSON: .*JSON/),
        }),
      );
      const theirs = official.withDurableExecution(async () => 1, { durableExecutionClient: client } as never);
      await expect(theirs(given as never, lambdaContext() as never)).rejects.toThrow(SyntaxError);
    },
  );

  test("brings the handler's input; without one it is an empty object", async () => {
    const echo: Handler = async (input) => input;
    expect(await invoke(echo, new FakeClient())).toEqual({ Status: "SUCCEEDED", Result: '{"n":1}' });
    const bare = { ...execution, ExecutionDetails: {} };
    expect(await invoke(echo, new FakeClient(), event([bare]))).toEqual({ Status: "SUCCEEDED", Result: "{}" });
  });

  const base = { DurableExecutionArn: ARN, CheckpointToken: "token-0" };
  test.each([
    [base, "The event's InitialExecutionState is undefined, not an object."],
    [{ ...base, InitialExecutionState: null }, "The event's InitialExecutionState is null, not an object."],
    [{ ...base, InitialExecutionState: { Operations: "x" } }, "The Operations of the event are a text, not a list."],
    [event([execution, null as never]), "Operation 1 of the event is null, not an object."],
    [event([undefined as never, execution]), "Operation 0 of the event is undefined, not an object."],
    [event([execution, 5 as never]), "Operation 1 of the event is 5, not an object."],
  ])("that is damaged is refused with a sentence: $1", async (given, sentence) => {
    await expect(invoke(async () => 1, new FakeClient(), given as object)).rejects.toThrow(sentence);
  });

  test.each([{}, { Operations: null }, { Operations: [] }])(
    "without operations is taken, as by the official SDK (%j)",
    async (InitialExecutionState) => {
      const handler: Handler = async (input, context) => [input, await context.step(async () => 1)];
      const given = { ...base, InitialExecutionState };
      const officially = official.withDurableExecution(handler as never, {
        durableExecutionClient: new FakeClient() as never,
      });
      const expected = { Status: "SUCCEEDED", Result: "[{},1]" };
      expect(await officially(given as never, lambdaContext())).toEqual(expected);
      expect(await invoke(handler, new FakeClient(), given)).toEqual(expected);
    },
  );

  test("may have null for what is absent", async () => {
    const blank = { ...execution, ParentId: null, Name: null, ExecutionDetails: { InputPayload: null } };
    const step = {
      ...{ Id: "c4ca4238a0b92382", ParentId: null, Type: "STEP", SubType: "Step", Name: null, Status: "READY" },
      StepDetails: { Attempt: 1, Error: null, Result: null, NextAttemptTimestamp: null },
    };
    const handler: Handler = async (input, context) => [input, await context.step(async ({ attempt }) => attempt)];
    expect(await invoke(handler, new FakeClient(), event([blank, step]))).toEqual({
      Status: "SUCCEEDED",
      Result: "[{},2]",
    });
  });

  test("with an input that is no JSON rejects the invocation", async () => {
    const broken = { ...execution, ExecutionDetails: { InputPayload: "{" } };
    await expect(invoke(async () => 1, new FakeClient(), event([broken]))).rejects.toThrow(SyntaxError);
  });

  test("is recognised with the client it brings, which wins over a configured one", async () => {
    const configured = new FakeClient();
    const brought = new FakeClient();
    const given = new DurableExecutionInvocationInputWithClient(event() as never, brought);
    await invoke(async (_, context) => context.step(async () => 1), configured, given);
    expect([configured.requests.length, brought.requests.length]).toEqual([0, 1]);
  });

  test("for a handler with two clients is answered FAILED", async () => {
    const lambda = withDurableExecution(async () => 1, {
      client: {} as never,
      durableExecutionClient: new FakeClient(),
    });
    const output = await lambda(event() as never, lambdaContext());
    expect(output).toMatchObject({ Status: "FAILED" });
    expect(JSON.stringify(output)).toMatch(/client.*durableExecutionClient/);
  });

  test("may have timestamps as dates, texts or numbers, and unknown members", async () => {
    const waits = [new Date(Date.now() + 60_000), new Date(Date.now() + 60_000).toISOString(), Date.now() + 60_000];
    for (const ScheduledEndTimestamp of waits) {
      const wait = {
        Id: "c4ca4238a0b92382",
        Type: "WAIT",
        SubType: "Wait",
        Status: "STARTED",
        StartTimestamp: ScheduledEndTimestamp,
        WaitDetails: { ScheduledEndTimestamp, Unknown: 1 },
        Unknown: {},
      };
      const output = await invoke(
        async (_, context) => context.wait({ seconds: 60 }),
        new FakeClient(),
        event([execution, wait], { Unknown: true }),
      );
      expect(output).toEqual({ Status: "PENDING" });
    }
  });
});

describe("recorded state", () => {
  test("of which a page is damaged is refused with a sentence", async () => {
    const client = new FakeClient();
    client.pages = [{ Operations: [execution, null] }];
    const given = event([execution]) as { InitialExecutionState: object };
    Object.assign(given.InitialExecutionState, { NextMarker: "m" });
    await expect(invoke(async () => 1, client, given)).rejects.toThrow(
      "Operation 1 of a page of the execution's state is null, not an object.",
    );
  });

  test("is not taken in from an answer that is damaged", async () => {
    const client = new FakeClient();
    client.answer = () => ({ CheckpointToken: "t", NewExecutionState: { Operations: [null] } });
    const handler: Handler = async (_, context) => context.step(async () => 1);
    await expect(invoke(handler, client)).rejects.toThrow(
      "Operation 0 of the answer to a checkpoint is null, not an object.",
    );
  });

  const three: Handler = async (_, context) => [
    await context.step("s1", async () => "ran"),
    await context.step("s2", async () => "ran"),
    await context.step("s3", async () => "ran"),
  ];

  test("is read page by page before the handler runs, with the event's token", async () => {
    const client = new FakeClient();
    client.pages = [
      { Operations: [step(2, "c81e728d9d4c2f63")], NextMarker: "second" },
      { Operations: [step(3, "eccbc87e4b5ce2fe")], NextMarker: "" },
    ];
    const given = event([]);
    given.InitialExecutionState = {
      Operations: [execution, step(1, "c4ca4238a0b92382")],
      NextMarker: "first",
    } as never;
    expect(await invoke(three, client, given)).toEqual({ Status: "SUCCEEDED", Result: "[1,2,3]" });
    expect(client.reads).toEqual(
      ["first", "second"].map((Marker) => ({
        DurableExecutionArn: ARN,
        CheckpointToken: "token-0",
        Marker,
        MaxItems: 1_000,
      })),
    );
    expect(client.requests).toEqual([]);
  });

  test("of many pages is whole: 2,500 steps", async () => {
    const run = await runOurs(
      async (_, context) => {
        const batch = await context.map(
          Array.from({ length: 1_200 }, (_value, index) => index),
          (inner, item) => inner.step(async () => item),
          { nesting: "FLAT" },
        );
        await context.runInChildContext(async (inner) => {
          for (let at = 0; at < 1_200; at++) inner.step(async () => at);
          await inner.wait({ seconds: 1 });
        });
        return batch.successCount;
      },
      { engine: { quotas: { operations: 10_000 }, statePage: { maxItems: 100 } } },
    );
    expect(run.result).toBe(1_200);
    expect(run.invocations[1]?.stateReads).toBe(2);
  });

  test.each<[string, Error, "rejects" | "FAILED"]>([
    ["a lost connection", new Error("socket hang up"), "rejects"],
    ["a refusal", Object.assign(new Error("bad"), { $metadata: { httpStatusCode: 400 } }), "rejects"],
    ["a client error of the invocation", new DurableExecutionClientError("mine"), "rejects"],
    ["a client error of the execution", new DurableExecutionClientError("mine", { scope: "EXECUTION" }), "FAILED"],
    ["a key that is gone", Object.assign(new Error("key"), { name: "KMSDisabledException" }), "FAILED"],
  ])("that cannot be read for %s", async (_, error, ending) => {
    const client = new FakeClient();
    client.getExecutionState = async () => {
      throw error;
    };
    let ran = false;
    const given = event([execution]);
    given.InitialExecutionState = { ...given.InitialExecutionState, NextMarker: "next" } as never;
    const invocation = invoke(
      async () => {
        ran = true;
      },
      client,
      given,
    );
    if (ending === "rejects") await expect(invocation).rejects.toBe(error);
    else {
      expect(await invocation).toEqual({
        Status: "FAILED",
        Error: { ErrorType: error.name, ErrorMessage: error.message },
      });
    }
    expect(ran).toBe(false);
  });
});

describe("an answer", () => {
  test.each<[string, unknown, object]>([
    ["a value", { a: 1 }, { Result: '{"a":1}' }],
    ["null", null, { Result: "null" }],
    ["nothing", undefined, {}],
    ["a function", () => 1, {}],
    ["a symbol", Symbol("s"), {}],
  ])("for %s is SUCCEEDED", async (_, value, rest) => {
    expect(await invoke(async () => value, new FakeClient())).toEqual({ Status: "SUCCEEDED", ...rest });
  });

  test.each<[string, unknown]>([
    ["a BigInt", 1n],
    [
      "what throws when it is written",
      {
        toJSON: () => {
          throw new TypeError("no JSON");
        },
      },
    ],
  ])("for %s is FAILED", async (_, value) => {
    expect(await invoke(async () => value, new FakeClient())).toMatchObject({
      Status: "FAILED",
      Error: { ErrorType: "TypeError" },
    });
  });

  test("to a large error is the error", async () => {
    const output = await invoke(async () => {
      throw new Error("x".repeat(7_000_000));
    }, new FakeClient());
    expect(output).toMatchObject({ Status: "FAILED", Error: { ErrorType: "Error" } });
  });

  test("comes after what was queued is recorded, but not after operations that nobody awaits", async () => {
    const client = new FakeClient();
    const output = await invoke(async (_, context) => {
      context.step("never ends", () => new Promise(() => {}));
      context.wait({ seconds: 1_000 });
      await context.runInChildContext("c", async () => 1);
      return "done";
    }, client);
    expect(output).toEqual({ Status: "SUCCEEDED", Result: '"done"' });
    const sent = client.requests.flatMap(({ Updates }) => Updates ?? []).map(({ Action, Type }) => `${Action} ${Type}`);
    expect(sent).toEqual(["START STEP", "START WAIT", "START CONTEXT", "SUCCEED CONTEXT"]);
  });

  test("is not held up by an un-awaited step that fails, nor does that end the process", async () => {
    const unhandled: unknown[] = [];
    const listen = (reason: unknown) => unhandled.push(reason);
    process.on("unhandledRejection", listen);
    const output = await invoke(async (_, context) => {
      context.step(
        async () => {
          throw new Error("unseen");
        },
        { retryStrategy: () => ({ shouldRetry: false }) },
      );
      context.runInChildContext(async () => {
        throw new Error("unseen too");
      });
      await context.step(() => pause(5));
      return "done";
    }, new FakeClient());
    await pause(10);
    process.off("unhandledRejection", listen);
    expect([output, unhandled]).toEqual([{ Status: "SUCCEEDED", Result: '"done"' }, []]);
  });
});

describe("requests", () => {
  // C1
  test("are one at a time, each with the token of the answer before", async () => {
    const client = new FakeClient();
    let inFlight = 0;
    let most = 0;
    const checkpoint = client.checkpoint.bind(client);
    client.checkpoint = async (params) => {
      most = Math.max(most, ++inFlight);
      await pause(1);
      inFlight--;
      return checkpoint(params);
    };
    await invoke(async (_, context) => {
      await context.map([1, 2, 3, 4, 5], async (inner, item) => {
        await inner.step(() => pause(item));
        await inner.step(async () => 1);
      });
    }, client);
    expect(most).toBe(1);
    expect(client.requests.map(({ CheckpointToken }) => CheckpointToken)).toEqual(
      client.requests.map((_, at) => `token-${at}`),
    );
  });

  // C3
  test("carry what one tick of the event loop queued, and do not wait for more", async () => {
    const client = new FakeClient();
    await invoke(async (_, context) => {
      await Promise.all([1, 2, 3].map((n) => context.step(`s${n}`, async () => n)));
    }, client);
    expect(client.requests.map(({ Updates }) => Updates?.length)).toEqual([6]);
  });
});

describe("a checkpoint that fails", () => {
  const failing = (error: unknown): DurableExecutionClient => {
    const client = new FakeClient();
    client.checkpoint = async () => {
      throw error;
    };
    return client;
  };
  const refused = (httpStatusCode: number, name: string, message = "m") =>
    Object.assign(new Error(message), { name, $metadata: { httpStatusCode } });
  const caught: unknown[] = [];
  const handler: Handler = async (_, context) => context.step(async () => 1).catch((error) => caught.push(error));

  test.each<[string, unknown]>([
    ["a client error of the invocation", new DurableExecutionClientError("mine", { scope: "INVOCATION" })],
    ["too many requests", refused(429, "TooManyRequestsException")],
    ["the service's own failure", refused(500, "ServiceException")],
    ["a lost connection", new Error("socket hang up")],
    ["something that is no error", "text"],
    [
      "§18.2: a stale token, as the service words it",
      refused(400, "InvalidParameterValueException", "Invalid checkpoint token"),
    ],
    [
      "a stale token, as the official SDK words it",
      refused(400, "InvalidParameterValueException", "Invalid Checkpoint Token: x"),
    ],
  ])("for %s ends the invocation, which the service repeats", async (_, error) => {
    await expect(invoke(handler, failing(error))).rejects.toMatchObject({
      name: "CheckpointUnrecoverableInvocationError",
      message: expect.stringMatching(/^\[Unrecoverable Invocation] Checkpoint failed: /),
      cause: error,
    });
  });

  test.each<[string, unknown]>([
    ["a client error of the execution", new DurableExecutionClientError("mine", { scope: "EXECUTION" })],
    ["a bad update", refused(400, "InvalidParameterValueException")],
    ["an unknown execution", refused(404, "ResourceNotFoundException")],
    ["no permission", refused(403, "AccessDeniedException")],
    ["a key without access", refused(502, "KMSAccessDeniedException")],
    ["a key that is off", refused(502, "KMSDisabledException")],
    ["a key in a bad state", refused(502, "KMSInvalidStateException")],
    ["a key that is gone", refused(502, "KMSNotFoundException")],
  ])("for %s ends the execution", async (_, error) => {
    expect(await invoke(handler, failing(error))).toMatchObject({
      Status: "FAILED",
      Error: {
        ErrorType: "CheckpointUnrecoverableExecutionError",
        ErrorMessage: expect.stringMatching(/^\[Unrecoverable Execution] Checkpoint failed: /),
      },
    });
  });

  test("is never seen by user code", () => {
    expect(caught).toEqual([]);
  });

  test("outweighs a result that the handler already returned", async () => {
    const client = failing(new Error("lost"));
    const early: Handler = async (_, context) => {
      context.step(async () => 1);
      return "early";
    };
    await expect(invoke(early, client)).rejects.toThrow("Checkpoint failed: lost");
  });

  test("in the request of a large result ends the invocation as well", async () => {
    const large: Handler = async () => "x".repeat(7_000_000);
    await expect(invoke(large, failing(new Error("lost")))).rejects.toThrow("Checkpoint failed: lost");
  });

  // C6
  test("sends nothing after it", async () => {
    const client = new FakeClient();
    client.answer = () => {
      throw new Error("lost");
    };
    const invocation = invoke(async (_, context) => {
      await Promise.all([context.step(() => pause(1)), context.step(() => pause(5)), context.step(() => pause(10))]);
    }, client);
    await expect(invocation).rejects.toThrow("lost");
    await pause(20);
    expect(client.requests).toHaveLength(1);
  });
});

describe("§18.3: an answer without a token", () => {
  const closing = (): FakeClient => {
    const client = new FakeClient();
    client.answer = (request) =>
      request === 1 ? { NewExecutionState: { Operations: [] } } : { CheckpointToken: "old" };
    return client;
  };

  test("means that the service closed the invocation: PENDING, and nothing more is sent", async () => {
    const client = closing();
    const output = await invoke(async (_, context) => {
      await context.step(async () => 1);
      return context.step(async () => 2);
    }, client);
    expect(output).toEqual({ Status: "PENDING" });
    expect(client.requests).toHaveLength(1);
  });

  test("to the last request of all changes nothing", async () => {
    const client = closing();
    const output = await invoke(async (_, context) => {
      context.step(async () => 1);
      return "done";
    }, client);
    expect(output).toEqual({ Status: "SUCCEEDED", Result: '"done"' });
  });
});

describe("an invocation that is over leaves nothing running", () => {
  const resources = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout" || name === "Immediate");

  test.each<[string, Handler, object | undefined]>([
    ["returned", async (_, context) => context.step(async () => 1), undefined],
    [
      "threw",
      async (_, context) => {
        await context.step(async () => 1);
        throw new Error("end");
      },
      undefined,
    ],
    ["suspended", async (_, context) => context.wait({ hours: 1 }), undefined],
    [
      "returned past a wait that ends soon",
      async (_, context) => {
        await Promise.race([context.wait({ seconds: 1 }), context.step(() => pause(2))]);
      },
      undefined,
    ],
    [
      "found a mismatch",
      async (_, context) => context.wait({ hours: 1 }),
      event([execution, step(1, "c4ca4238a0b92382")]),
    ],
  ])("when it %s", async (_, handler, given) => {
    const before = resources().length;
    await invoke(handler, new FakeClient(), given);
    expect(resources().length).toBeLessThanOrEqual(before);
  });
});

describe("timers of the invocation", () => {
  test("do not poll when too little time is left for it", async () => {
    const wait = {
      Id: "c4ca4238a0b92382",
      Type: "WAIT",
      SubType: "Wait",
      Status: "STARTED",
      StartTimestamp: new Date(),
      WaitDetails: { ScheduledEndTimestamp: new Date(Date.now() - 1) },
    };
    const beside =
      (work: () => Promise<unknown>): Handler =>
      async (_, context) => {
        const over = context.wait({ seconds: 1 }).then(() => "over");
        return Promise.race([over, context.step(work).then(() => "step")]);
      };
    const polls = (client: FakeClient) => client.requests.filter(({ Updates }) => Updates?.length === 0).length;
    const client = new FakeClient();
    await invoke(
      beside(() => pause(300)),
      client,
      event([execution, wait]),
      999,
    );
    expect(polls(client)).toBe(0);
    const patient = new FakeClient();
    // The first poll may travel with the START of the step.
    const untilPolled = async () => {
      while (polls(patient) === 0) await pause(10);
    };
    await invoke(beside(untilPolled), patient, event([execution, wait]), 60_000);
    expect(polls(patient)).toBeGreaterThan(0);
  });
});

test("invocations side by side share nothing", async () => {
  const lambda = withRuntime(async (input, context) => {
    await context.step(() => pause(input.n % 3));
    return context.step(async () => input.n);
  });
  const outputs = await Promise.all([1, 2, 3, 4].map((n) => invokeOver(lambda, [], { input: { n } })));
  expect(outputs.map(({ output }) => output)).toEqual(
    [1, 2, 3, 4].map((n) => ({ Status: "SUCCEEDED", Result: `${n}` })),
  );
});
