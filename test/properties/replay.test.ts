import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { childPath, type OperationPath, operationId } from "../../src/core/ids.ts";
import { DurableExecutionClientError, type RuntimeOptions } from "../../src/index.ts";
import type { LocalHandler } from "../../src/testing.ts";
import { exploring } from "../support/exploration.ts";
import { FOUND } from "../support/found-workflows.ts";
import {
  type CheckpointCall,
  type Handler,
  type Run,
  replay,
  runLambda,
  runOurs,
  withRuntime,
} from "../support/service.ts";
import { isDeterministic, type Node, Observations, PLAIN_FAN_OUT, runNodes, workflow } from "../support/workflow.ts";

const RUNS = 300;
const PAYLOAD_BYTES = 1_024;

/** Where an invocation is cut off: at so many requests after the previous cut, before or after they are recorded. */
interface Cut {
  readonly after: number;
  readonly recorded: boolean;
}

const cuts: fc.Arbitrary<Cut[]> = fc.array(fc.record({ after: fc.nat(6), recorded: fc.boolean() }), { maxLength: 5 });

/** How often an invocation may look at its time before it is up. */
const looks: fc.Arbitrary<number> = fc.oneof(
  { weight: 2, arbitrary: fc.constant(Number.POSITIVE_INFINITY) },
  { weight: 1, arbitrary: fc.nat(30) },
);

interface Observed {
  readonly run: Run;
  readonly seen: Observations;
  readonly replayed: unknown;
  readonly updatesOfReplay: unknown[];
}

/**
 * Runs a workflow, cut off at these requests, and once more over all that was recorded in the end. The time of an
 * invocation is up when it has looked so often how much is left.
 */
async function observe(
  nodes: readonly Node[],
  graceMs: number,
  cut: readonly Cut[],
  looks = Number.POSITIVE_INFINITY,
  elideStarts = false,
  tickMs = Number.POSITIVE_INFINITY,
): Promise<Observed> {
  const seen = new Observations();
  const ended = new Set<string>();
  const handler: Handler = async (_, context) => {
    seen.endInvocation((path) => ended.has(operationId(path as OperationPath)));
    return runNodes(context, nodes, "", (path, value) => seen.see(path, value));
  };
  const left = [...cut];
  let until = left[0]?.after;
  const onCheckpoint = async ({ forward }: CheckpointCall) => {
    const cutHere = until !== undefined && until-- === 0 ? left.shift() : undefined;
    if (cutHere !== undefined) until = left[0]?.after;
    if (cutHere?.recorded === false) throw new DurableExecutionClientError("cut off before the request");
    const answer = await forward();
    for (const { Id, Status } of answer.NewExecutionState?.Operations ?? []) {
      if (Status === "SUCCEEDED" || Status === "FAILED") ended.add(Id as string);
    }
    if (cutHere !== undefined) throw new DurableExecutionClientError("cut off after the request");
    return answer;
  };
  const runtime: RuntimeOptions = {
    suspension: { graceMs, reserveMs: 1_000 },
    checkpoint: { elideStarts },
    tickMs,
    quotas: { payloadBytes: PAYLOAD_BYTES },
  };
  const lambda = withRuntime(handler, { runtime });
  const shortened: LocalHandler = (event, context) => {
    let looked = 0;
    return lambda(event, { ...context, getRemainingTimeInMillis: () => (looked++ < looks ? 900_000 : 500) } as never);
  };
  const run = await runLambda(shortened, {
    onCheckpoint,
    engine: {
      quotas: { payloadBytes: PAYLOAD_BYTES },
      invocation: { maxFailures: Number.POSITIVE_INFINITY, retryPauseMs: 0 },
    },
  });
  const { output, requests } = await replay(handler, run, { runtime });
  return { run, seen, replayed: output, updatesOfReplay: requests.flat() };
}

describe("whatever is cut off when", () => {
  test("a workflow sees the same, ends the same, and replays without a word", async () => {
    await fc.assert(
      fc.asyncProperty(
        workflow,
        fc.nat(1),
        cuts,
        looks,
        fc.boolean(),
        fc.constantFrom(0, Number.POSITIVE_INFINITY),
        async (nodes, graceMs, cut, looks, elideStarts, tickMs) => {
          const { run, seen, replayed, updatesOfReplay } = await observe(
            nodes,
            graceMs,
            cut,
            looks,
            elideStarts,
            tickMs,
          );
          expect(seen.contradictions).toEqual([]);
          expect(run.outcome.status).toBe("SUCCEEDED");
          expect(replayed).toEqual({ Status: "SUCCEEDED", Result: run.outcome.result });
          expect(updatesOfReplay).toEqual([]);
          if ((cut.length === 0 && looks === Number.POSITIVE_INFINITY) || !isDeterministic(nodes)) return;
          const uninterrupted = await observe(nodes, graceMs, []);
          expect(run.result).toEqual(uninterrupted.run.result);
        },
      ),
      // With a limit, a workflow that hangs is made smaller like any other that fails.
      {
        ...exploring(RUNS),
        examples: FOUND.flatMap((found) => [
          [...found, false, Number.POSITIVE_INFINITY],
          [...found, true, Number.POSITIVE_INFINITY],
          [...found, true, 0],
        ]),
        timeout: 20_000,
      },
    );
  });

  test("the paths by which the test follows operations are theirs", async () => {
    const paths: string[] = [];
    const step: Node = { kind: "step", size: 1, failures: 0, atMostOnce: false };
    const nodes: Node[] = [
      { kind: "child", virtual: true, body: [step] },
      {
        kind: "map",
        items: [[step], [step, step]],
        ...PLAIN_FAN_OUT,
      },
    ];
    const run = await runOurs(async (_, context) => runNodes(context, nodes, "", (path) => paths.push(path)));
    const steps = run.operations.filter(({ Type }) => Type === "STEP").map(({ Id }) => Id);
    const map = childPath(undefined, 2);
    expect(new Set(paths)).toEqual(new Set(["1-1", "2", "2-1-1", "2-2-1", "2-2-2"]));
    expect(new Set(paths.filter((path) => path !== map).map((path) => operationId(path as OperationPath)))).toEqual(
      new Set(steps),
    );
  });
});
