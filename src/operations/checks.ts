import { invalid, isObject } from "../core/arguments.ts";
import { childPath, type OperationPath } from "../core/ids.ts";
import { checkNames, type Report } from "../core/nearest.ts";
import type { AnySerdes, AnySerdesDeserializer } from "../core/serdes.ts";
import type { Execution } from "../execution/execution.ts";
import type { Ledger } from "../execution/ledger/ledger.ts";
import type { Scope } from "../execution/scope.ts";

/**
 * Checks the settings of an operation before the operation is recorded.
 */

type Serializer = Partial<AnySerdes> | AnySerdesDeserializer;

/** Returns `step "charge"` for a step with this name, and `a step` for a step without a name. */
export function operationLabel(kind: string, name: string | undefined): string {
  if (name !== undefined) return `${kind} "${name}"`;
  return `${kind === "invoke" ? "an" : "a"} ${kind}`;
}

/**
 * Accepts an object with all these methods, undefined and null.
 * @throws DurableError `ERR_ARGUMENT_INVALID` for another value
 */
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
 * The options of all operations. An option of another operation, such as `batch` for a step, is ignored and does not
 * count as unknown.
 */
const OPTIONS = (
  "retryStrategy,semantics,serdes,timeout,heartbeatTimeout,waitStrategy,initialState,subType,summaryGenerator," +
  "errorMapper,virtualContext,payloadSerdes,resultSerdes,tenantId,nesting,maxConcurrency,concurrency,itemSerdes," +
  "completionConfig,itemNamer,batch,collect"
).split(",");

/**
 * Looks for options that nothing reads. On the embedded engine such an option is an error, because the handler can
 * still be changed. Elsewhere the process warns once for each name. An operation that is recorded already causes no error,
 * because an earlier invocation accepted the option.
 * @throws DurableError `ERR_OPTION_UNKNOWN` on the embedded engine, `ERR_ARGUMENT_INVALID` if `config` is no object
 */
export function checkOptions(
  execution: Execution,
  scope: Scope,
  operation: () => string,
  config: object,
  known = OPTIONS,
): void {
  if (!isObject(config) || typeof config === "function" || Array.isArray(config) || isThenable(config)) {
    throw invalid(operation, "configuration", config, "an object");
  }
  checkNames("option", operation, config, known, reportOf(execution, scope));
}

/**
 * Returns what gets the texts about names that nothing reads, in the settings of the next operation. Undefined: the
 * process warns. An operation that is recorded already causes no text, because an earlier invocation accepted it.
 */
export function reportOf({ onMisspelledOption: report }: Execution, scope: Scope): Report | undefined {
  if (report === undefined) return undefined;
  const path = scope.peekPath();
  return (text) => isBegun(scope, path) || report(text);
}

/**
 * Whether the next operation, or the first operation inside it, is recorded. Some operations have no record of their
 * own, so their first inner operation shows that they have begun.
 */
export function isBegun(scope: Scope, path = scope.peekPath()): boolean {
  const { ledger } = scope;
  const has = (kept: Ledger, at: OperationPath): boolean => kept.has(kept.key(at));
  return has(ledger, path) || has(ledger.outside, path) || has(ledger, childPath(path, 1));
}

/**
 * Accepts a text that is not empty.
 * @throws DurableError `ERR_ARGUMENT_INVALID` for another value
 */
export function checkText(operation: () => string, field: string, value: unknown): void {
  if (typeof value === "string" && value !== "") return;
  throw invalid(operation, field, value, "a text that is not empty");
}

export function isThenable(value: unknown): boolean {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}
