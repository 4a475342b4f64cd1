import fc from "fast-check";
import { expect, test } from "vitest";
import { withDurableExecution } from "../../src/index.ts";
import { type ExecutionOutcome, failedItems, LocalEngine, type LocalHandler, VirtualClock } from "../../src/testing.ts";
import { type Node, runNodes, workflow } from "../support/workflow.ts";

const RUNS = Number(process.env["DURABLE_FANOUT_TEST_RUNS"] ?? 300);
const PAYLOAD_BYTES = 1_024;

/** The same workflow with steps that do not fail any more. */
function healed(nodes: readonly Node[]): Node[] {
  return nodes.map((node) => {
    switch (node.kind) {
      case "step":
        return { ...node, failures: 0 };
      case "wait":
        return node;
      case "child":
        return { ...node, body: healed(node.body) };
      default:
        return { ...node, items: node.items.map(healed) };
    }
  });
}

/** Whether nothing fails but by a step's own failures: no result too large, nothing that a batch refuses. */
function heals(nodes: readonly Node[], isInBatch = false): boolean {
  return nodes.every((node) => {
    switch (node.kind) {
      case "step":
        return node.size <= 20 && !(isInBatch && node.atMostOnce);
      case "wait":
        return !isInBatch;
      case "child":
        return heals(node.body, isInBatch);
      default:
        return !isInBatch && node.items.every((item) => heals(item, node.kind === "map" && node.batch !== undefined));
    }
  });
}

test("a redrive of any workflow with failed items ends well, and leaves none that it has run again failed", async () => {
  let redriven = 0;
  let healedCount = 0;
  await fc.assert(
    fc.asyncProperty(workflow, async (nodes) => {
      let current: readonly Node[] = nodes;
      const quotas = { payloadBytes: PAYLOAD_BYTES };
      const engine = new LocalEngine({ clock: new VirtualClock(), quotas });
      const handler = withDurableExecution((_: unknown, context) => runNodes(context, current, "", () => {}), {
        runtime: { suspension: { graceMs: 1 }, quotas },
      });
      engine.register("f", handler as unknown as LocalHandler);
      const first = engine.start({ functionName: "f" });
      expect((await first.result).status).toBe("SUCCEEDED");
      current = healed(nodes);
      let outcome: ExecutionOutcome;
      try {
        const second = engine.redrive(first.arn, { amend: failedItems, name: "second" });
        outcome = await second.result;
      } catch (error) {
        expect(error).toMatchObject({ code: "ERR_NOTHING_FAILED" });
        return;
      }
      redriven++;
      expect(outcome).toMatchObject({ status: "SUCCEEDED" });
      if (!heals(nodes)) return;
      healedCount++;
      expect(() => failedItems(engine.operations(engine.find("second")?.arn ?? ""))).toThrow(
        expect.objectContaining({ code: "ERR_NOTHING_FAILED" }),
      );
    }),
    { numRuns: RUNS },
  );
  expect(redriven).toBeGreaterThan(healedCount);
  expect(healedCount).toBeGreaterThan(0);
});
