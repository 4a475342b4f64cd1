import * as official from "@aws/durable-execution-sdk-js";
import { describe, expect, test } from "vitest";
import { withDurableExecution } from "../../src/index.ts";
import { LocalEngine, type LocalHandler, rehearse, VirtualClock } from "../../src/testing.ts";

const lambdaContext = { awsRequestId: "r", getRemainingTimeInMillis: () => 900_000 };

describe("a rehearsal", () => {
  test("RC3: runs nothing of a handler that the official SDK made, and says why", async () => {
    const ran: string[] = [];
    const handler = official.withDurableExecution(async (_: unknown, ctx) => {
      ran.push("the handler");
      return ctx.step("a", async () => ran.push("a step"));
    }) as unknown as LocalHandler;
    await expect(rehearse(handler, { input: "{}", operations: [] }, { lambdaContext })).rejects.toMatchObject({
      code: "ERR_HANDLER_NOT_DURABLE",
    });
    expect(ran).toEqual([]);
  });

  test("RC1: stops each branch at what is not recorded, and runs no body of any kind", async () => {
    const ran: string[] = [];
    const body = (name: string) => async () => void ran.push(name);
    const handler = withDurableExecution(async (_: unknown, ctx) => {
      await Promise.all([
        ctx.step("step", body("step")),
        ctx.wait("wait", { seconds: 1 }),
        ctx.invoke("call", "function", {}),
        ctx.waitForCallback("callback", body("submitter")),
        ctx.waitForCondition("condition", async () => ran.push("condition"), {
          initialState: 0,
          waitStrategy: () => ({ shouldContinue: false }),
        }),
        ctx.map("map", [1, 2], (item) => item.step("item", body("item"))),
        ctx.map("batch", [1, 2], async () => void ran.push("batched item"), { batch: 2 }),
        ctx.parallel("parallel", [(branch) => branch.step("branch", body("branch"))]),
      ]);
    }) as unknown as LocalHandler;
    const { reached, status, divergence } = await rehearse(handler, { input: "{}", operations: [] }, { lambdaContext });
    expect(status).toBe("PENDING");
    expect(divergence).toBeUndefined();
    expect(reached.map(({ name }) => name)).toEqual([
      ...["step", "wait", "call", "callback", "condition", "map", "batch", "parallel"],
    ]);
    expect(reached.every(({ site }) => site?.file === import.meta.filename)).toBe(true);
    expect(ran).toEqual([]);
  });

  test("runs no item of a batch that had not begun, and goes on in those that had", async () => {
    const ran: string[] = [];
    const engine = new LocalEngine({ clock: new VirtualClock() });
    const handler = withDurableExecution(
      async (_: unknown, ctx) =>
        ctx.map(
          "map",
          [0, 1, 2, 3],
          async (item, n) => {
            ran.push(`item ${n}`);
            const first = await item.step("first", async () => ran.push(`first ${n}`));
            await item.wait("pause", { hours: 1 });
            return first + (await item.step("second", async () => ran.push(`second ${n}`)));
          },
          { batch: 4, maxConcurrency: 2 },
        ),
      { runtime: { suspension: { graceMs: 1 } } },
    );
    engine.register("f", handler as unknown as LocalHandler);
    const { arn, result } = engine.start({ functionName: "f" });
    await new Promise<void>((resolve) => {
      engine.subscribe(({ type }) => type === "invocation-ended" && resolve());
    });
    engine.stop(arn);
    await result;
    ran.splice(0);
    const rehearsal = await engine.rehearse(arn);
    expect(ran).toEqual(["item 0", "item 1"]);
    expect(rehearsal).toMatchObject({ status: "PENDING", divergence: undefined });
    expect(rehearsal.reached.map(({ name, path }) => [name, path])).toEqual([
      ["pause", "1-1-2"],
      ["pause", "1-2-2"],
    ]);
  });

  test("tells the line of a map for items that begin later than the map", async () => {
    const handler = withDurableExecution(async (_: unknown, ctx) => {
      await ctx.map("map", [0, 1, 2], (item, n) => item.step(async () => n), { maxConcurrency: 1 });
    }) as unknown as LocalHandler;
    const engine = new LocalEngine({ clock: new VirtualClock() });
    engine.register("f", handler);
    const { arn, result } = engine.start({ functionName: "f" });
    await result;
    const map = engine.operations(arn).find(({ Name }) => Name === "map");
    const first = engine.operations(arn).find(({ ParentId }) => ParentId === map?.Id);
    const removed = new Set(engine.operations(arn).map(({ Id }) => Id as string));
    for (const { Id, ParentId } of engine.operations(arn)) {
      if (Id === map?.Id || Id === first?.Id || ParentId === first?.Id) removed.delete(Id as string);
    }
    const reopened = new Set([map?.Id as string]);
    const amend = () => ({ removed, reopened, retried: new Map(), payloads: new Map() });
    const { reached } = await engine.rehearse(arn, { amend });
    expect(reached).toMatchObject([{ subType: "MapIteration", site: { file: import.meta.filename } }]);
  });

  test("RC2: goes on behind a context whose inside has ended, though its own end is not recorded", async () => {
    const handler = withDurableExecution(async (_: unknown, ctx) => {
      await ctx.runInChildContext("child", async (child) => child.step("inside", async () => 1));
      return ctx.step("behind", async () => 2);
    }) as unknown as LocalHandler;
    const engine = new LocalEngine({ clock: new VirtualClock() });
    engine.register("f", handler);
    const { arn, result } = engine.start({ functionName: "f" });
    await result;
    const operations = engine
      .operations(arn)
      .filter(({ Name }) => Name !== "behind")
      .map((operation) => {
        if (operation.Name !== "child") return operation;
        const { EndTimestamp: _end, ContextDetails: _details, ...open } = operation;
        return { ...open, Status: "STARTED" as const };
      });
    const { reached, divergence } = await rehearse(handler, { input: "{}", operations }, { lambdaContext });
    expect(divergence).toBeUndefined();
    expect(reached.map(({ name }) => name)).toEqual(["behind"]);
  });
});
