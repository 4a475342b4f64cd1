import { checkCount, checkOneOf, invalid } from "./arguments.ts";
import { checkNames } from "./nearest.ts";
import { checkUnits, type Duration, durationToSeconds, invalidDuration } from "./time.ts";

const NAMES = ["maxAttempts", "initialDelay", "maxDelay", "jitter"];

/**
 * Checks the settings of a strategy. Warns of names that nothing reads. `own` are names that only this strategy has.
 * @throws DurableError `ERR_ARGUMENT_INVALID` or `ERR_DURATION_INVALID`
 */
export function checkStrategy(factory: string, given: object, own: readonly string[]): void {
  const owner = () => factory;
  if (typeof given !== "object" || given === null) throw invalid(owner, "configuration", given, "an object");
  const config = given as Readonly<Record<string, unknown>>;
  checkCount(owner, "maxAttempts", config.maxAttempts);
  for (const field of ["initialDelay", "maxDelay", "increment"]) checkDelay(`${field} of ${factory}`, config[field]);
  const rate = config.backoffRate ?? 1;
  if (!(Number.isFinite(rate) && (rate as number) >= 0)) {
    throw invalid(owner, "backoffRate", rate, "a number of at least 0");
  }
  checkOneOf(owner, "jitter", config.jitter, ["NONE", "FULL", "HALF"]);
  checkNames("option", owner, given, [...NAMES, ...own], undefined);
}

/** Fractions of a second are allowed, because the strategy rounds its delays. */
function checkDelay(what: string, delay: unknown): void {
  if (delay === undefined || delay === null) return;
  if (Number.isNaN(durationToSeconds(delay as Duration))) {
    throw invalidDuration(what, delay, "a duration of zero or more, such as { seconds: 30 }");
  }
  checkUnits(what, delay as Duration);
}
