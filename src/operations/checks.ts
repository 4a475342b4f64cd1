import { invalid, isObject } from "../core/arguments.ts";
import { childPath } from "../core/ids.ts";
import { checkNames, type Report } from "../core/nearest.ts";
import type { AnySerdes, AnySerdesDeserializer } from "../core/serdes.ts";
import type { Execution } from "../execution/execution.ts";
import type { Scope } from "../execution/scope.ts";
import { isRecorded } from "./operation.ts";

type Serializer = Partial<AnySerdes> | AnySerdesDeserializer;

export function operationLabel(kind: string, name: string | undefined): string {
  if (name !== undefined) return `${kind} "${name}"`;
  return `${kind === "invoke" ? "an" : "a"} ${kind}`;
}

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
 * One list for all operations, so an option that only another kind of operation reads causes no error and no warning.
 */
const OPTIONS = (
  "retryStrategy,semantics,serdes,timeout,heartbeatTimeout,waitStrategy,initialState,subType,summaryGenerator," +
  "errorMapper,virtualContext,payloadSerdes,resultSerdes,tenantId,nesting,maxConcurrency,concurrency,itemSerdes," +
  "completionConfig,itemNamer,batch,collect"
).split(",");

/**
 * An option that is not in `known` is an error on the embedded engine, because the developer can still change the
 * handler. The engine ignores the option if the next operation has begun in an earlier invocation. Elsewhere the
 * process warns once for each name.
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
 * Returns undefined if the process must warn. Must be called before the operation claims its path: the returned
 * function ignores a message if the operation at this path has begun, because an earlier invocation accepted the
 * options.
 */
export function reportOf({ onMisspelledOption: report }: Execution, scope: Scope): Report | undefined {
  if (report === undefined) return undefined;
  const path = scope.peekPath();
  return (text) => isBegun(scope, path) || report(text);
}

/**
 * Whether the operation at `path`, or the first operation inside it, is recorded. A virtual context has no record, so
 * the first operation inside counts too.
 */
export function isBegun(scope: Scope, path = scope.peekPath()): boolean {
  const { ledger } = scope;
  return isRecorded(ledger, path) || isRecorded(ledger.outside, path) || isRecorded(ledger, childPath(path, 1));
}

export function checkText(operation: () => string, field: string, value: unknown): void {
  if (typeof value === "string" && value !== "") return;
  throw invalid(operation, field, value, "a text that is not empty");
}

export function isThenable(value: unknown): boolean {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}
