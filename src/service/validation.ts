import { DurableError } from "../core/errors.ts";
import { MAX_NAME_LENGTH } from "../core/limits.ts";
import { isTakenName } from "../core/operation-name.ts";
import type { Operation, OperationAction, OperationType, OperationUpdate } from "../core/wire.ts";
import { invalidParameter } from "./service-error.ts";

/** The limits for one update, in bytes. */
export interface UpdateLimits {
  readonly payloadBytes: number;
  readonly errorBytes: number;
  /** The limit for the result of an EXECUTION update. */
  readonly resultBytes: number;
}

const ACTIONS: Record<OperationType, readonly OperationAction[]> = {
  EXECUTION: ["SUCCEED", "FAIL"],
  CONTEXT: ["START", "SUCCEED", "FAIL"],
  STEP: ["START", "SUCCEED", "FAIL", "RETRY"],
  WAIT: ["START", "CANCEL"],
  CALLBACK: ["START", "CANCEL"],
  CHAINED_INVOKE: ["START", "CANCEL"],
};

/** 366 days: the longest wait, retry delay or time-out of a callback (service documentation). */
const MAX_WAIT_SECONDS = 31_622_400;

/**
 * Checks all updates of a request before the first one is applied. Rules and messages imitate the service.
 * @throws ServiceError InvalidParameterValueException
 */
export function validateUpdates(
  updates: readonly OperationUpdate[],
  known: (id: string) => Operation | undefined,
  limits: UpdateLimits,
): void {
  const earlier = new Map<string, OperationUpdate>();
  let executionUpdates = 0;
  for (const [at, update] of updates.entries()) {
    const { Id: id, Type: type } = update;
    if (!id) throw invalidParameter("Operation update must have an Id.");
    if (type === "EXECUTION") {
      if (++executionUpdates > 1) throw invalidParameter("Cannot checkpoint multiple EXECUTION updates.");
      if (at < updates.length - 1) throw invalidParameter("EXECUTION checkpoint must be the last update.");
    }
    const before = earlier.get(id);
    if (before !== undefined && !mayFollow(before, update)) {
      throw invalidParameter("Cannot update the same operation twice in a single request.");
    }
    checkForm(update);
    checkName(update, known(id));
    checkSizes(update, limits);
    checkParent(update, known, earlier);
    checkState(update, before, known(id));
    earlier.set(id, update);
  }
}

function mayFollow(before: OperationUpdate, update: OperationUpdate): boolean {
  return (
    before.Action === "START" && update.Action !== "START" && (update.Type === "STEP" || update.Type === "CONTEXT")
  );
}

function checkForm(update: OperationUpdate): void {
  const { Type: type, Action: action } = update;
  if (type === undefined || action === undefined || !ACTIONS[type]?.includes(action)) {
    throw invalidParameter("Invalid action for the given operation type.");
  }
  if (action === "FAIL" && update.Payload !== undefined) {
    throw invalidParameter("Cannot provide a Payload for FAIL action.");
  }
  if (action === "SUCCEED" && update.Error !== undefined) {
    throw invalidParameter("Cannot provide an Error for SUCCEED action.");
  }
  if (action === "RETRY") {
    if (update.StepOptions === undefined) throw invalidParameter("Invalid StepOptions for the given action.");
    if (update.Error !== undefined && update.Payload !== undefined) {
      throw invalidParameter("Cannot provide both a Payload and an Error for RETRY action.");
    }
    const seconds = update.StepOptions.NextAttemptDelaySeconds;
    if (seconds !== undefined && !(seconds >= 1 && seconds <= MAX_WAIT_SECONDS)) {
      throw invalidParameter(`NextAttemptDelaySeconds must be between 1 and ${MAX_WAIT_SECONDS}, not ${seconds}.`);
    }
  }
  if (type === "WAIT" && action === "START") {
    const seconds = update.WaitOptions?.WaitSeconds;
    if (seconds === undefined || !(seconds >= 1 && seconds <= MAX_WAIT_SECONDS)) {
      throw invalidParameter(`WaitSeconds must be between 1 and ${MAX_WAIT_SECONDS}, not ${seconds}.`);
    }
  }
  if (type === "CALLBACK" && action === "START") {
    for (const name of ["TimeoutSeconds", "HeartbeatTimeoutSeconds"] as const) {
      const seconds = update.CallbackOptions?.[name];
      if (seconds === undefined || (seconds >= 0 && seconds <= MAX_WAIT_SECONDS)) continue;
      throw invalidParameter(`${name} must be between 0 and ${MAX_WAIT_SECONDS}, not ${seconds}.`);
    }
  }
  if (type === "CHAINED_INVOKE" && action === "START" && !update.ChainedInvokeOptions?.FunctionName) {
    throw invalidParameter("ChainedInvokeOptions must have a FunctionName.");
  }
}

