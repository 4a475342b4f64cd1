import { DurableError } from "../core/errors.ts";
import type { WireOperation } from "../core/wire.ts";
import { isHistoryEvent, readHistoryEvents } from "./history-events.ts";

/** The recorded operations and the input of one execution, from a journal or a file. */
export interface Recording {
  /** The handler's input as JSON text. Undefined if there is no input. */
  readonly input: string | undefined;
  /** The operations in their recorded order, without the execution itself. */
  readonly operations: readonly WireOperation[];
  /** The ids of operations whose result or error is cut off in the recording. The code after them cannot be checked. */
  readonly truncated?: ReadonlySet<string>;
  /** Whether the input is cut off in the recording, or missing. Undefined means false. */
  readonly lacksInput?: boolean;
  /** The name of the recorded function. Default `rehearsal`. */
  readonly functionName?: string | undefined;
}

/**
 * Reads a recording from a parsed file. The file has one of three forms:
 * - the output of `durable-fanout export`;
 * - `operations`, as in the service's GetDurableExecutionState, and `input`;
 * - the answer of GetDurableExecutionHistory, with data: it has `Events`.
 * @throws DurableError `ERR_RECORDING_INVALID` if the document has another form, or if pages or data are missing
 */
export function readRecording(document: unknown): Recording {
  if (typeof document === "object" && document !== null) {
    const { type, operations, Operations, events, Events, NextMarker, input } = document as Record<string, unknown>;
    if (typeof NextMarker === "string" && NextMarker !== "") {
      throw invalid("It is one page of several (NextMarker). Fetch all pages, and put their events into one list.");
    }
    if (type === "export") return readExport(document as ExportDocument);
    const listed = Events ?? events;
    if (Array.isArray(listed)) {
      if (!listed.every(isHistoryEvent)) throw invalid("Not all of its events have an EventType.");
      return readHistoryEvents(listed, invalid);
    }
    const recorded = operations ?? Operations;
    if (Array.isArray(recorded)) return readOperations(recorded, input);
  }
  throw invalid('It has neither "Events", which a history has, nor "operations", which an export has.');
}

interface ExportDocument {
  readonly version?: unknown;
  readonly execution?: { readonly functionName?: string; readonly wire?: { readonly input?: string } };
  readonly operations?: readonly { readonly wire?: unknown }[];
}

/** The version of an export's form. A document with another version is refused. */
export const EXPORT_VERSION = 1;

function readExport({ version, execution, operations }: ExportDocument): Recording {
  if (version !== EXPORT_VERSION) {
    throw invalid(`It is an export of version ${JSON.stringify(version)}; version ${EXPORT_VERSION} can be read.`);
  }
  if (!Array.isArray(operations) || execution?.wire === undefined) throw invalid("Its export is not complete.");
  const recorded = readOperations(
    operations.map(({ wire }) => wire),
    execution.wire.input,
  );
  return { ...recorded, input: execution.wire.input, lacksInput: false, functionName: execution.functionName };
}

function readOperations(recorded: readonly unknown[], input: unknown): Recording {
  for (const [at, operation] of recorded.entries()) {
    const { Id: id, Type: type } = (operation ?? {}) as Partial<WireOperation>;
    if (typeof id !== "string" || typeof type !== "string") throw invalid(`Operation ${at} has no Id or no Type.`);
  }
  const all = recorded as readonly WireOperation[];
  const execution = all.find(({ Type: type }) => type === "EXECUTION");
  const payload = execution?.ExecutionDetails?.InputPayload;
  return {
    input: payload ?? jsonText(input),
    operations: all.filter(({ Type: type }) => type !== "EXECUTION"),
    lacksInput: execution === undefined && input === undefined,
  };
}

/** Returns the input as JSON text. An input that is already JSON text is not changed. */
function jsonText(input: unknown): string | undefined {
  if (typeof input !== "string") return JSON.stringify(input);
  try {
    JSON.parse(input);
    return input;
  } catch {
    return JSON.stringify(input);
  }
}

function invalid(what: string): DurableError {
  return new DurableError("ERR_RECORDING_INVALID", `The file is no recording of an execution. ${what}`);
}
