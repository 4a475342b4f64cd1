import type { ExecutionSummary } from "../../local/executions.ts";
import type { FunctionOption } from "./function-option.ts";

/** What the journal keeps of the command line, so that `resume` needs none of it. */
export interface RunSettings {
  handlerFile: string;
  handlerExport: string;
  /** Infinity when lifted. */
  maxOperations: number;
  /** Infinity when lifted. */
  maxDataBytes: number;
  virtualTime: boolean;
  functions: readonly FunctionOption[];
}

const KEY = "cli";

/** The settings as an execution's record keeps them. */
export function toMetadata(settings: RunSettings): Record<string, string> {
  return { [KEY]: JSON.stringify(settings) };
}

/** What an earlier command line left in the record; nothing where another program started the execution. */
export function readSettings(record: ExecutionSummary): Partial<RunSettings> {
  const text = record.metadata[KEY];
  if (text === undefined) return {};
  const kept = JSON.parse(text) as Record<string, unknown>;
  const { handlerFile, handlerExport, maxOperations, maxDataBytes, virtualTime, functions } = kept;
  return {
    ...(typeof handlerFile === "string" && { handlerFile }),
    ...(typeof handlerExport === "string" && { handlerExport }),
    // JSON has no Infinity: a lifted limit was written as null.
    ...(maxOperations === null && { maxOperations: Number.POSITIVE_INFINITY }),
    ...(typeof maxOperations === "number" && { maxOperations }),
    ...(maxDataBytes === null && { maxDataBytes: Number.POSITIVE_INFINITY }),
    ...(typeof maxDataBytes === "number" && { maxDataBytes }),
    ...(typeof virtualTime === "boolean" && { virtualTime }),
    ...(Array.isArray(functions) && { functions: functions as FunctionOption[] }),
  };
}
