import { expect, test } from "vitest";
import type { OperationUpdate } from "../../src/core/wire.ts";
import { ServiceError, ServiceRefusal } from "../../src/testing.ts";
import { context, execution, type RawInvocation, runRaw, step, wait } from "../support/raw-invocation.ts";

const refused = (message: string | RegExp): object =>
  expect.objectContaining({
    name: "InvalidParameterValueException",
    $metadata: expect.objectContaining({ httpStatusCode: 400 }),
    message: typeof message === "string" ? message : expect.stringMatching(message),
  });

const CANCEL = { Action: "CANCEL", WaitOptions: undefined } as const;
const callback = (Id: string, extra: Partial<OperationUpdate> = {}): OperationUpdate => ({
  Id,
  Type: "CALLBACK",
  SubType: "Callback",
  Action: "START",
  ...extra,
});
const invoke = (Id: string, extra: Partial<OperationUpdate> = {}): OperationUpdate => ({
  Id,
  Type: "CHAINED_INVOKE",
  SubType: "ChainedInvoke",
  Action: "START",
  ChainedInvokeOptions: { FunctionName: "f" },
  ...extra,
});

const TWICE = "Cannot update the same operation twice in a single request.";
const ACTION = "Invalid action for the given operation type.";
const CLOSE = "Invalid current STEP state to close.";
const AGAIN = "Invalid current STEP state to re-attempt.";
const PARENT = "Invalid parent operation id.";

/** What is refused, after what was accepted before, and why. */
const cases: [about: string, before: OperationUpdate[], refused: OperationUpdate[], message: string | RegExp][] = [
  ["an update without an Id", [], [step("", "START")], "Operation update must have an Id."],
  ["a name with other characters", [], [step("a", "START", { Name: "José" })], /^Value "José" at 'name'/],
  ["a name with a line break", [], [step("a", "START", { Name: "a\n" })], /at 'name'/],
  ["a name of 257 characters", [], [step("a", "START", { Name: "x".repeat(257) })], /length between 1 and 256/],
  ["an empty name", [], [step("a", "START", { Name: "" })], /at 'name'/],
  ["two STARTs of one operation", [], [step("a", "START"), step("a", "START")], TWICE],
  ["two ends of one operation", [], [step("a", "SUCCEED"), step("a", "FAIL")], TWICE],
  ["three updates of one operation", [], [step("a", "START"), step("a", "RETRY"), step("a", "START")], TWICE],
  ["a wait started and cancelled in one request", [], [wait("a"), wait("a", 1, CANCEL)], TWICE],
  ["an unknown parent", [], [step("a", "START", { ParentId: "p" })], PARENT],
  ["a parent that is a step", [step("p", "START")], [step("a", "START", { ParentId: "p" })], PARENT],
  ["a parent started later in the request", [], [step("a", "START", { ParentId: "p" }), context("p", "START")], PARENT],
  ["two ends of the execution", [], [execution("SUCCEED"), execution("FAIL")], /multiple EXECUTION|must be the last/],
  [
    "an end of the execution that is not last",
    [],
    [execution("SUCCEED"), step("a", "START")],
    "EXECUTION checkpoint must be the last update.",
  ],
  ["a wait that is to succeed", [], [wait("a", 1, { Action: "SUCCEED" })], ACTION],
  ["a context that is to be retried", [], [context("a", "RETRY")], ACTION],
  ["a context that is cancelled", [], [context("a", "CANCEL")], ACTION],
  ["a callback that is to succeed", [], [callback("a", { Action: "SUCCEED" })], ACTION],
  ["an execution that is started", [], [execution("START")], ACTION],
  ["an unknown action", [], [step("a", "EXPLODE" as "START")], ACTION],
  ["an unknown type", [], [step("a", "START", { Type: "MAP" as "STEP" })], ACTION],
  ["a failure with a payload", [], [step("a", "FAIL", { Payload: "1" })], "Cannot provide a Payload for FAIL action."],
  ["a success with an error", [], [step("a", "SUCCEED", { Error: {} })], "Cannot provide an Error for SUCCEED action."],
  ["a START of a started step", [step("a", "START")], [step("a", "START")], "Invalid current STEP state to start."],
  ["a START of a step that is over", [step("a", "SUCCEED")], [step("a", "START")], /STEP state to start/],
  ["a START of a step that waits", [step("a", "RETRY")], [step("a", "START")], /STEP state to start/],
  ["a SUCCEED of a step that is over", [step("a", "FAIL")], [step("a", "SUCCEED")], CLOSE],
  ["a FAIL of a step that waits for its next attempt", [step("a", "RETRY")], [step("a", "FAIL")], CLOSE],
  ["a RETRY of a step that is over", [step("a", "SUCCEED")], [step("a", "RETRY")], AGAIN],
  ["a RETRY of a step that waits already", [step("a", "RETRY")], [step("a", "RETRY")], AGAIN],
  [
    "a RETRY without StepOptions",
    [],
    [step("a", "RETRY", { StepOptions: undefined })],
    "Invalid StepOptions for the given action.",
  ],
  ["a RETRY with payload and error", [], [step("a", "RETRY", { Payload: "1", Error: {} })], /both a Payload and an E/],
  ["a START of a known wait", [wait("a")], [wait("a")], "Cannot start a WAIT that already exists."],
  ["a START of a known callback", [callback("a")], [callback("a")], "Cannot start a CALLBACK that already exists."],
  ["a START of a known invoke", [invoke("a")], [invoke("a")], "Cannot start a CHAINED_INVOKE that already exists."],
  [
    "a START of a known context",
    [context("a", "START")],
    [context("a", "START")],
    "Cannot start a CONTEXT that already exists.",
  ],
  ["an end of a context that is over", [context("a", "SUCCEED")], [context("a", "FAIL")], /CONTEXT state to close/],
  [
    "a CANCEL of an unknown wait",
    [],
    [wait("a", 1, CANCEL)],
    "Cannot cancel a WAIT that does not exist or has already completed.",
  ],
  [
    "a CANCEL of a cancelled callback",
    [callback("a"), callback("b")],
    [callback("b", { Action: "CANCEL" }), callback("c", { Action: "CANCEL" })],
    "Cannot cancel a CALLBACK that does not exist or has already completed.",
  ],
  ["a changed Name", [step("a", "START", { Name: "s" })], [step("a", "SUCCEED", { Name: "t" })], /Name of operation a/],
  ["a changed SubType", [step("a", "START")], [step("a", "SUCCEED", { SubType: "X" })], /SubType of operation a/],
  ["a changed Type", [step("a", "START")], [context("a", "SUCCEED", { SubType: "Step" })], /Type of operation a/],
  [
    "a changed ParentId",
    [context("p", "START"), step("a", "START")],
    [step("a", "SUCCEED", { ParentId: "p" })],
    /ParentId of operation a/,
  ],
  ["a wait of no time", [], [wait("a", 0)], /WaitSeconds.*between 1 and/],
  ["a wait of more than a year", [], [wait("a", 31_622_401)], /WaitSeconds.*31622400/],
  ["an invoke of nothing", [], [invoke("a", { ChainedInvokeOptions: undefined })], /FunctionName/],
  [
    "a payload over 256 KiB",
    [],
    [step("a", "SUCCEED", { Payload: "é".repeat(131_073) })],
    /^STEP output payload size must be less than or equal to 262144 bytes/,
  ],
  [
    "an error object over 32 KiB",
    [],
    [step("a", "FAIL", { Error: { ErrorMessage: "x".repeat(32_768) } })],
    /^Error object size must be less than 32768 bytes/,
  ],
];

