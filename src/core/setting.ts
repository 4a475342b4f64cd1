import { DurableError } from "./errors.ts";

export interface SettingNames {
  /** What an error calls it: `runtime.concurrency`. */
  readonly path: string;
  /** The environment variable that overrides it. */
  readonly variable: string;
}

/** A setting that is a whole number. */
export interface NumberRule extends SettingNames {
  readonly min: number;
  readonly max: number;
  /** Infinity, or the word "unlimited", is allowed too. */
  readonly unlimited?: boolean;
}

/** A setting that is one of several values; the environment has their texts. */
export interface ValueRule<T> extends SettingNames {
  readonly values: readonly T[];
}

/** The error of a value that is not allowed. `where` names the setting or the variable. */
export function invalidSetting(where: string, value: unknown, allowed: string): DurableError {
  return new DurableError("ERR_SETTING_INVALID", `${where} is ${describeValue(value)}; allowed: ${allowed}.`);
}

/** A value that somebody gave, for a message: `"abc"`, `1.5`, `an array`, `an object with a, b`, `a Promise`. */
export function describeValue(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value).slice(0, 100);
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) return "an array";
  const type = Object.prototype.toString.call(value).slice("[object ".length, -1);
  return type === "Object" ? `an object with ${Object.keys(value).join(", ") || "nothing in it"}` : `a ${type}`;
}

/** @throws DurableError `ERR_SETTING_INVALID`, `ERR_SETTING_UNKNOWN` unless the value has only these members, or is absent */
export function checkMembers(value: unknown, where: string, known: readonly string[]): void {
  if (value === undefined) return;
  if (typeof value !== "object" || value === null) throw invalidSetting(where, value, "an object");
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  throw new DurableError("ERR_SETTING_UNKNOWN", `${where} has no setting "${unknown}"; it has ${known.join(", ")}.`);
}

/** What is said of a setting: in its environment variable, unless that is empty, or else in the options. */
export function said({ path, variable }: SettingNames, given: unknown, environment: NodeJS.ProcessEnv) {
  const text = environment[variable];
  if (text) return { where: `Environment variable ${variable}`, raw: text, isText: true };
  return { where: path, raw: given, isText: false };
}

/** Unlike `Number`, takes blank text for no number. */
function parseNumber(text: string): number {
  return text.trim() === "" ? Number.NaN : Number(text);
}

/** Undefined when nothing is said. @throws DurableError `ERR_SETTING_INVALID` */
export function readNumber(rule: NumberRule, given: unknown, environment: NodeJS.ProcessEnv): number | undefined {
  const { where, raw, isText } = said(rule, given, environment);
  if (raw === undefined) return undefined;
  const { min, max, unlimited } = rule;
  if (unlimited && (raw === "unlimited" || raw === Number.POSITIVE_INFINITY)) return Number.POSITIVE_INFINITY;
  const value = isText ? parseNumber(raw as string) : raw;
  if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return value as number;
  const allowed = `a whole number from ${min} to ${max}${unlimited ? ', or Infinity ("unlimited")' : ""}`;
  throw invalidSetting(where, raw, allowed);
}

/** Undefined when nothing is said. @throws DurableError `ERR_SETTING_INVALID` */
export function readOneOf<T>(rule: ValueRule<T>, given: unknown, environment: NodeJS.ProcessEnv): T | undefined {
  const { where, raw, isText } = said(rule, given, environment);
  if (raw === undefined) return undefined;
  const found = rule.values.find((value) => (isText ? String(value) : value) === raw);
  if (found !== undefined) return found;
  throw invalidSetting(where, raw, rule.values.join(", "));
}
