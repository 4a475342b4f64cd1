import { expect, test } from "vitest";
import type { Operation, OperationUpdate } from "../../src/core/wire.ts";
import { LocalEngine, VirtualClock } from "../../src/testing.ts";
import { context, PENDING, RawInvocation, runRaw, step, wait } from "../support/raw-invocation.ts";

/** Ids of all the pages, with the size of each page after the first. */
async function readAll({ event }: RawInvocation, MaxItems: number) {
  const { DurableExecutionArn, CheckpointToken, InitialExecutionState: first } = event;
  const ids = first.Operations.map(({ Id }) => Id as string);
  const pages: number[] = [];
  for (let Marker = first.NextMarker; Marker; ) {
    const request = { DurableExecutionArn, CheckpointToken, Marker, MaxItems };
    const page = await event.durableExecutionClient.getExecutionState(request);
    pages.push(page.Operations?.length ?? 0);
    for (const { Id } of page.Operations ?? []) ids.push(Id as string);
    Marker = page.NextMarker;
  }
  return { ids, pages };
}

const many = (count: number, Payload = "1") =>
  Array.from({ length: count }, (_, at) => step(`s${at}`, "SUCCEED", { Payload }));

test("the first event has the execution with its input, and nothing else", async () => {
  const { arn } = await runRaw(
    [
      async ({ event }) => {
        expect(event.UpdatedOperationIds).toBeUndefined();
        expect(event.InitialExecutionState.NextMarker || undefined).toBeUndefined();
        expect(event.InitialExecutionState.Operations).toEqual([
          {
            Id: expect.stringMatching(/^[0-9a-f-]{36}$/),
            Name: "named",
            Type: "EXECUTION",
            Status: "STARTED",
            StartTimestamp: new Date(5_000),
            ExecutionDetails: { InputPayload: '{"n":1}' },
          },
        ]);
      },
    ],
    { clock: new VirtualClock(5_000) },
    { input: '{"n":1}', name: "named" },
  );
  expect(arn).toMatch(/^arn:aws:lambda:[^:]+:\d{12}:function:raw:[^/]+\/durable-execution\/named\/[^/]+$/);
});

test("a later event has the operations in the order in which they started", async () => {
  await runRaw(
    [
      async (invocation) => {
        await invocation.checkpoint([context("c", "START"), step("b", "START"), wait("w")]);
        await invocation.checkpoint([step("a", "SUCCEED"), step("b", "SUCCEED")]);
        return PENDING;
      },
      async ({ event }) => {
        const [first, ...others] = event.InitialExecutionState.Operations;
        expect(first?.Type).toBe("EXECUTION");
        expect(others.map(({ Id }) => Id)).toEqual(["c", "b", "w", "a"]);
        expect(event.UpdatedOperationIds).toEqual(["w"]);
      },
    ],
    { clock: new VirtualClock() },
  );
});

test("state that is larger than a page is read page by page, each operation once", async () => {
  const { engine, arn } = await runRaw(
    [
      async (invocation) => {
        await invocation.checkpoint([...many(25), wait("w")]);
        return PENDING;
      },
      async (invocation) => {
        expect(invocation.event.InitialExecutionState.Operations).toHaveLength(4);
        const { ids, pages } = await readAll(invocation, 10);
        expect(pages).toEqual([10, 10, 3]);
        expect(ids.slice(1)).toEqual([...many(25).map(({ Id }) => Id), "w"]);
        // The event's token still reads after a checkpoint.
        await invocation.checkpoint([step("more", "START")]);
        expect((await readAll(invocation, 1_000)).ids.slice(1, 27)).toEqual(ids.slice(1));
      },
    ],
    { clock: new VirtualClock(), statePage: { maxItems: 4 } },
  );
  expect(engine.find(arn)?.counters.stateReads).toBe(4);
});

test("a page is limited by its bytes too, but always brings something", async () => {
  await runRaw(
    [
      async (invocation) => {
        await invocation.checkpoint([...many(6, "x".repeat(4_000)), wait("w")]);
        return PENDING;
      },
      async (invocation) => {
        const { ids, pages } = await readAll(invocation, 1_000);
        expect(ids).toHaveLength(8);
        expect(Math.max(...pages)).toBeLessThan(4);
        expect(pages).not.toContain(0);
      },
    ],
    { clock: new VirtualClock(), statePage: { maxBytes: 10_000 } },
  );
  await runRaw(
    [
      async (invocation) => {
        await invocation.checkpoint([...many(3, "x".repeat(4_000)), wait("w")]);
        return PENDING;
      },
      async (invocation) => expect((await readAll(invocation, 1_000)).ids).toHaveLength(5),
    ],
    { clock: new VirtualClock(), statePage: { maxBytes: 100 } },
  );
});

