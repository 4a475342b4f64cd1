import { describe, expect, test } from "vitest";
import { createCodec } from "../../src/codec/codec.ts";
import type { DurableContext, WireOperation } from "../../src/index.ts";
import { indexes, later, noise } from "../support/batching.ts";
import { type Handler, invokeOver, type OurOptions, replay, runOurs, withRuntime } from "../support/service.ts";

/** Steps that are kept, one that waits, one item that has ended, one that has failed; with parts where room is little. */
const handler: Handler = async (_, context) => {
  const body = async (item: DurableContext, n: number) => {
    if (n === 0) return "ended";
    if (n === 1) throw new RangeError("failed");
    const kept = await item.step("keep", async () => noise(900, n));
    await item.step(
      "flaky",
      async ({ attempt }) => {
        if (attempt === 1) throw new Error("not yet");
      },
      later(1),
    );
    return kept.length;
  };
  const batch = await context.map("m", indexes(6), body, { batch: 6, completionConfig: { toleratedFailureCount: 1 } });
  return batch.getResults();
};

type Stored = Record<string, unknown> & { statuses: string; results: unknown[] };

/** What may have happened to a payload: it is cut, of something else, or says of items what it has no members for. */
const damages: Record<string, (payload: string, stored: Stored) => string> = {
  "cut in the middle": (payload) => payload.slice(0, payload.length >> 1),
  "its last character lost": (payload) => payload.slice(0, -1),
  "no JSON": () => "batch",
  "a format from the future": () => "~9zz",
  "a text": () => '"batch"',
  "a number": () => "5",
  null: () => "null",
  "a list": () => "[]",
  "an object of another kind": () => '{"type":"MapResult","totalCount":3}',
  "a version from the future": (_, stored) => JSON.stringify({ ...stored, batch: 3 }),
  "statuses that are no text": (_, stored) => JSON.stringify({ ...stored, statuses: 5 }),
  "an unknown status": (_, stored) => JSON.stringify({ ...stored, statuses: `${stored.statuses}Q` }),
  "fewer results than statuses": (_, stored) => JSON.stringify({ ...stored, statuses: `${stored.statuses}S` }),
  "more results than statuses": (_, stored) => JSON.stringify({ ...stored, results: [...stored.results, 1] }),
  "no results": (_, { results: _results, ...stored }) => JSON.stringify(stored),
  "results that are no list": (_, stored) => JSON.stringify({ ...stored, results: { length: 1 } }),
  "a failure without an error": (_, stored) => JSON.stringify({ ...stored, statuses: `${stored.statuses}F` }),
  "an error that is null": (_, stored) =>
    JSON.stringify({ ...stored, statuses: "F", results: [], kept: [], errors: [null] }),
  "an item under way without records": (_, stored) => JSON.stringify({ ...stored, statuses: `${stored.statuses}K` }),
  "records that are no list": (_, stored) =>
    JSON.stringify({ ...stored, statuses: "K", results: [], errors: [], kept: [5] }),
  "a record that is null": (_, stored) =>
    JSON.stringify({ ...stored, statuses: "K", results: [], errors: [], kept: [[null]] }),
  "a record without a path": (_, stored) =>
    JSON.stringify({ ...stored, statuses: "K", results: [], errors: [], kept: [[{ status: "SUCCEEDED" }]] }),
  "a record of a strange status": (_, stored) =>
    JSON.stringify({ ...stored, statuses: "K", results: [], errors: [], kept: [[{ path: "1", status: "LOST" }]] }),
  "a record of a strange type": (_, stored) =>
    JSON.stringify({
      ...stored,
      statuses: "K",
      results: [],
      errors: [],
      kept: [[{ path: "1", status: "SUCCEEDED", type: "MAP" }]],
    }),
  "an attempt that is no number": (_, stored) =>
    JSON.stringify({
      ...stored,
      statuses: "K",
      results: [],
      errors: [],
      kept: [[{ path: "1", status: "PENDING", attempts: "1" }]],
    }),
  "a due time that is no list": (_, stored) => JSON.stringify({ ...stored, due: [5] }),
  "a due time that is no number": (_, stored) => JSON.stringify({ ...stored, due: [[2, "2", "soon"]] }),
  "more parts than there are": (_, stored) => JSON.stringify({ ...stored, parts: 99 }),
  "parts that are no number": (_, stored) => JSON.stringify({ ...stored, parts: "1" }),
};

