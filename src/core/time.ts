import { DurableError } from "./errors.ts";

/** A length of time: the sum of all members. */
export type Duration =
  | { days: number; hours?: number; minutes?: number; seconds?: number }
  | { hours: number; minutes?: number; seconds?: number }
  | { minutes: number; seconds?: number }
  | { seconds: number };

/** The duration in seconds, with fractions. */
export function durationToSeconds(duration: Duration): number {
  const { days = 0, hours = 0, minutes = 0, seconds = 0 } = duration as Partial<Record<string, number>>;
  return days * 86_400 + hours * 3_600 + minutes * 60 + seconds;
}

/** The longest wait or time-out that the service accepts: 366 days (API model). */
const MAX_DURATION_SECONDS = 31_622_400;

/**
 * Converts a duration to seconds, and checks that the service accepts the number.
 * @param what names the operation and the field in the error
 * @throws DurableError `ERR_DURATION_INVALID`
 */
export function checkedSeconds(what: string, duration: Duration, minSeconds: 0 | 1): number {
  const isObject = typeof duration === "object" && duration !== null;
  const seconds = isObject ? durationToSeconds(duration) : Number.NaN;
  if (Number.isInteger(seconds) && seconds >= minSeconds && seconds <= MAX_DURATION_SECONDS) return seconds;
  throw new DurableError(
    "ERR_DURATION_INVALID",
    `The ${what} is ${isObject ? `${JSON.stringify(duration)}, ${seconds} seconds` : String(duration)}; it must be a ` +
      `whole number of seconds from ${minSeconds} to ${MAX_DURATION_SECONDS}, such as { minutes: 5 }.`,
  );
}

/**
 * Converts a duration to milliseconds, and checks that the number is positive. Fractions of a second are allowed,
 * because the service does not get this duration.
 * @param what names the operation and the field in the error
 * @throws DurableError `ERR_DURATION_INVALID`
 */
export function checkedMs(what: string, duration: Duration): number {
  const isObject = typeof duration === "object" && duration !== null;
  const ms = isObject ? durationToSeconds(duration) * 1_000 : Number.NaN;
  if (ms > 0 && ms <= MAX_TIMER_MS) return ms;
  throw new DurableError(
    "ERR_DURATION_INVALID",
    `The ${what} is ${isObject ? JSON.stringify(duration) : String(duration)}; it must be more than zero and at most ` +
      `${Math.floor(MAX_TIMER_MS / 1_000)} seconds, such as { seconds: 30 }.`,
  );
}

/** The longest delay that `setTimeout` accepts. A longer delay would end at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Reads a timestamp of the wire: a Date, an ISO 8601 text or epoch milliseconds. Undefined when the value is no
 * timestamp.
 */
export function readTimestamp(value: unknown): Date | undefined {
  const date = isDate(value)
    ? value
    : typeof value === "string" || typeof value === "number"
      ? new Date(value)
      : undefined;
  return date === undefined || Number.isNaN(date.getTime()) ? undefined : date;
}

/**
 * Whether a value is a Date of any realm (a global scope with its own classes). Test runners have several realms, and
 * some replace the class.
 */
function isDate(value: unknown): value is Date {
  return value instanceof Date || Object.prototype.toString.call(value) === "[object Date]";
}

/** A handle that cancels a timer. Cancelling twice is allowed. */
export interface Timer {
  /** Allows the process to end before the timer fires. Absent if the clock is not the system's clock. */
  unref?(): void;
  cancel(): void;
}

/**
 * The clock of the embedded service: the system's clock, or a clock that a test moves.
 *
 * The runtime does not use this interface. It reads timers and `Date` from the global object at each call, so that fake
 * clocks of other packages can replace them.
 */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /** Calls `action` once after `delayMs` of any length. With 0 the call comes in the next tick. */
  after(delayMs: number, action: () => void): Timer;
}
