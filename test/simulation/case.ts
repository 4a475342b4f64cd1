import type { RuntimeOptions } from "../../src/index.ts";
import type { Fault } from "./faults.ts";
import type { Hints } from "./hints.ts";
import type { Node } from "./program.ts";

/** At least and at most, both included. */
type Range = readonly [number, number];

/** What a branch takes before its first operation, a source for an item, and an attempt besides its own time. */
export interface Pace {
  readonly branchMs: Range;
  readonly readMs: Range;
  readonly attemptMs: Range;
}

/** Where and how a program runs. */
export interface Surroundings {
  /** What an acknowledgement takes at least and at most, milliseconds there and back. */
  readonly latencyMs: Range;
  /** Of the latencies. */
  readonly seed: number;
  /** Milliseconds until an invocation is cut off. */
  readonly invocationMs: number;
  /** How late an invocation begins after a suspension, at least and at most, milliseconds. */
  readonly startMs?: Range;
  /** How far the clocks of the function's machines are ahead of the service's; the invocations take turns. */
  readonly skewMs: readonly number[];
  /** Operations in the event, and in each page of state. */
  readonly pageSize: number;
  /** Bytes of one payload: what the service takes and the runtime goes by. */
  readonly payloadBytes: number;
  readonly runtime: RuntimeOptions;
  /** Whether user code changes the objects that operations give it. */
  readonly changesResults: boolean;
  /** How long the function of each item computes before it first awaits, milliseconds. */
  readonly computeMs: number;
  /** How long things take in addition, drawn anew for each. */
  readonly pace?: Pace;
  /** How much longer the outside takes where it is to be late, and in some cases branches and attempts. */
  readonly late?: {
    readonly ms: number;
    readonly isOutsideOnly: boolean;
    /** Some of what is late is late by a tenth of that, or not at all, each time anew. */
    readonly isUneven: boolean;
    readonly hints: Hints;
    /** By site, in place of what the hints say. */
    readonly sites?: Readonly<Record<string, number>>;
  };
}

/** Everything that one simulated execution depends on. */
export interface Case {
  readonly program: readonly Node[];
  readonly surroundings: Surroundings;
  readonly faults: readonly Fault[];
}

export const PLAIN: Surroundings = {
  latencyMs: [0, 0],
  seed: 1,
  invocationMs: 900_000,
  skewMs: [0],
  pageSize: 1_000,
  payloadBytes: 262_144,
  runtime: {},
  changesResults: false,
  computeMs: 0,
};
