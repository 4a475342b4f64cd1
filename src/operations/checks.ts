import { DurableError } from "../core/errors.ts";
import { childPath, type OperationPath } from "../core/ids.ts";
import { nearest, warnOnce } from "../core/nearest.ts";
import type { AnySerdes, AnySerdesDeserializer } from "../core/serdes.ts";
import { describeValue } from "../core/setting.ts";
import type { Execution } from "../execution/execution.ts";
import type { Ledger } from "../execution/ledger/ledger.ts";
import type { Scope } from "../execution/scope.ts";

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

/** The options of all operations. An option that belongs to another operation is not misspelled. */
const OPTIONS = (
  "retryStrategy,semantics,serdes,timeout,heartbeatTimeout,waitStrategy,initialState,subType,summaryGenerator," +
  "errorMapper,virtualContext,payloadSerdes,resultSerdes,tenantId,nesting,maxConcurrency,concurrency,itemSerdes," +
  "completionConfig,itemNamer,batch,collect,minSuccessful,toleratedFailureCount,toleratedFailurePercentage,shouldComplete"
).split(",");

/** The greatest number of letters between a misspelled option and the option that was meant. */
const MISSPELLED_LETTERS = 2;

/**
 * Looks for options that are spelled almost like an option that is read. All other unknown options are ignored, as in the
 * official SDK. A misspelled option is an error where the handler can still be changed, and a warning, once in a process,
 * elsewhere. An operation that is recorded continues, because the operation has done so before.
 * @throws DurableError `ERR_OPTION_UNKNOWN` on the embedded engine
 */
export function checkOptions(execution: Execution, scope: Scope, operation: () => string, config: object): void {
  for (const [name, value] of Object.entries(config)) {
    const near = value === undefined || OPTIONS.includes(name) ? undefined : nearest(name, OPTIONS, MISSPELLED_LETTERS);
    if (near === undefined) continue;
    const text = `Nothing reads the option ${name} of ${operation()}. The nearest option that is read is ${near}.`;
    if (execution.onMisspelledOption === undefined) warnOnce(text, "DURABLE_FANOUT_UNKNOWN_OPTION", name);
    else if (!isBegun(scope, scope.peekPath())) execution.onMisspelledOption(text);
  }
}

/** Whether the operation is recorded, or the first operation in it, because some operations write nothing themselves. */
function isBegun({ ledger }: Scope, path: OperationPath): boolean {
  const has = (kept: Ledger, at: OperationPath): boolean => kept.has(kept.key(at));
  return has(ledger, path) || has(ledger.outside, path) || has(ledger, childPath(path, 1));
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
