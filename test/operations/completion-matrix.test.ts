import { describe, expect, test } from "vitest";
import {
  type BatchResult,
  type CompletionConfig,
  CompletionOutcome,
  completeBatch,
  continueBatch,
  type DurableContext,
} from "../../src/index.ts";
import { type Handler, replay, runOurs } from "../support/service.ts";

const when =
  (done: number, outcome: CompletionOutcome): CompletionConfig["shouldComplete"] =>
  ({ completedCount }) =>
    completedCount >= done ? completeBatch(outcome) : continueBatch();

/**
 * What a batch of four items comes to: a column has the items' outcomes in their order and the concurrency; a cell the
 * reason and the counts succeeded/failed/started/total. Observed on the official SDK 2.4.0.
 */
const columns = ["SSSS 1", "SSSS ∞", "FSSS 1", "FSSS ∞", "SSSF 1", "FFFF 1", "FFFF ∞"] as const;

const ALL4 = "ALL 4/0/0/4";
const ALL31 = "ALL 3/1/0/4";
const ALL04 = "ALL 0/4/0/4";

const rows: [string, CompletionConfig | undefined, string[]][] = [
  ["no policy", undefined, [ALL4, ALL4, "TOL 0/1/0/1", "TOL 0/1/3/4", "TOL 3/1/0/4", "TOL 0/1/0/1", "TOL 0/1/3/4"]],
  ["an empty one", {}, [ALL4, ALL4, "TOL 0/1/0/1", "TOL 0/1/3/4", "TOL 3/1/0/4", "TOL 0/1/0/1", "TOL 0/1/3/4"]],
  [
    "minSuccessful 2",
    { minSuccessful: 2 },
    ["MIN 2/0/0/2", "MIN 2/0/2/4", "MIN 2/1/0/3", "MIN 2/1/1/4", "MIN 2/0/0/2", ALL04, ALL04],
  ],
  [
    "minSuccessful 0",
    { minSuccessful: 0 },
    ["MIN 1/0/0/1", "MIN 1/0/3/4", "MIN 0/1/0/1", "MIN 0/1/3/4", "MIN 1/0/0/1", "MIN 0/1/0/1", "MIN 0/1/3/4"],
  ],
  ["minSuccessful 9", { minSuccessful: 9 }, [ALL4, ALL4, ALL31, ALL31, ALL31, ALL04, ALL04]],
  [
    "toleratedFailureCount 1",
    { toleratedFailureCount: 1 },
    [ALL4, ALL4, ALL31, ALL31, ALL31, "TOL 0/2/0/2", "TOL 0/2/2/4"],
  ],
  [
    "toleratedFailurePercentage 25",
    { toleratedFailurePercentage: 25 },
    [ALL4, ALL4, ALL31, ALL31, ALL31, "TOL 0/2/0/2", "TOL 0/2/2/4"],
  ],
  [
    "minSuccessful 2 and toleratedFailureCount 0",
    { minSuccessful: 2, toleratedFailureCount: 0 },
    ["MIN 2/0/0/2", "MIN 2/0/2/4", "TOL 0/1/0/1", "TOL 0/1/3/4", "MIN 2/0/0/2", "TOL 0/1/0/1", "TOL 0/1/3/4"],
  ],
  [
    "a predicate, complete at 1",
    { shouldComplete: when(1, CompletionOutcome.SUCCEEDED) as never },
    ["C+ 1/0/0/1", "C+ 1/0/3/4", "C+ 0/1/0/1", "C+ 0/1/3/4", "C+ 1/0/0/1", "C+ 0/1/0/1", "C+ 0/1/3/4"],
  ],
  [
    "a predicate, failed at 1",
    { shouldComplete: when(1, CompletionOutcome.FAILED) as never },
    ["C- 1/0/0/1", "C- 1/0/3/4", "C- 0/1/0/1", "C- 0/1/3/4", "C- 1/0/0/1", "C- 0/1/0/1", "C- 0/1/3/4"],
  ],
  [
    "a predicate, complete at 0",
    { shouldComplete: when(0, CompletionOutcome.SUCCEEDED) as never },
    Array(7).fill("C+ 0/0/0/0"),
  ],
  ["a predicate, never", { shouldComplete: continueBatch }, [ALL4, ALL4, ALL31, ALL31, ALL31, ALL04, ALL04]],
];

const SHORT = {
  ALL_COMPLETED: "ALL",
  MIN_SUCCESSFUL_REACHED: "MIN",
  FAILURE_TOLERANCE_EXCEEDED: "TOL",
  CUSTOM_COMPLETION_SUCCEEDED: "C+",
  CUSTOM_COMPLETION_FAILED: "C-",
};

