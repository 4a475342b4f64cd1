/**
 * Executions that were recorded by version 2.0.0, before items of a batch shared the operations' own code: what the
 * service held of them when an invocation had answered PENDING or was cut off, or when everything was recorded but the
 * execution's own end. Each must be carried on to the end that it would have had, without running again what is
 * recorded. The files cannot be made again with later code, and neither may the handlers change that they name.
 *
 * The results come from the uninterrupted execution, and are those of the same handler without batches. What runs on is
 * what the operations do not hold: items of a batch of which nothing was recorded, and steps that wait for their next
 * attempt.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { carryOn, heldOf, type Recording } from "./recording.ts";

const folder = join(import.meta.dirname, "before-one-way");
const recordings = readdirSync(folder).map((file): [string, Recording] => [
  file.replace(/\.json$/, ""),
  JSON.parse(readFileSync(join(folder, file), "utf8")),
]);

const A_DAY_MS = 86_400_000;

/** So long an invocation may wait by itself, in which time the engine's clock stands still. */
const IN_PROCESS_SECONDS = 2;

/** Operations without their times. */
const timeless = (operations: readonly unknown[]) =>
  JSON.parse(JSON.stringify(operations, (key, value) => (key.endsWith("Timestamp") ? undefined : value)));

describe.each(recordings)("%s", (_name, recording) => {
  const { about, expected } = recording;

  test("is held by an engine as it was recorded", () => {
    expect(timeless(heldOf(recording))).toEqual(timeless(recording.operations));
  });

  test(`is carried on at once: ${about}`, async () => {
    const carried = await carryOn(recording, { agoMs: 0 });
    expect([carried.result, carried.error]).toEqual([expected.result, expected.error]);
    expect(carried.runs).toEqual(expected.runs);
    for (const [label, seconds] of Object.entries(expected.notBefore ?? {})) {
      expect(carried.firstSeconds[label], label).toBeGreaterThan(seconds - IN_PROCESS_SECONDS);
    }
    if (expected.isFinished) expect(carried.updates).toBe(0);
  });

  test("is carried on a day later, when all that it waited for is due", async () => {
    const { result, error, runs } = await carryOn(recording, { agoMs: A_DAY_MS });
    expect({ result, error, runs }).toEqual({ result: expected.result, error: expected.error, runs: expected.runs });
  });

  test.each([1, 2, 3])("ends the same when it is cut off after its request %i", async (cutAfter) => {
    const { result, error } = await carryOn(recording, { agoMs: 0, cutAfter });
    expect({ result, error }).toEqual({ result: expected.result, error: expected.error });
  });
});
