import { DurableError } from "../core/errors.ts";
import { warnOfUnknown } from "../core/nearest.ts";
import type { AnySerdes, AnySerdesDeserializer } from "../core/serdes.ts";
import { describeValue } from "../core/setting.ts";

/**
 * Checks of an operation's settings before the operation is recorded. A value is accepted if the official SDK accepts
 * it and it has a meaning.
 */

type Serializer = Partial<AnySerdes> | AnySerdesDeserializer;

/** `step "charge"`, or `a step` without a name. */
export function operationLabel(kind: string, name: string | undefined): string {
  if (name !== undefined) return `${kind} "${name}"`;
  return `${kind === "invoke" ? "an" : "a"} ${kind}`;
}

/** @throws DurableError `ERR_ARGUMENT_INVALID` unless the value is a function, or absent */
export function checkFunction(operation: () => string, field: string, value: unknown): void {
  if (value === undefined || value === null || typeof value === "function") return;
  throw invalid(operation, field, value, "a function");
}

/** @throws DurableError `ERR_ARGUMENT_INVALID` unless the value is one of these, or absent */
export function checkOneOf(operation: () => string, field: string, value: unknown, allowed: readonly string[]): void {
  if (value === undefined || value === null || allowed.includes(value as string)) return;
  throw invalid(operation, field, value, allowed.map((name) => `"${name}"`).join(" or "));
}

/** @throws DurableError `ERR_ARGUMENT_INVALID` unless the value has these methods, or is absent */
export function checkSerdes(
  operation: () => string,
  field: string,
  serdes: Serializer | undefined,
  methods: readonly ("serialize" | "deserialize")[] = ["serialize", "deserialize"],
): void {
  if (serdes === undefined || serdes === null) return;
  for (const method of methods) {
    if (typeof (serdes as Partial<AnySerdes>)[method] === "function") continue;
    throw invalid(operation, field, serdes, `an object with ${methods.join(" and ")}`);
  }
}

/**
 * @throws DurableError `ERR_ARGUMENT_INVALID` unless the value is a whole number of at least `min`, Infinity, or absent
 */
export function checkCount(operation: () => string, field: string, value: number | undefined, min = 0): void {
  if (value === undefined || value === null || value === Number.POSITIVE_INFINITY) return;
  if (Number.isInteger(value) && value >= min) return;
  throw invalid(operation, field, value, `a whole number of at least ${min}`);
}

/**
 * Accepts the same values as the official SDK: any number above 0 (rounded up), its text, or NaN for no limit.
 * @throws DurableError `ERR_ARGUMENT_INVALID` for a value with which the official SDK would begin no branch
 */
export function checkMaxConcurrency(operation: () => string, value: unknown): void {
  if (value === undefined || value === null || typeof value === "number" || Number(value) > 0) return;
  throw invalid(operation, "maxConcurrency", value, "a number above 0");
}

/** Warns of options that nothing reads, once in a process. The official SDK ignores such options. */
export function warnOfOptions(what: string, config: object, known: readonly string[]): void {
  for (const [name, value] of Object.entries(config)) {
    if (value !== undefined) warnOfUnknown(what, name, known, "DURABLE_FANOUT_UNKNOWN_OPTION");
  }
}

/** @throws DurableError `ERR_ARGUMENT_INVALID` unless the value is a text that is not empty */
export function checkText(operation: () => string, field: string, value: unknown): void {
  if (typeof value === "string" && value !== "") return;
  throw invalid(operation, field, value, "a text that is not empty");
}

export function isThenable(value: unknown): boolean {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}

/** The error of a value that is not allowed. */
export function invalid(
  operation: () => string,
  field: string,
  value: unknown,
  allowed: string,
  code = "ERR_ARGUMENT_INVALID",
): DurableError {
  return new DurableError(code, `The ${field} of ${operation()} is ${describeValue(value)}; it must be ${allowed}.`);
}
