import type { ThrownForm } from "./thrown.ts";

/** A message from the main thread: one call of a function, or several calls of a batch, which run one after another. */
export interface WorkerMessage {
  readonly id: number;
  /** The URL of the module. */
  readonly module: string;
  /** The name of the export. */
  readonly name: string;
  readonly calls: (readonly unknown[])[];
  /** For each call: `attempt` of its `Task`. */
  readonly attempts: readonly number[];
  /** The mailbox: numbers that both threads read and write. `Cell` says what each number means. */
  readonly cells: Int32Array<SharedArrayBuffer>;
}

/** The index of each number in a message's mailbox. The main thread sets the first values. */
export const Cell = {
  /**
   * The number, from 1, of the call that began last. Before the first call, and after the last one of several calls:
   * one of `Stage`.
   */
  CALL: 0,
  /** When `CALL` changed last, in milliseconds of `sharedClockMs`. At first: when the message was made. */
  SINCE_MS: 1,
  /** How many posts the thread has sent for this message. */
  POSTS: 2,
  /** The id of the thread that has taken the message. Before that: 0. */
  THREAD: 3,
  /** From this index on, there is one number for each call. The main thread writes 1 when the call is unwanted. */
  UNWANTED: 4,
} as const;

/** The values of `Cell.CALL` that name no call. */
export const Stage = { NOT_BEGUN: 0, LOADING: -1, AFTER_CALLS: -2 } as const;

/** The outcome of a call. Null: the call was unwanted and did not run. */
export type CallOutcome = { readonly value: unknown } | { readonly thrown: ThrownForm } | null;

/** The answer of a thread to a message. It has only the outcomes that the thread has not posted before. */
export interface WorkerReply {
  /** The index of the call to which the first outcome belongs. */
  readonly first: number;
  readonly outcomes: readonly CallOutcome[];
  /** The error if the export could not be loaded. */
  readonly failure?: ThrownForm;
  /** How many milliseconds the message waited for a thread. The time to start a thread is included. */
  readonly waitMs: number;
  readonly runMs: number;
}

/** The member that marks a post, because user code may send other messages to the main thread. */
export const POST = "durable-fanout.post";

export type LogMethod = "log" | "error" | "warn" | "info" | "debug";

/** What a thread sends besides its reply to a message: outcomes of calls, or a line for the logger. */
export type WorkerPost =
  | { readonly [POST]: "outcomes"; readonly id: number; readonly first: number; readonly outcomes: CallOutcome[] }
  | {
      readonly [POST]: "line";
      readonly id: number;
      readonly call: number;
      readonly method: LogMethod;
      readonly params: readonly LineParam[];
    };

/** A parameter of a logger. Errors are sent as a `ThrownForm`, because a cloned error loses its class. */
export type LineParam = { readonly value: unknown } | { readonly thrown: ThrownForm };

/** Milliseconds of a clock that all threads of the process share. The number has 32 bits, so it overflows. */
export function sharedClockMs(): number {
  return Number(BigInt.asIntN(32, process.hrtime.bigint() / 1_000_000n));
}

/** Milliseconds since a moment on the clock of `sharedClockMs`, up to 2^31: about 24 days. An overflow does no harm. */
export function elapsedMs(sinceMs: number): number {
  return (sharedClockMs() - sinceMs) | 0;
}
