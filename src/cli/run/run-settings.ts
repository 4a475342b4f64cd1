import type { ExecutionSummary } from "../../local/executions.ts";
import type { FunctionOption } from "./function-option.ts";

/** The options that the journal stores with the execution, so that `resume` works without them. */
export interface RunSettings {
  handlerFile: string;
  handlerExport: string;
  /** Infinity if the user has lifted the quota. The same holds for `maxDataBytes`. */
  maxOperations: number;
  maxDataBytes: number;
  virtualTime: boolean;
  functions: readonly FunctionOption[];
}

const KEY = "cli";

export function toMetadata(settings: RunSettings): Record<string, string> {
  return { [KEY]: JSON.stringify(settings) };
}

/** Empty if the journal stores no settings, for example because a program or a chained invoke started the execution. */
export function readSettings(record: ExecutionSummary): Partial<RunSettings> {
  const text = record.metadata[KEY];
  if (text === undefined) return {};
  const kept = JSON.parse(text) as Record<string, unknown>;
  const { handlerFile, handlerExport, maxOperations, maxDataBytes, virtualTime, functions } = kept;
  return {
    ...(typeof handlerFile === "string" && { handlerFile }),
    ...(typeof handlerExport === "string" && { handlerExport }),
    // `JSON.stringify` writes Infinity as null, so null means a lifted limit.
    ...(maxOperations === null && { maxOperations: Number.POSITIVE_INFINITY }),
    ...(typeof maxOperations === "number" && { maxOperations }),
    ...(maxDataBytes === null && { maxDataBytes: Number.POSITIVE_INFINITY }),
    ...(typeof maxDataBytes === "number" && { maxDataBytes }),
    ...(typeof virtualTime === "boolean" && { virtualTime }),
    ...(Array.isArray(functions) && { functions: functions as FunctionOption[] }),
  };
}
