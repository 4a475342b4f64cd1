import { expect, test } from "vitest";
import type { OperationPath } from "../../src/core/ids.ts";
import type { Operation } from "../../src/core/wire.ts";
import { Kept } from "../../src/execution/ledger/kept.ts";
import { WaitingRecords } from "../../src/execution/ledger/waiting-records.ts";
import { Timers } from "../../src/execution/timers.ts";

/** Records that wait, by their due times; `over` lists the due times of those that went on, `timers` when others will. */
function waitingUntil(dueTimes: readonly number[]) {
  const over: number[] = [];
  const timers: number[] = [];
  const waiting = new WaitingRecords(
    new (class extends Timers {
      override at(dueMs: number) {
        timers.push(dueMs);
        return { cancel() {} };
      }
    })(
      () => {},
      () => 900_000,
    ),
  );
  for (const dueMs of dueTimes) {
    const path = `1-${dueMs}` as OperationPath;
    const wait: Operation = { Id: path, Type: "WAIT", StartTimestamp: undefined, Status: "STARTED" };
    const completeTimer = (kept: Kept) => {
      waiting.delete(kept);
      over.push(kept.dueMs ?? 0);
    };
    const page = { path: "1" as OperationPath, index: 0, isFirstVersion: false, end: undefined, completeTimer };
    const kept = new Kept(page, path, wait);
    kept.takeTime(dueMs, 0, dueMs);
    waiting.add(kept);
  }
  return { waiting, over, timers };
}

test("what is due 400 ms later goes on later, and what is due at about the same time goes on together", () => {
  const { waiting, over } = waitingUntil([2_400, 2_010, 2_000, 5_000]);
  waiting.release(3_000);
  expect(over).toEqual([2_000, 2_010]);
  expect(waiting.completeDue(3_000)).toBe(true);
  expect(over).toEqual([2_000, 2_010, 2_400]);
  expect(waiting.completeDue(3_000)).toBe(false);
});

test("after a long outage, what is due keeps its order, each at most 5 s after what was due first", () => {
  const { waiting, over, timers } = waitingUntil([7_200_000, 3_000, 1_000]);
  waiting.release(10_000_000);
  expect(over).toEqual([1_000]);
  for (const kept of waiting.all) waiting.arm(kept);
  expect(timers).toEqual([10_005_000, 10_002_000]);
});

test("what was due while the batch waited asks again for its time, if an invocation begins too early for it", () => {
  const { waiting } = waitingUntil([]);
  const { waiting: parts } = waitingUntil([2_000]);
  const readyMs = 3_600_000;
  waiting.forgetTimes(readyMs);
  for (const kept of parts.all) waiting.add(kept);
  waiting.coverRestored();
  for (const kept of parts.all) waiting.arm(kept);
  expect(waiting.wakeMs(1_995, readyMs)).toBe(2_000);
});

test("an invocation that begins late, or by a clock that is behind, makes no delay longer", () => {
  const readyMs = 3_600_000;
  const dueAt = (nowMs: number) => {
    const { waiting, over } = waitingUntil([1, 2]);
    const [due, later] = [...waiting.all] as [Kept, Kept];
    waiting.forgetTimes(readyMs);
    due.takeTime(undefined, -20, 2_000);
    later.takeTime(undefined, 60_000, 90_000);
    waiting.release(nowMs);
    return [over.length, later.dueMs];
  };
  expect(dueAt(readyMs + 4_000)).toEqual([1, readyMs + 60_000]);
  expect(dueAt(readyMs - 4_000)).toEqual([1, readyMs + 60_000]);
  expect(dueAt(readyMs - 60_000)).toEqual([1, readyMs + 60_000]);
});

test("what is overdue goes on before what is due soon, although both keep their distance to what was due first", () => {
  const { waiting, timers } = waitingUntil([9_000, 5_000, 2_000, 60_000]);
  waiting.release(6_500);
  for (const kept of waiting.all) waiting.arm(kept);
  expect(timers).toEqual([11_500, 9_500, 60_000]);
});

test("what begins to wait after that is due when it says", () => {
  const { waiting, timers } = waitingUntil([5_000, 2_000]);
  const { waiting: others } = waitingUntil([7_500]);
  waiting.release(6_500);
  for (const kept of others.all) waiting.add(kept);
  for (const kept of waiting.all) waiting.arm(kept);
  expect(timers).toEqual([9_500, 7_500]);
});

test("what was awaited before the batch could be written keeps its order too", () => {
  const { waiting, timers } = waitingUntil([5_000, 2_000, 9_000]);
  for (const kept of waiting.all) waiting.arm(kept);
  expect(timers).toEqual([5_000, 2_000, 9_000]);
  waiting.release(6_500);
  expect(timers.slice(3).toSorted()).toEqual([11_500, 6_500, 9_500]);
});
