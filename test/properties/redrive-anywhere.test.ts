import fc from "fast-check";
import { expect, test } from "vitest";
import { withDurableExecution } from "../../src/index.ts";
import { LocalEngine, type LocalHandler, planRedrive, VirtualClock } from "../../src/testing.ts";
import { exploring } from "../support/exploration.ts";
import { type Node, runNodes, workflow } from "../support/workflow.ts";

const RUNS = 60;

/** The outcome of a workflow that was stopped after some checkpoints, or failed at its very end, and then redriven. */
async function redriven(nodes: readonly Node[], checkpoints: number) {
  let isBroken = true;
  const engine = new LocalEngine({ clock: new VirtualClock() });
  const handler = withDurableExecution(
    async (_: unknown, context) => {
      const results = await runNodes(context, nodes, "", () => {});
      if (isBroken) throw new TypeError("a mistake at the end");
      return results;
    },
    { runtime: { suspension: { graceMs: 1 } } },
  );
  engine.register("f", handler as unknown as LocalHandler);
  let left = checkpoints;
  const stopWatching = engine.subscribe(({ type, arn }) => {
    if (type === "checkpoint" && --left === 0)
      setImmediate(() => engine.find(arn)?.status === "RUNNING" && engine.stop(arn));
  });
  const first = engine.start({ functionName: "f", name: "first" });
  const { status } = await first.result;
  stopWatching();
  isBroken = false;
  const ended = new Set(
    engine
      .operations(first.arn)
      .filter(({ Type, Status, SubType }) => Type === "STEP" && SubType === "Step" && Status !== "STARTED")
      .filter(({ Status }) => Status === "SUCCEEDED" || Status === "FAILED")
      .map(({ Id }) => Id),
  );
  const plan = await planRedrive(engine, first.arn);
  const written = new Set<string | undefined>();
  engine.subscribe((event) => {
    if (event.type === "checkpoint") for (const { Id } of event.updates) written.add(Id);
  });
  const outcome = await engine.redrive(first.arn, { amend: () => plan, name: "second" }).result;
  return { status, outcome, repeated: [...ended].filter((id) => written.has(id)) };
}

test("any workflow that was stopped or failed at its end goes on to its end, and no step that had ended begins again", async () => {
  const seen = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(workflow, fc.integer({ min: 1, max: 12 }), async (nodes, checkpoints) => {
      const { status, outcome, repeated } = await redriven(nodes, checkpoints);
      seen.set(status, (seen.get(status) ?? 0) + 1);
      expect(outcome.status).toBe("SUCCEEDED");
      expect(repeated).toEqual([]);
    }),
    exploring(RUNS),
  );
  expect([...seen.keys()].toSorted()).toEqual(["FAILED", "STOPPED"]);
});
