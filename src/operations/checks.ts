import { DurableError } from "../core/errors.ts";
import type { AnySerdes, AnySerdesDeserializer } from "../core/serdes.ts";
import type { CompletionConfig } from "./completion.ts";

/**
 * What is wrong with the settings of an operation is said before the operation is recorded. Values that the official
 * SDK takes and that mean something are taken.
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

/** @throws DurableError `ERR_ARGUMENT_INVALID` for counts that are no counts, and shares outside of 0 to 100 */
export function checkCompletion(operation: () => string, config: CompletionConfig | undefined): void {
  if (config === undefined || config === null) return;
  const { minSuccessful, toleratedFailureCount, toleratedFailurePercentage: share, shouldComplete } = config;
  checkCount(operation, "completionConfig.minSuccessful", minSuccessful);
  checkCount(operation, "completionConfig.toleratedFailureCount", toleratedFailureCount);
  checkFunction(operation, "completionConfig.shouldComplete", shouldComplete);
  if (share === undefined || share === null || (share >= 0 && share <= 100)) return;
  throw invalid(operation, "completionConfig.toleratedFailurePercentage", share, "a number from 0 to 100");
}

/** @throws DurableError `ERR_ARGUMENT_INVALID` unless the value is a whole number from `min` on, Infinity, or absent */
export function checkCount(operation: () => string, field: string, value: number | undefined, min = 0): void {
  if (value === undefined || value === null || value === Number.POSITIVE_INFINITY) return;
  if (Number.isInteger(value) && value >= min) return;
  throw invalid(operation, field, value, `a whole number from ${min} on`);
}

/** @throws DurableError `ERR_ARGUMENT_INVALID` unless the value is a text with something in it */
export function checkText(operation: () => string, field: string, value: unknown): void {
  if (typeof value === "string" && value !== "") return;
  throw invalid(operation, field, value, "a text that is not empty");
}

function invalid(operation: () => string, field: string, value: unknown, allowed: string): DurableError {
  const shown = typeof value === "string" ? JSON.stringify(value) : describe(value);
  return new DurableError("ERR_ARGUMENT_INVALID", `The ${field} of ${operation()} is ${shown}; it must be ${allowed}.`);
}

function describe(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  return Array.isArray(value) ? "an array" : `an object with ${Object.keys(value).join(", ") || "nothing in it"}`;
}
