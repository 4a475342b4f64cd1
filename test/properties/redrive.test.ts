import fc from "fast-check";
import { expect, test } from "vitest";
import { withDurableExecution } from "../../src/index.ts";
import { type ExecutionOutcome, failedItems, LocalEngine, type LocalHandler, VirtualClock } from "../../src/testing.ts";
import { exploring } from "../support/exploration.ts";
import type { Policy } from "../support/fan-outs.ts";
import { type Node, PLAIN_FAN_OUT, runNodes, workflow } from "../support/workflow.ts";

const RUNS = 300;
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

/** Whether nothing fails but by a step's own failures: no result is too large. */
function heals(nodes: readonly Node[]): boolean {
  return nodes.every((node) => {
    switch (node.kind) {
      case "step":
        return node.size <= 20;
      case "wait":
        return true;
      case "child":
        return heals(node.body);
      default:
        return node.items.every(heals);
    }
  });
}

const step = (atMostOnce: boolean): Node => ({ kind: "step", size: 0, failures: 2, atMostOnce });
const endedEarly = (policy: Policy): Node => ({
  ...{ kind: "map", items: [[step(false)], [step(true)]], ...PLAIN_FAN_OUT },
  policy,
});
const child = (...body: Node[]): Node => ({ kind: "child", body, virtual: false });

/** Workflows of which a redrive once left failed what it had run again. */
const FOUND: readonly Node[][] = [
  [child(endedEarly({ by: "custom", completeAt: 1, outcome: "SUCCEEDED" })), { kind: "wait", seconds: 1 }],
  [
    child(endedEarly({ by: "toleratedFailurePercentage", value: 0 }), {
      ...{ kind: "map", items: [], ...PLAIN_FAN_OUT },
      policy: { by: "minSuccessful", value: 0 },
    }),
    { kind: "wait", seconds: 1 },
  ],
];

/** What a redrive of the workflow, whose steps are mended meanwhile, has come to. */
async function redrive(nodes: readonly Node[]): Promise<"nothing failed" | "redriven" | "healed"> {
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
    return "nothing failed";
  }
  expect(outcome).toMatchObject({ status: "SUCCEEDED" });
  if (!heals(nodes)) return "redriven";
  expect(() => failedItems(engine.operations(engine.find("second")?.arn ?? ""))).toThrow(
    expect.objectContaining({ code: "ERR_NOTHING_FAILED" }),
  );
  return "healed";
}

test("a redrive of any workflow with failed items ends well, and leaves none that it has run again failed", async () => {
  const seen = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(workflow, async (nodes) => {
      const became = await redrive(nodes);
      seen.set(became, (seen.get(became) ?? 0) + 1);
    }),
    exploring(RUNS),
  );
  expect(seen.get("redriven") ?? 0).toBeGreaterThan(0);
  expect(seen.get("healed") ?? 0).toBeGreaterThan(0);
});

test.each(FOUND)("a map in a child that ended early is redriven as a whole, case %#", async (...nodes) => {
  expect(await redrive(nodes)).toBe("healed");
});