test("the results of invokes count for the bytes of a page, and a character with all of its bytes", async () => {
  const engine = new LocalEngine({ clock: new VirtualClock(), statePage: { maxBytes: 10_000 } });
  engine.registerFunction("large", () => "€".repeat(2_500));
  const invoke = (Id: string): OperationUpdate => ({
    ...{ Id, Type: "CHAINED_INVOKE", SubType: "ChainedInvoke", Action: "START", Payload: "{}" },
    ChainedInvokeOptions: { FunctionName: "large" },
  });
  let sizes: number[] = [];
  engine.register("f", async (event) => {
    const invocation = new RawInvocation(event);
    const first = event.InitialExecutionState.Operations.length;
    if (first === 1) await invocation.checkpoint(["a", "b", "c", "d"].map(invoke));
    if (engine.operations(event.DurableExecutionArn).some(({ Id, Status }) => Id?.length === 1 && Status === "STARTED"))
      return PENDING;
    sizes = [first, ...(await readAll(invocation, 1_000)).pages];
    return { Status: "SUCCEEDED" };
  });
  await engine.start({ functionName: "f" }).result;
  expect(sizes).toEqual([2, 1, 1, 1]);
});

test.for([
  [{ Marker: "nonsense" }, /marker/i],
  [{ Marker: "-1" }, /marker/i],
  [{ MaxItems: 1_001 }, /MaxItems.*1000/],
  [{ MaxItems: -1 }, /MaxItems/],
] as const)("a read of state with %j is refused", async ([wrong, message]) => {
  await runRaw([
    async ({ event }) => {
      const { DurableExecutionArn, CheckpointToken, durableExecutionClient } = event;
      const read = durableExecutionClient.getExecutionState({ DurableExecutionArn, CheckpointToken, ...wrong });
      await expect(read).rejects.toMatchObject({ name: "InvalidParameterValueException" });
      await expect(read).rejects.toThrow(message);
    },
  ]);
});

test("what is inside a context that is over is not delivered, unless the context replays its children", async () => {
  const { engine, arn } = await runRaw(
    [
      async (invocation) => {
        const inside = (ParentId: string) => ({ ParentId });
        await invocation.checkpoint([
          context("over", "START"),
          context("over-child", "START", inside("over")),
          step("over-grandchild", "SUCCEED", inside("over-child")),
          context("failed", "START"),
          step("failed-child", "FAIL", inside("failed")),
          context("replayed", "START"),
          step("replayed-child", "SUCCEED", inside("replayed")),
          context("replayed-over", "START", inside("replayed")),
          step("replayed-over-child", "SUCCEED", inside("replayed-over")),
          context("hidden", "START", inside("over")),
          step("hidden-child", "SUCCEED", inside("hidden")),
          context("open", "START"),
          step("open-child", "SUCCEED", inside("open")),
          wait("w"),
        ]);
        await invocation.checkpoint([
          context("replayed-over", "SUCCEED", inside("replayed")),
          context("hidden", "SUCCEED", { ...inside("over"), ContextOptions: { ReplayChildren: true } }),
          context("over", "SUCCEED", { Payload: "1" }),
          context("failed", "FAIL", { Error: { ErrorMessage: "m" } }),
          context("replayed", "SUCCEED", { Payload: "", ContextOptions: { ReplayChildren: true } }),
        ]);
        return PENDING;
      },
      async (invocation) => {
        const ids = invocation.event.InitialExecutionState.Operations.slice(1).map(({ Id }) => Id);
        expect(ids).toEqual([
          "over",
          "failed",
          "replayed",
          "replayed-child",
          "replayed-over",
          "open",
          "open-child",
          "w",
        ]);
        const replayed = invocation.recorded("replayed") as Operation;
        expect(replayed.ContextDetails).toEqual({ Result: "", ReplayChildren: true });
        expect(invocation.recorded("failed")).toMatchObject({
          Status: "FAILED",
          ContextDetails: { Error: { ErrorMessage: "m" } },
        });
      },
    ],
    { clock: new VirtualClock() },
  );
  expect(engine.operations(arn)).toHaveLength(15);
});
