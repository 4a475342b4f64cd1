import type { ThrownForm } from "./thrown.ts";

/** What the main thread sends: calls of one exported function, to be run one after the other. */
export interface WorkerMessage {
  /** The main thread's number for the message. */
  readonly id: number;
  /** The URL of the module, and the export's name. */
  readonly module: string;
  readonly name: string;
  /** The arguments of each call. */
  readonly calls: readonly (readonly unknown[])[];
  /** Which attempt of its step each call is made in. */
  readonly attempts: readonly number[];
  /**
   * Whether the calls were made apart, and travel together only to save messages. Then each is told of as soon as it has
   * ended, and those that have not begun may be taken back.
   */
  readonly joined: boolean;
  /** Shared by both threads while the message is at work; see `Cell`. */
  readonly cells: Int32Array<SharedArrayBuffer>;
}

/** What each of the shared numbers says. */
export const Cell = {
  /** Which call runs, from 1 on; or one of `Stage`. Written by the worker. */
  CALL: 0,
  /** Since when, by `sharedClockMs`. Written by the worker. */
  SINCE_MS: 1,
  /** How many posts the worker has sent for this message. */
  POSTS: 2,
  /** How many of a joined message's calls are the thread's, or `TAKEN_BACK`. Written by both; see `claimCall`. */
  CLAIMED: 3,
  /** From here on one for each call: 1 when it is not wanted any more. Written by the main thread. */
  UNWANTED: 4,
} as const;

/** What `Cell.CALL` says when no call runs. */
export const Stage = { NOT_BEGUN: 0, LOADING: -1, BETWEEN_CALLS: -2 } as const;

/** What `Cell.CLAIMED` says once the main thread has taken back what had not begun. */
const TAKEN_BACK = -1;

/**
 * For the thread, before it begins a call of a joined message: false when that call is not the thread's any more. The
 * first one always is, so that it shares the fate of its thread even before it begins.
 */
export function claimCall(cells: WorkerMessage["cells"], call: number): boolean {
  return call === 0 || Atomics.compareExchange(cells, Cell.CLAIMED, call, call + 1) === call;
}

/** For the main thread: no further call of a joined message begins. Gives how many have; undefined if it is known. */
export function takeBackCalls(cells: WorkerMessage["cells"]): number | undefined {
  const claimed = Atomics.exchange(cells, Cell.CLAIMED, TAKEN_BACK);
  return claimed === TAKEN_BACK ? undefined : claimed;
}

/** What became of a call; null when it was not wanted any more. */
export type CallOutcome = { readonly value: unknown } | { readonly thrown: ThrownForm } | null;

/** A worker's answer. Outcomes that it has posted before are not in it. */
export interface WorkerReply {
  /** The call that the first of the outcomes is of. */
  readonly first: number;
  readonly outcomes: readonly CallOutcome[];
  /** The module could not be loaded, or lacks the export. */
  readonly failure?: ThrownForm;
  /** Milliseconds that the calls took. */
  readonly runMs: number;
}

/** By this the posts of ours are known among messages that user code sends to its parent. */
export const POST = "durable-fanout.post";

export type LogMethod = "log" | "error" | "warn" | "info" | "debug";

/** What a worker sends while it is at work: outcomes, or a line for the logger. */
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
