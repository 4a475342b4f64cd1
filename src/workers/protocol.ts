import type { ThrownForm } from "./thrown.ts";

/** What the main thread sends: one call of an exported function, or all calls of a batch, to be run one after the other. */
export interface WorkerMessage {
  /** The main thread's number for the message. */
  readonly id: number;
  /** The URL of the module, and the export's name. */
  readonly module: string;
  readonly name: string;
  /** The arguments of each call. */
  readonly calls: (readonly unknown[])[];
  /** Which attempt of its step each call is made in. */
  readonly attempts: readonly number[];
  /** Shared by both threads while the message is under way; see `Cell`. */
  readonly cells: Int32Array<SharedArrayBuffer>;
}

/** What each of the shared numbers says. The thread writes all but the last ones. */
export const Cell = {
  /** Which call runs, from 1 on; or one of `Stage`. */
  CALL: 0,
  /** Since when, by `sharedClockMs`. Until a thread has the message: since when it waits. */
  SINCE_MS: 1,
  /** How many posts the thread has sent for this message. */
  POSTS: 2,
  /** The id of the thread. */
  THREAD: 3,
  /** From here on one for each call: 1 when it is not wanted any more. Written by the main thread. */
  UNWANTED: 4,
} as const;

/** What `Cell.CALL` says when no call runs. */
export const Stage = { NOT_BEGUN: 0, LOADING: -1, BETWEEN_CALLS: -2 } as const;

/** What became of a call; null when it was not wanted any more. */
export type CallOutcome = { readonly value: unknown } | { readonly thrown: ThrownForm } | null;

/** A thread's answer. Outcomes that it has posted before are not in it. */
export interface WorkerReply {
  /** The call that the first of the outcomes is of. */
  readonly first: number;
  readonly outcomes: readonly CallOutcome[];
  /** The module could not be loaded, or lacks the export. */
  readonly failure?: ThrownForm;
  /** Milliseconds that the message waited for the thread, and that its calls took. */
  readonly waitMs: number;
  readonly runMs: number;
}

/** By this the posts of ours are known among messages that user code sends to its parent. */
export const POST = "durable-fanout.post";

export type LogMethod = "log" | "error" | "warn" | "info" | "debug";

/** What a thread sends while it is at work: outcomes, or a line for the logger. */
export type WorkerPost =
  | { readonly [POST]: "outcomes"; readonly id: number; readonly first: number; readonly outcomes: CallOutcome[] }
  | {
      readonly [POST]: "line";
      readonly id: number;
      readonly call: number;
      readonly method: LogMethod;
      readonly params: readonly LineParam[];
    };

/** Errors lose their class when they are cloned, so they travel in a form of their own. */
export type LineParam = { readonly value: unknown } | { readonly thrown: ThrownForm };

/** Milliseconds on a clock that all threads of the process share; wraps around. */
export function sharedClockMs(): number {
  return Number(BigInt.asIntN(32, process.hrtime.bigint() / 1_000_000n));
}

/** Milliseconds since then, on the same clock. */
export function elapsedMs(sinceMs: number): number {
  return (sharedClockMs() - sinceMs) | 0;
}
