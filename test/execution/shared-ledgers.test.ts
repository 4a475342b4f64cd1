import { expect, test } from "vitest";
import { SharedLedgers } from "../../src/execution/ledger/shared-ledgers.ts";

const LEDGERS = 1_000;
const ITEMS = 1_000;

/** Open ledgers of which each counts how often its members are read. */
function openLedgers(maxUnacknowledged: number) {
  const all = new SharedLedgers({ settings: { checkpoint: { maxUnacknowledged } } } as never);
  const reads = { count: 0 };
  const ledgers = Array.from({ length: LEDGERS }, () => ({
    isEnded: false,
    left: 0,
    wakesMs: Number.POSITIVE_INFINITY,
    get isOver() {
      reads.count++;
      return this.isEnded;
    },
    get unwritten() {
      reads.count++;
      return this.left;
    },
    writePart: () => {},
    flush: () => false,
  }));
  for (const ledger of ledgers) all.add(ledger);
  return { all, ledgers, reads };
}

// U1
test("whether an item may begin is known without a look at each open batch", () => {
  const { all, ledgers, reads } = openLedgers(ITEMS + 1);
  for (let item = 0; item < ITEMS; item++) {
    const ledger = ledgers[item % LEDGERS] as (typeof ledgers)[number];
    ledger.left++;
    all.noteUnwritten(ledger, 1);
    expect(all.hasRoom).toBe(true);
  }
  expect(reads.count).toBe(0);
});

test("items of a batch whose map is over count no more", () => {
  const { all, ledgers } = openLedgers(2);
  const [first, second] = ledgers as [(typeof ledgers)[number], (typeof ledgers)[number]];
  for (const ledger of [first, second]) {
    ledger.left++;
    all.noteUnwritten(ledger, 1);
  }
  expect(all.hasRoom).toBe(false);
  first.isEnded = true;
  expect(all.hasRoom).toBe(true);
  all.noteUnwritten(first, 1);
  expect(all.hasRoom).toBe(true);
});
