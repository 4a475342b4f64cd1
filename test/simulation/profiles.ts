/** What random programs and their surroundings are made of: probabilities, unless said otherwise. */
export interface Profile {
  /** That a map has a `batch`. */
  readonly batch: number;
  /** That a map reads its items one after the other, or does not keep all results. */
  readonly streams: number;
  /** That there are faults, and how many at most. */
  readonly faults: number;
  readonly mostFaults: number;
  /** That the outcome may depend on which branch comes first: early ends, races, shared callbacks. */
  readonly early: number;
  /** That payloads may be of some kilobytes only, and results are about as large. */
  readonly limits: number;
  /** That invocations are cut off after less than a minute. */
  readonly deadlines: number;
  /** That acknowledgements take time. */
  readonly latency: number;
  /** That items may share a limiter; a third of such programs has early ends instead, and some use it nowhere. */
  readonly limiters: number;
  /** That a step fails once or more. */
  readonly failures: number;
  /** That invocations begin late. */
  readonly lateStarts: number;
  /** That an item of a batch waits long, and others go on meanwhile, after answers from outside. */
  readonly sleepers: number;
}

const MIXED: Profile = {
  batch: 0.5,
  streams: 0.3,
  faults: 0.4,
  mostFaults: 4,
  early: 0.3,
  limits: 0.2,
  deadlines: 0.15,
  latency: 0.6,
  limiters: 0.38,
  failures: 0.3,
  lateStarts: 0.3,
  sleepers: 0,
};

export const PROFILES = {
  mixed: MIXED,
  /** Nothing goes wrong. */
  plain: { ...MIXED, faults: 0, deadlines: 0 },
  batches: { ...MIXED, batch: 0.95, failures: 0.4 },
  faults: { ...MIXED, faults: 1, mostFaults: 8, deadlines: 0.3 },
  early: { ...MIXED, early: 1, batch: 0.7 },
  limits: { ...MIXED, limits: 1, batch: 0.7 },
  /** Batches sleep while their items go on. */
  asleep: { ...MIXED, batch: 0.95, failures: 0.5, sleepers: 0.8 },
  /** Every item has operations of its own. */
  unbatched: { ...MIXED, batch: 0, streams: 0 },
  /** Each program in batches of 1, 7 and 100 and without, with prompt and with slow acknowledgements. */
  equivalence: { ...MIXED, batch: 1, faults: 0.3, failures: 0.4, lateStarts: 0, sleepers: 0.2 },
} as const satisfies Record<string, Profile>;

export type ProfileName = keyof typeof PROFILES;

/**
 * What the code under test can do. `old`: items of a batch have steps, children and combinators only, and there is no
 * `concurrency` on the call.
 */
export type Capabilities = "old" | "new";