function cellOf(batch: BatchResult<unknown>): string {
  const counts = [batch.successCount, batch.failureCount, batch.startedCount, batch.totalCount];
  return `${SHORT[batch.completionReason]} ${counts.join("/")}`;
}

/** `status` follows from the reason and the failures. */
function statusOf(cell: string): string {
  if (cell.startsWith("C")) return cell.startsWith("C-") ? "FAILED" : "SUCCEEDED";
  return cell.split("/")[1] === "0" ? "SUCCEEDED" : "FAILED";
}

const PAYLOAD_BYTES = 1_024;

/** How an item comes to its outcome. The large ones go over the payload limit together, so they are rebuilt. */
const bodies: Record<string, (context: DurableContext, succeeds: boolean, largest: number) => Promise<unknown>> = {
  "plain code": async (_, succeeds) => {
    if (!succeeds) throw new Error("F");
    return "S";
  },
  "a step": (context, succeeds) =>
    context.step(
      async () => {
        if (!succeeds) throw new Error("F");
        return "S";
      },
      { retryStrategy: () => ({ shouldRetry: false }) },
    ),
  "a large result": (context, succeeds, largest) =>
    context.step(
      async () => {
        if (!succeeds) throw new Error("F".repeat(500));
        return "S".repeat(largest);
      },
      { retryStrategy: () => ({ shouldRetry: false }) },
    ),
};

describe.each([
  ["map", {}],
  ["parallel", {}],
  ["map", { batch: 1 }],
  ["map", { batch: 3 }],
  ["map", { batch: 100 }],
] as const)("%s %j", (kind, batching) => {
  const isBatched = "batch" in batching;
  // Half a payload's room is all that an item of a shared operation is certain to get.
  const largest = isBatched ? PAYLOAD_BYTES / 2 - 2 : PAYLOAD_BYTES - 2;

  describe.each(isBatched ? (["NESTED"] as const) : (["NESTED", "FLAT"] as const))("%s", (nesting) => {
    describe.each(Object.entries(bodies))("of %s", (_, body) => {
      test.each(rows)("with %s", async (_name, completionConfig, cells) => {
        for (const [at, column] of columns.entries()) {
          const [outcomes = "", concurrency] = column.split(" ");
          const seen: string[] = [];
          const handler: Handler = async (_input, context) => {
            const config = {
              nesting,
              ...batching,
              ...(concurrency === "1" ? { maxConcurrency: 1 } : {}),
              ...(completionConfig === undefined ? {} : { completionConfig }),
            };
            const run = (inner: DurableContext, outcome: string) => body(inner, outcome === "S", largest);
            const batch =
              kind === "map"
                ? await context.map([...outcomes], run, config)
                : await context.parallel(
                    [...outcomes].map((outcome) => (inner: DurableContext) => run(inner, outcome)),
                    config,
                  );
            seen.push(`${cellOf(batch)} ${batch.status} ${batch.hasFailure} ${JSON.stringify(batch).length}`);
            await context.wait({ seconds: 1 });
            return cellOf(batch);
          };
          const quotas = { payloadBytes: PAYLOAD_BYTES };
          const options = { runtime: { quotas }, engine: { quotas } };
          const run = await runOurs(handler, options);
          const { output, requests } = await replay(handler, run, options);
          const cell = cells[at] as string;
          expect([column, run.result]).toEqual([column, cell]);
          // Live, after the wait, and once more over everything recorded: the same, down to the items.
          expect(seen).toHaveLength(3);
          expect(new Set(seen).size, `${column}: ${seen.join(" | ")}`).toBe(1);
          expect(seen[0]).toContain(`${cell} ${statusOf(cell)} ${cell.split("/")[1] !== "0"}`);
          expect(output).toEqual({ Status: "SUCCEEDED", Result: run.outcome.result });
          expect(requests).toEqual([]);
        }
      });
    });

    test("without items: complete at once, and both updates are written", async () => {
      for (const [name, completionConfig] of rows) {
        const run = await runOurs(async (_input, context) => {
          const config = { nesting, ...batching, ...(completionConfig === undefined ? {} : { completionConfig }) };
          const batch =
            kind === "map" ? await context.map([], async () => 1, config) : await context.parallel([], config);
          return `${cellOf(batch)} ${batch.status}`;
        });
        const completesAtOnce = name === "a predicate, complete at 0";
        expect([name, run.result]).toEqual([name, `${completesAtOnce ? "C+" : "ALL"} 0/0/0/0 SUCCEEDED`]);
        expect(run.updates.map(({ Action }) => Action)).toEqual(["START", "SUCCEED"]);
      }
    });
  });
});
