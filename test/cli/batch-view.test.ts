import { expect, test } from "vitest";
import { readBatches } from "../../src/cli/inspect/batch-view.ts";
import type { Operation } from "../../src/core/wire.ts";

/** An operation of a batch, as an execution has it. */
function step(id: string, SubType: string, Name: string, batch: object): Operation {
  const base = { Id: id, ParentId: "map", Type: "STEP", Status: "SUCCEEDED", StartTimestamp: undefined } as const;
  return { ...base, SubType, Name, StepDetails: { Result: JSON.stringify({ batch: 2, results: [], ...batch }) } };
}

test.each(["score", "José"])("a batch is read with its parts, whatever its map is called: %s", (map) => {
  const operations = [
    step("1", "MapBatch", `${map}[0..1]`, { statuses: "U", parts: 1 }),
    step("2", "MapBatchPart", `${map}[0..1] part 1`, { statuses: ".S", results: [7] }),
  ];
  const view = readBatches(operations).get("1");
  expect(view?.parts.map(({ Id }) => Id)).toEqual(["2"]);
  expect(view?.items.map(({ status, result }) => [status, result])).toEqual([
    ["SUCCEEDED", undefined],
    ["SUCCEEDED", 7],
  ]);
});

test("an item whose packed result is damaged does not hide the other items", () => {
  const batch = { statuses: "TS", results: ["~1d____", 7] };
  const view = readBatches([step("1", "MapBatch", "score[0..1]", batch)]).get("1");
  expect(view?.items.map(({ status, result }) => [status, result])).toEqual([
    ["SUCCEEDED", "~1d____"],
    ["SUCCEEDED", 7],
  ]);
});