/** Earlier versions did not check names. So a recorded operation may have a name that the service does not accept. */
function checkName({ Name: name }: OperationUpdate, known: Operation | undefined): void {
  if (name === undefined || isTakenName(name) || name === known?.Name) return;
  throw invalidParameter(
    `Value ${JSON.stringify(name).slice(0, 300)} at 'name' failed to satisfy constraint: Member must have length between 1 and ` +
      `${MAX_NAME_LENGTH} and satisfy regular expression pattern [\\x20-\\x7E]+`,
  );
}

function checkSizes(update: OperationUpdate, limits: UpdateLimits): void {
  const { Type: type, Payload: payload, Error: error } = update;
  const maxBytes = type === "EXECUTION" ? limits.resultBytes : limits.payloadBytes;
  if (payload !== undefined && payload.length * 3 > maxBytes && Buffer.byteLength(payload) > maxBytes) {
    throw invalidParameter(`${type} output payload size must be less than or equal to ${maxBytes} bytes.`);
  }
  if (error !== undefined && Buffer.byteLength(JSON.stringify(error)) >= limits.errorBytes) {
    throw invalidParameter(`Error object size must be less than ${limits.errorBytes} bytes.`);
  }
}

function checkParent(
  update: OperationUpdate,
  known: (id: string) => Operation | undefined,
  earlier: ReadonlyMap<string, OperationUpdate>,
): void {
  const { ParentId: parentId } = update;
  if (parentId === undefined) return;
  const inRequest = earlier.get(parentId);
  if (known(parentId)?.Type === "CONTEXT" || (inRequest?.Type === "CONTEXT" && inRequest.Action === "START")) return;
  throw invalidParameter("Invalid parent operation id.");
}

function checkState(update: OperationUpdate, before: OperationUpdate | undefined, known: Operation | undefined): void {
  const { Type: type, Action: action } = update;
  if (known !== undefined) checkIdentity(update, known);
  // The request has an earlier update of this operation. `mayFollow` has allowed the second update.
  if (before !== undefined) return;
  const status = known?.Status;
  switch (type) {
    case "STEP": {
      if (action === "START") {
        if (known === undefined || status === "READY") return;
        throw invalidParameter("Invalid current STEP state to start.");
      }
      if (known === undefined || status === "STARTED" || status === "READY") return;
      throw invalidParameter(`Invalid current STEP state to ${action === "RETRY" ? "re-attempt" : "close"}.`);
    }
    case "CONTEXT":
      if (action === "START") return checkAbsent(type, known);
      if (known === undefined || status === "STARTED") return;
      throw invalidParameter("Invalid current CONTEXT state to close.");
    case "WAIT":
    case "CALLBACK":
    case "CHAINED_INVOKE":
      if (action === "START") return checkAbsent(type, known);
      if (status === "STARTED") return;
      throw invalidParameter(`Cannot cancel a ${type} that does not exist or has already completed.`);
  }
}

function checkAbsent(type: OperationType, known: Operation | undefined): void {
  if (known !== undefined) throw invalidParameter(`Cannot start a ${type} that already exists.`);
}

function checkIdentity(update: OperationUpdate, known: Operation): void {
  for (const member of ["Type", "SubType", "Name", "ParentId"] as const) {
    if (update[member] !== known[member]) {
      throw invalidParameter(`Cannot change the ${member} of operation ${update.Id}.`);
    }
  }
}

export function checkInput(input: string | undefined, maxBytes: number): void {
  if (input === undefined) return;
  const bytes = Buffer.byteLength(input);
  if (bytes > maxBytes) {
    throw new DurableError("ERR_INPUT_TOO_LARGE", `The input is ${bytes} bytes; the limit is ${maxBytes}.`);
  }
  try {
    JSON.parse(input);
  } catch (error) {
    throw new DurableError("ERR_INPUT_INVALID", `The input is not JSON: ${(error as Error).message}`, { cause: error });
  }
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