// E2
test.for(cases)(
  "the service refuses %s, and nothing of the request is applied",
  async ([, before, updates, message]) => {
    const { engine, arn } = await runRaw([
      async (invocation: RawInvocation) => {
        if (before.length > 0) await invocation.checkpoint(before);
        const request = [step("good", "START"), ...updates];
        await expect(invocation.checkpoint(request)).rejects.toEqual(refused(message));
        // The token is not spent, and the operation that came first is not there.
        await invocation.checkpoint([step("good", "SUCCEED")]);
      },
    ]);
    const [, ...operations] = engine.operations(arn);
    expect(operations.map(({ Id }) => Id)).toEqual([...before.map(({ Id }) => Id), "good"]);
    expect(engine.find(arn)?.counters).toMatchObject({ updates: before.length + 1 });
  },
);

test.for<[string, OperationUpdate[]]>([
  ["a step that is started and ended in one request", [step("a", "START"), step("a", "SUCCEED", { Payload: "1" })]],
  ["a step that is ended without a start", [step("a", "SUCCEED"), step("b", "FAIL"), step("c", "RETRY")]],
  ["a context that is ended without a start", [context("a", "SUCCEED", { Payload: "1" })]],
  [
    "a step in a context that starts in the same request",
    [context("p", "START"), step("a", "START", { ParentId: "p" })],
  ],
  ["a payload of exactly 256 KiB", [step("a", "SUCCEED", { Payload: "é".repeat(131_072) })]],
  ["a wait of a second and a half", [wait("a", 1.5)]],
  ["no update at all", []],
])("the service takes %s", async ([, updates]) => {
  await runRaw([
    async (invocation) => {
      const changed = await invocation.checkpoint(updates);
      expect(changed.map(({ Id }) => Id).sort()).toEqual([...new Set(updates.map(({ Id }) => Id))].sort());
    },
  ]);
});

test("ServiceRefusal, the old name of ServiceError, is the same class", () => {
  expect(ServiceRefusal).toBe(ServiceError);
});