const options = (payloadBytes: number): OurOptions => ({
  runtime: { quotas: { payloadBytes } },
  engine: { quotas: { payloadBytes } },
});
const ROOM: [string, number][] = [
  ["one operation", 262_144],
  ["an operation and parts", 2_048],
];

const isOf = (subType: string) => (operation: WireOperation) => operation.SubType === subType;

/** The operations that the second invocation is given, one of them changed. */
async function recorded(payloadBytes: number, change: (operations: WireOperation[]) => WireOperation[]) {
  const { invocations } = await runOurs(handler, options(payloadBytes));
  expect(invocations).toHaveLength(2);
  return change(structuredClone(invocations[1]?.recorded ?? []) as WireOperation[]);
}

async function expectRefused(operations: readonly WireOperation[], payloadBytes: number): Promise<void> {
  const { output, requests } = await invokeOver(withRuntime(handler, options(payloadBytes)), operations);
  expect(output).toMatchObject({
    Status: "FAILED",
    Error: {
      ErrorType: expect.stringMatching(
        /^(UnrecoverableExecutionError|NonDeterministicExecutionError|ERR_PAYLOAD_UNREADABLE)$/,
      ),
    },
  });
  expect(requests.flat().filter(({ Action }) => Action === "RETRY" || Action === "SUCCEED")).toEqual([]);
}

const codec = createCodec("json");
const damaged = (operation: WireOperation, damage: (payload: string, stored: Stored) => string): void => {
  const payload = operation.StepDetails?.Result as string;
  (operation.StepDetails as { Result: string }).Result = damage(payload, codec.decode(payload) as Stored);
};

describe.each(ROOM)("of a batch in %s, a payload that is damaged ends the map:", (_room, payloadBytes) => {
  test.each(Object.keys(damages))("%s", async (what) => {
    const damage = damages[what] as (payload: string, stored: Stored) => string;
    const operations = await recorded(payloadBytes, (all) => {
      const own = all.find(isOf("MapBatch")) as WireOperation;
      damaged(own, damage);
      return all;
    });
    await expectRefused(operations, payloadBytes);
  });
});

describe("of a part of a batch, a payload that is damaged ends the map:", () => {
  const ofParts = Object.keys(damages).filter((what) => !what.includes("parts"));

  test.each(ofParts)("%s", async (what) => {
    const damage = damages[what] as (payload: string, stored: Stored) => string;
    const operations = await recorded(2_048, (all) => {
      damaged(all.find(isOf("MapBatchPart")) as WireOperation, damage);
      return all;
    });
    await expectRefused(operations, 2_048);
  });

  test("that is missing, or empty", async () => {
    const without = await recorded(2_048, (all) => {
      const first = all.find(isOf("MapBatchPart"));
      return all.filter((operation) => operation !== first);
    });
    await expectRefused(without, 2_048);
    const empty = await recorded(2_048, (all) => {
      const part = all.find(isOf("MapBatchPart")) as WireOperation;
      part.StepDetails = {};
      return all;
    });
    await expectRefused(empty, 2_048);
  });
});

test.each(ROOM)("undamaged, in %s, it goes on", async (_room, payloadBytes) => {
  const run = await runOurs(handler, options(payloadBytes));
  expect(run.result).toEqual(["ended", 900, 900, 900, 900]);
  expect((await replay(handler, run, options(payloadBytes))).requests).toEqual([]);
});

test("a result inside an item that no codec reads ends the invocation, as without batches", async () => {
  const operations = await recorded(262_144, (all) => {
    damaged(all.find(isOf("MapBatch")) as WireOperation, (_, stored) => {
      const record = { path: "1", status: "SUCCEEDED", name: "keep", text: "~9zz" };
      return JSON.stringify({ ...stored, statuses: "..K", results: [], errors: [], kept: [[record]] });
    });
    return all;
  });
  const invoked = invokeOver(withRuntime(handler, options(262_144)), operations);
  await expect(invoked).rejects.toThrow(/Deserialization failed for step "keep" .* cannot be read/);
});
