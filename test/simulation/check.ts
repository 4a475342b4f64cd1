import { type Case, PLAIN } from "./case.ts";
import type { Violation } from "./invariants.ts";
import { isOrderFree, withBatch } from "./program.ts";
import { isCut, type Simulated, simulate } from "./simulation.ts";
import type { Tally } from "./tally.ts";
import type { Trace } from "./trace.ts";

export interface Checked {
  readonly violations: readonly Violation[];
  readonly tally: Tally;
}

/** Runs a case, and beside it the same program without batches, faults and latency, whose outcome must be the same. */
export async function check(given: Case, trace?: Trace): Promise<Checked> {
  const run = await simulate(given, trace);
  const violations = [...run.violations];
  if (run.error !== undefined) violations.push({ kind: "failed", detail: JSON.stringify(run.error) });
  const cut = isCut(given);
  const isDone = run.hasEnded && run.error === undefined;
  if (isDone && isOrderFree(given.program, cut, given.surroundings.payloadBytes)) {
    const expected = await simulate(reference(given));
    if (expected.hasEnded) violations.push(...difference(run, expected, cut));
    else
      violations.push(
        ...expected.violations.map(({ kind, detail }) => ({ kind, detail: `${detail}, without batches` })),
      );
  }
  return { violations, tally: run.tally };
}

export function reference({ program, surroundings }: Case): Case {
  const { payloadBytes, runtime } = surroundings;
  // How large a result is depends on the codec.
  const codec = runtime.codec === undefined ? {} : { codec: runtime.codec };
  return {
    program: withBatch(program, false),
    surroundings: { ...PLAIN, payloadBytes, runtime: codec },
    faults: [],
  };
}

export function difference(run: Simulated, expected: Simulated, cut: boolean): Violation[] {
  const here = JSON.stringify(run.result);
  const there = JSON.stringify(expected.result);
  if (here !== there) {
    return [{ kind: "wrong-result", detail: `${around(here, there)} instead of ${around(there, here)}` }];
  }
  if (cut) return [];
  for (const site of new Set([...run.runs.keys(), ...expected.runs.keys()])) {
    const times = run.runs.get(site) ?? 0;
    const right = expected.runs.get(site) ?? 0;
    if (times !== right) return [{ kind: "wrong-runs", detail: `${site} ran ${times} times instead of ${right}` }];
  }
  return [];
}

/** What differs, and a little before it. */
function around(text = "undefined", other = "undefined"): string {
  let same = 0;
  while (same < text.length && text[same] === other[same]) same++;
  return text.slice(Math.max(0, same - 60), same + 160);
}
