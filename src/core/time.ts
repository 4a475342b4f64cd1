import { DurableError } from "./errors.ts";
import { checkNames, type Report } from "./nearest.ts";
import { describeValue } from "./setting.ts";

/** A length of time: the sum of all members. */
export type Duration =
  | { days: number; hours?: number; minutes?: number; seconds?: number }
  | { hours: number; minutes?: number; seconds?: number }
  | { minutes: number; seconds?: number }
  | { seconds: number };

const UNITS = { days: 86_400, hours: 3_600, minutes: 60, seconds: 1 };

/** The duration in seconds. NaN without a unit, or if a count is negative or no number. Null counts as absent. */
export function durationToSeconds(duration: Duration): number {
  let total = Number.NaN;
  for (const [unit, seconds] of Object.entries(UNITS)) {
    const count: unknown = (duration as Partial<Record<string, unknown>> | null | undefined)?.[unit];
    if (count === undefined || count === null) continue;
    if (!(typeof count === "number" && count >= 0)) return Number.NaN;
    total = (total || 0) + count * seconds;
  }
  return total;
}

/** Gives `report` a text about each unknown unit. Without `report`, the process warns once for each unit. */
export function checkUnits(what: string, duration: Duration, report?: Report): void {
  checkNames("unit", () => `the ${what}`, duration, Object.keys(UNITS), report);
}

/** The longest wait or time-out that the service accepts: 366 days (API model). */
const MAX_DURATION_SECONDS = 31_622_400;

/**
 * Converts a duration to a whole number of seconds, from `minSeconds` to 366 days. `what` describes the duration.
 * @throws DurableError `ERR_DURATION_INVALID`
 */
export function checkedSeconds(what: string, duration: Duration, minSeconds: 0 | 1, report?: Report): number {
  const seconds = durationToSeconds(duration);
  if (Number.isInteger(seconds) && seconds >= minSeconds && seconds <= MAX_DURATION_SECONDS) {
    checkUnits(what, duration, report);
    return seconds;
  }
  const allowed = `a whole number of seconds from ${minSeconds} to ${MAX_DURATION_SECONDS}, such as { minutes: 5 }`;
  throw invalidDuration(what, duration, allowed);
}

/**
 * Converts the delay of a strategy to seconds. 0 becomes 1 second, because the service accepts no shorter delay.
 * @throws DurableError `ERR_DURATION_INVALID`
 */
export function checkedDelay(what: string, delay: Duration, report: Report | undefined): number {
  return checkedSeconds(what, durationToSeconds(delay) === 0 ? { ...delay, seconds: 1 } : delay, 1, report);
}

/**
 * Converts a duration to milliseconds. Fractions are allowed, because the service does not get this duration.
 * @throws DurableError `ERR_DURATION_INVALID` for zero, for more than `MAX_TIMER_MS`, and for a value that is no
 * duration
 */
export function checkedMs(what: string, duration: Duration, report?: Report): number {
  const ms = durationToSeconds(duration) * 1_000;
  if (ms > 0 && ms <= MAX_TIMER_MS) {
    checkUnits(what, duration, report);
    return ms;
  }
  const allowed = `more than zero and at most ${Math.floor(MAX_TIMER_MS / 1_000)} seconds, such as { seconds: 30 }`;
  throw invalidDuration(what, duration, allowed);
}

export function invalidDuration(what: string, duration: unknown, allowed: string): DurableError {
  const isObject = typeof duration === "object" && duration !== null && !Array.isArray(duration);
  const parts = isObject && Object.entries(duration).map(([unit, count]) => `${unit}: ${describeValue(count)}`);
  const shown = parts ? `{ ${parts.join(", ")} }` : describeValue(duration);
  return new DurableError("ERR_DURATION_INVALID", `The ${what} is ${shown}; it must be ${allowed}.`);
}

/** The longest delay that `setTimeout` accepts. A longer delay would end at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** Reads a Date, a text for `new Date`, or epoch milliseconds. Undefined when the value is no timestamp. */
export function readTimestamp(value: unknown): Date | undefined {
  const date = isDate(value)
    ? value
    : typeof value === "string" || typeof value === "number"
      ? new Date(value)
      : undefined;
  return date === undefined || Number.isNaN(date.getTime()) ? undefined : date;
}

/** Whether the value is a Date of any realm (a global scope with its own classes). Tests may replace the class. */
function isDate(value: unknown): value is Date {
  return value instanceof Date || Object.prototype.toString.call(value) === "[object Date]";
}

/** A handle that cancels a timer. Cancelling twice is allowed. */
export interface Timer {
  /** Allows the process to end before the timer fires. The virtual clock does not have this method. */
  unref?(): void;
  cancel(): void;
}

/**
 * The clock of the embedded service: the system's clock, or a clock that a test moves. The runtime reads timers and
 * `Date` from the global object instead, so that fake clocks of other packages can replace them.
 */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /** Calls `action` once, `delayMs` milliseconds after this call. Any delay is allowed. With Infinity, never. */
  after(delayMs: number, action: () => void): Timer;
}
