import type { Case } from "./case.ts";
import { FAULT_KINDS } from "./faults.ts";
import { KINDS, type Kind, type Violation } from "./invariants.ts";
import { everyNode, has, isBatched } from "./program.ts";
import type { Tally } from "./tally.ts";

/** What the programs of many cases had in them. */
export class Contents {
  readonly counts = new Map<string, number>();

  add({ program, surroundings }: Case, tally: Tally): void {
    const note = (what: string, is: boolean): void => {
      if (is) this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
    };
    let batchedMaps = 0;
    for (const [node] of everyNode(program)) if (node.kind === "map" && isBatched(node)) batchedMaps++;
    note("with a batched map", batchedMaps > 0);
    this.counts.set("batched maps", (this.counts.get("batched maps") ?? 0) + batchedMaps);
    note("with a retry", tally.retries > 0);
    note("with a suspension", tally.suspensions > 0);
    note("with a sleeping batch", tally.sleepingBatches > 0);
    note("with more items than permits", has(program, isCrowded));
    note(
      "with a shared limiter",
      has(program, ({ kind }, around) => kind === "limited" && around.some(({ items }) => items.length > 1)),
    );
    note(
      "with items that await what began before",
      has(program, ({ kind }, around) => kind === "await" && around.length > 0),
    );
    note("with faults or deadlines", tally.faults.size > 0);
    note("with small payloads", surroundings.payloadBytes < 262_144);
    note(
      "with clock skew",
      surroundings.skewMs.some((ms) => ms !== 0),
    );
  }
}

function isCrowded(node: Parameters<Parameters<typeof has>[1]>[0]): boolean {
  return (
    (node.kind === "map" || node.kind === "parallel") &&
    node.items.length > (node.maxConcurrency ?? node.concurrency ?? Infinity)
  );
}

/** The table at the end of a run. */
export function table(seeds: number, tally: Tally, { counts }: Contents, tookMs: number): string {
  const rows: [string, string | number][] = [
    ["seeds", seeds],
    ["milliseconds a seed", (tookMs / seeds).toFixed(2)],
    ...[...counts].map(([what, count]): [string, string] => [
      what,
      what === "batched maps" ? String(count) : `${count} (${((100 * count) / seeds).toFixed(1)} %)`,
    ]),
    ["invocations", tally.invocations],
    ["requests", tally.requests],
    ["updates", tally.updates],
    ["payload bytes", tally.bytes],
    ["state pages", tally.pages],
    ["events", tally.events],
    ["attempts after the first", tally.retries],
    ["suspensions", tally.suspensions],
    ["batches asleep at a suspension", tally.sleepingBatches],
    ["RETRY of a batch", tally.batchRetries],
    ["ends and parts of batches", tally.batchRecords],
    ["virtual hours", (tally.virtualMs / 3_600_000).toFixed(1)],
    ...[...FAULT_KINDS, "cut off"].map((kind): [string, number] => [`fault: ${kind}`, tally.faults.get(kind) ?? 0]),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join("\n");
}

/** How a failure is shown: what is wrong, and a case that a test can be given. */
export function failure(seed: number, violations: readonly Violation[], given: Case): string {
  const wrong = violations.slice(0, 5).map(({ kind, detail }) => `  ${kind}: ${detail}\n    (${KINDS[kind]})`);
  return [`seed ${seed}`, ...wrong, `  case: ${asText(given)}`].join("\n");
}

/** A case as text that can be pasted into a test; what is undefined there is left out here. */
export function asText(given: Case): string {
  return JSON.stringify(given);
}

export function kindsOf(violations: readonly Violation[]): Kind[] {
  return [...new Set(violations.map(({ kind }) => kind))];
}
