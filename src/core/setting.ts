import { DurableError } from "./errors.ts";

/** A setting that is a whole number. */
export interface NumberRule {
  /** What an error calls it: `runtime.concurrency`. */
  readonly path: string;
  /** The environment variable that overrides it. */
  readonly variable: string;
  readonly fallback: number;
  readonly min: number;
  readonly max: number;
  /** Infinity, or the word "unlimited", is allowed too. */
  readonly unlimited?: true;
}

/** A setting that is one of several words. */
export interface WordRule<Word extends string> {
  readonly path: string;
  readonly variable: string;
  readonly words: readonly Word[];
}

/** The error of a value that is not allowed. `where` names the setting or the variable. */
export function invalidSetting(where: string, value: unknown, allowed: string): DurableError {
  const shown = typeof value === "string" ? JSON.stringify(value) : String(value);
  return new DurableError("ERR_SETTING_INVALID", `${where} is ${shown}; allowed: ${allowed}.`);
}

/** Unlike `Number`, takes blank text for no number. */
export function parseNumber(text: string): number {
  return text.trim() === "" ? Number.NaN : Number(text);
}

/** @throws DurableError `ERR_SETTING_INVALID` */
export function readNumber(rule: NumberRule, given: unknown, environment: NodeJS.ProcessEnv): number {
  const allowed = `a whole number from ${rule.min} to ${rule.max}${rule.unlimited ? ', or Infinity ("unlimited")' : ""}`;
  const text = environment[rule.variable];
  const fromEnvironment = text !== undefined && text !== "";
  if (!fromEnvironment && given === undefined) return rule.fallback;
  const where = fromEnvironment ? `Environment variable ${rule.variable}` : rule.path;
  const raw = fromEnvironment ? text : given;
  if (rule.unlimited && (raw === "unlimited" || raw === Number.POSITIVE_INFINITY)) return Number.POSITIVE_INFINITY;
  const value = fromEnvironment ? parseNumber(text) : raw;
  if (typeof value !== "number" || !Number.isInteger(value) || value < rule.min || value > rule.max) {
    throw invalidSetting(where, raw, allowed);
  }
  return value;
}

/** As `readNumber`, for a rule whose fallback is NaN: undefined when nothing is said. */
export function readNumberIfAny(rule: NumberRule, given: unknown, environment: NodeJS.ProcessEnv): number | undefined {
  const value = readNumber(rule, given, environment);
  return Number.isNaN(value) ? undefined : value;
}

/** @throws DurableError `ERR_SETTING_INVALID` */
export function readWord<Word extends string>(
  { path, variable, words }: WordRule<Word>,
  given: unknown,
  environment: NodeJS.ProcessEnv,
): Word | undefined {
  const text = environment[variable];
  const raw = text || given;
  if (raw === undefined) return undefined;
  const word = words.find((known) => known === raw);
  if (word !== undefined) return word;
  throw invalidSetting(text ? `Environment variable ${variable}` : path, raw, words.join(", "));
}
