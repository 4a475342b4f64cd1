import type { Case, Pace, Surroundings } from "./case.ts";
import { type Checked, check, difference, reference } from "./check.ts";
import { Climb } from "./climb.ts";
import { type Hints, hintsOf } from "./hints.ts";
import type { Violation } from "./invariants.ts";
import { codeOutlives, has, hasWindow, isOrderFree, judgesAtTheEnd, withBatch } from "./program.ts";
import { isCut, type Simulated, simulate } from "./simulation.ts";
import { Tally } from "./tally.ts";

const BATCHES = [false, 1, 7, 100] as const;
/** What an acknowledgement takes, from the fastest to the slowest, in milliseconds. */
const PROMPT = [0, 0] as const;
const SLOW = [1, 500] as const;
/** Orders in which things of the unbatched map happen that are tried until one gives the outcome in question. */
const ORDERS = 600;
/** Orders that are tried after that, each of them a small change of what came closest. */
const STEPS = 4_000;
const SPREADS = [PROMPT, [1, 20], SLOW, [1, 3_000], [1, 12_000]] as const;
/**
 * Latencies of requests alone do not give every order in which acknowledgements may come. One request is in flight, so
 * that who waits for less never overtakes who waits for more: but in a batch an item waits for none, and what began before
 * the map for all of its own. An attempt that takes longer stands for an acknowledgement that is late for it alone. And
 * an unbatched map reads a source's items one by one, so that a branch without operations ends before the next item is
 * read, where a batch reads as many as it holds; no promise says which of the two is faster.
 */
const PACES: readonly (Pace | undefined)[] = [
  undefined,
  { branchMs: [5, 5], readMs: PROMPT, attemptMs: PROMPT },
  { branchMs: PROMPT, readMs: [1, 20], attemptMs: PROMPT },
  { branchMs: [0, 5], readMs: [0, 5], attemptMs: [0, 500] },
  { branchMs: [0, 2_000], readMs: PROMPT, attemptMs: [0, 3_000] },
];
/** So late is what the outcome in question shows as late, where it is looked for: by chance alone it would rarely be. */
const LATE_MS = [300, 2_000, 9_000] as const;

/**
 * Runs a program in batches of several sizes and without, with prompt and with slow acknowledgements. All give the same
 * if the outcome depends on no order, and else something that the unbatched program gives for some order. A map of a
 * source is unbatched only if it says so.
 */
export async function checkEquivalence(given: Case): Promise<Checked> {
  const cut = isCut(given);
  const tally = new Tally();
  const violations: Violation[] = [];
  const isComparable = !cut && !judgesAtTheEnd(given.program) && !mayForcePermits(given);
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
      else if (run.hasEnded && (outcomes instanceof OneOutcome || isComparable)) {
        wrong.push(...(await outcomes.judge(run, batch === false)));
      }
      const where = `with batch ${batch || "none"} and acknowledgements of ${latencyMs.join(" to ")} ms`;
      violations.push(...wrong.map(({ kind, detail }) => ({ kind, detail: `${detail}, ${where}` })));
    }
  }
  return { violations, tally };
}

/**
 * Whether a branch may continue without a permit because others compute for longer than the grace period. Which branch
 * continues then depends on milliseconds, not on the order of acknowledgements.
 */
function mayForcePermits({ program, surroundings: { runtime } }: Case): boolean {
  const isBounded = runtime.concurrency !== undefined || hasWindow(program);
  return isBounded && codeOutlives(program, runtime.suspension?.graceMs ?? 20);
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
    this.#given = { ...given, program: withBatch(given.program, false), faults: [] };
  }

  /** What an unbatched run gives is one of them. */
  async judge(run: Simulated, isUnbatched: boolean): Promise<Violation[]> {
    if (isUnbatched) this.#know(run.result);
    // Which branches have begun and not ended depends on when the last invocation began: it begins them anew, in turn.
    // How far a stream has been read then depends on the size of a batch.
    const isStream = has(this.#given.program, (node) => node.kind === "map" && node.source !== "array");
    const wanted = run.tally.invocations > 1 || isStream ? ended(run.result) : run.result;
    const outcome = JSON.stringify(wanted);
    const hints = hintsOf(run.result);
    const climb = new Climb(wanted, [...Object.keys(hints), ...run.runs.keys()]);
    for (let tried = 0; !this.#known.has(outcome); tried++) {
      if (tried >= ORDERS + STEPS) {
        return [{ kind: "unseen-outcome", detail: `no order that was tried gives ${outcome?.slice(0, 200)}` }];
      }
      const surroundings = tried < ORDERS ? this.#sample(++this.#tried, hints) : climb.next();
      const tryout = await simulate({ ...this.#given, surroundings });
      if (!tryout.hasEnded || tryout.error !== undefined) continue;
      this.#know(tryout.result);
      climb.learn(surroundings, tryout);
    }
    return [];
  }

  #sample(seed: number, hints: Hints): Surroundings {
    const isUneven = Math.floor(seed / 8) % 2 === 1;
    const late = { ms: nth(LATE_MS, seed), isOutsideOnly: seed % 4 === 2, isUneven, hints };
    const latencyMs = nth(SPREADS, seed);
    const pace = nth(PACES, seed / SPREADS.length);
    const surroundings = { ...this.#given.surroundings, latencyMs, seed, ...(pace && { pace }) };
    if (seed % 2 === 0) Object.assign(surroundings, { late });
    const runtime = { ...surroundings.runtime };
    // In a batch nobody waits for a request, whatever keeps requests back.
    if (seed % 3 === 0) runtime.checkpoint = { ...runtime.checkpoint, maxDelayMs: 0, maxUpdates: 250 };
    // What ended before a suspension counts in the next invocation from its beginning in a batch, and else in its turn.
    if (Math.floor(seed / (SPREADS.length * PACES.length)) % 2 === 1) runtime.suspension = { graceMs: 10_000 };
    return { ...surroundings, runtime };
  }

  #know(result: unknown): void {
    this.#known.add(JSON.stringify(result)).add(JSON.stringify(ended(result)));
  }
}

/** One after the other, over and over. */
function nth<T>(values: readonly T[], number: number): T {
  return values[Math.floor(number) % values.length] as T;
}

/** A result without the branches that have begun and not ended, and without their number. */
function ended(result: unknown): unknown {
  return JSON.parse(JSON.stringify(result), (name, value) => {
    if (name === "items") return value.filter(({ status }: { status: string }) => status !== "STARTED");
    return name === "counts" ? value.slice(0, 2) : value;
  });
}

/** What is asked of the cases of a profile. */
export function judgeOf(profile: string): (given: Case) => Promise<Checked> {
  return profile === "equivalence" ? checkEquivalence : check;
}
