import { DurableError } from "./errors.ts";
import { describeValue } from "./setting.ts";

/** Checks of values that user code gives. `owner` returns the name of the operation or function that got the value. */

export function checkFunction(owner: () => string, field: string, value: unknown): void {
  if (value === undefined || value === null || typeof value === "function") return;
  throw invalid(owner, field, value, "a function");
}

export function checkOneOf(owner: () => string, field: string, value: unknown, allowed: readonly string[]): void {
  if (value === undefined || value === null || allowed.includes(value as string)) return;
  throw invalid(owner, field, value, allowed.map((name) => `"${name}"`).join(" or "));
}

export function checkCount(owner: () => string, field: string, value: unknown, min = 0, head = ""): void {
  if (value === undefined || value === null || value === Number.POSITIVE_INFINITY) return;
  if (Number.isInteger(value) && (value as number) >= min) return;
  throw invalid(owner, field, value, `a whole number of at least ${min}`, undefined, head);
}

/** Numbers and booleans are allowed, because names often come from data. */
export function textOf(owner: () => string, field: string, value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isObject(value)) return String(value);
  throw invalid(owner, field, value, "a text");
}

/** Whether the value is an object or a function. */
export function isObject(value: unknown): value is object {
  return Object(value) === value;
}

export function invalid(
  owner: () => string,
  field: string,
  value: unknown,
  allowed: string,
  code = "ERR_ARGUMENT_INVALID",
  head = "",
): DurableError {
  return new DurableError(code, `${head}The ${field} of ${owner()} is ${describeValue(value)}; it must be ${allowed}.`);
}
