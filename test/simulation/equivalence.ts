import type { Case } from "./case.ts";
import { type Checked, difference, reference } from "./check.ts";
import type { Violation } from "./invariants.ts";
import { isOrderFree, withBatch } from "./program.ts";
import { isCut, type Simulated, simulate } from "./simulation.ts";
import { Tally } from "./tally.ts";

const BATCHES = [undefined, 1, 7, 100];
/** What an acknowledgement takes, from the fastest to the slowest, in milliseconds. */
const PROMPT = [0, 0] as const;
const SLOW = [1, 500] as const;
/** Orders in which acknowledgements of the unbatched map are tried until one gives the outcome in question. */
const ORDERS = 60;
const SPREADS = [PROMPT, [1, 20], SLOW, [1, 3_000], [1, 12_000]] as const;

/**
 * Runs a program in batches of several sizes and without, with prompt and with slow acknowledgements. All give the same
 * if the outcome depends on no order, and else something that the unbatched program gives for some order.
 */
export async function checkEquivalence(given: Case): Promise<Checked> {
  const cut = isCut(given);
  const tally = new Tally();
  const violations: Violation[] = [];
  const outcomes = isOrderFree(given.program, cut, given.surroundings.payloadBytes)
    ? new OneOutcome(await simulate(reference(given)), cut)
    : new SomeOutcomes(given);
  for (const batch of BATCHES) {
    for (const latencyMs of [PROMPT, SLOW]) {
      const surroundings = { ...given.surroundings, latencyMs };
      const variant = { ...given, program: withBatch(given.program, batch), surroundings };
      const run = await simulate(variant);
      tally.add(run.tally);
      const wrong = [...run.violations];
      if (run.error !== undefined) wrong.push({ kind: "failed", detail: JSON.stringify(run.error) });
      else if (run.hasEnded && (!cut || outcomes instanceof OneOutcome)) {
        wrong.push(...(await outcomes.judge(run)));
      }
      const where = `with batch ${batch ?? "none"} and acknowledgements of ${latencyMs.join(" to ")} ms`;
      violations.push(...wrong.map(({ kind, detail }) => ({ kind, detail: `${detail}, ${where}` })));
    }
  }
  return { violations, tally };
}

/** The only outcome that a program may have. */
class OneOutcome {
  readonly #expected: Simulated;
  readonly #cut: boolean;

  constructor(expected: Simulated, cut: boolean) {
    this.#expected = expected;
    this.#cut = cut;
  }

  async judge(run: Simulated): Promise<Violation[]> {
    return this.#expected.hasEnded ? difference(run, this.#expected, this.#cut) : [];
  }
}

/** The outcomes that the unbatched program has, as far as they were looked for. */
class SomeOutcomes {
  readonly #given: Case;
  readonly #known = new Set<string>();
  #tried = 0;

  constructor(given: Case) {
    this.#given = { ...given, program: withBatch(given.program, undefined), faults: [] };
  }

  async judge(run: Simulated): Promise<Violation[]> {
    const outcome = JSON.stringify(run.result);
    while (!this.#known.has(outcome)) {
      if (this.#tried >= ORDERS) {
        return [{ kind: "unseen-outcome", detail: `no order that was tried gives ${outcome?.slice(0, 200)}` }];
      }
      const latencyMs = SPREADS[this.#tried % SPREADS.length] as (typeof SPREADS)[number];
      const surroundings = { ...this.#given.surroundings, latencyMs, seed: ++this.#tried };
      const { hasEnded, result } = await simulate({ ...this.#given, surroundings });
      if (hasEnded) this.#known.add(JSON.stringify(result));
    }
    return [];
  }
}
