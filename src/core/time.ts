/** A length of time; the members are added up. */
export type Duration =
  | { days: number; hours?: number; minutes?: number; seconds?: number }
  | { hours: number; minutes?: number; seconds?: number }
  | { minutes: number; seconds?: number }
  | { seconds: number };

/** The duration in seconds, fractions kept. */
export function durationToSeconds(duration: Duration): number {
  const { days = 0, hours = 0, minutes = 0, seconds = 0 } = duration as Partial<Record<string, number>>;
  return days * 86_400 + hours * 3_600 + minutes * 60 + seconds;
}

/** The longest delay that `setTimeout` takes; a longer one would fire at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** Reads a timestamp from the wire: Date, ISO 8601 or epoch milliseconds; undefined when it is none. */
export function readTimestamp(value: unknown): Date | undefined {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? undefined : value;
  if (typeof value !== "string" && typeof value !== "number") return undefined;
  const date = new Date(value);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

/** A handle that cancels a timer; cancelling twice is allowed. */
export interface Timer {
  cancel(): void;
}

/**
 * Time as the embedded service sees it: the system's, or one that is moved by hand.
 * The runtime itself reads timers and `Date` from the global at call time, so that other people's fake
 * clocks replace them.
 */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /** Calls `action` once, `delayMs` from now (any length; 0 is the next turn). */
  after(delayMs: number, action: () => void): Timer;
}
