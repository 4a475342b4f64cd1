import type { Operation, OperationAction, OperationType, OperationUpdate } from "../../src/index.ts";

/** What the service takes of one request and of one execution. */
export interface Limits {
  /** Bytes of one payload. */
  readonly payloadBytes: number;
  readonly requestBytes: number;
  readonly requestUpdates: number;
  readonly operations: number;
}

const ACTIONS: Record<OperationType, readonly OperationAction[]> = {
  EXECUTION: ["SUCCEED", "FAIL"],
  CONTEXT: ["START", "SUCCEED", "FAIL"],
  STEP: ["START", "SUCCEED", "FAIL", "RETRY"],
  WAIT: ["START", "CANCEL"],
  CALLBACK: ["START", "CANCEL"],
  CHAINED_INVOKE: ["START", "CANCEL"],
};
const LONGEST_SECONDS = 31_622_400;
const MAX_ERROR_BYTES = 32_768;

/** What the service has against a request, all of which it refuses then; undefined if it takes it. */
export function objection(
  updates: readonly OperationUpdate[],
  known: ReadonlyMap<string, Operation>,
  limits: Limits,
): string | undefined {
  if (updates.length > limits.requestUpdates) return `${updates.length} updates in one request`;
  const bytes = Buffer.byteLength(JSON.stringify(updates));
  if (bytes > limits.requestBytes && updates.length > 1) return `a request of ${bytes} bytes`;
  const statuses = new Map<string, { status: string; type: string; updates: number }>();
  let fresh = 0;
  for (const update of updates) {
    const { Id: id, Type: type } = update;
    if (!id || type === undefined) return "an update without id or type";
    const before = known.get(id);
    const inRequest = statuses.get(id);
    if (before === undefined && inRequest === undefined && ++fresh + known.size > limits.operations) {
      return `more than ${limits.operations} operations`;
    }
    const fault =
      formFault(update, limits) ??
      identityFault(update, before) ??
      parentFault(update.ParentId, known, statuses) ??
      stateFault(update, inRequest?.status ?? before?.Status, inRequest?.updates ?? 0);
    if (fault !== undefined) return `${fault} (${describe(update)})`;
    statuses.set(id, { status: statusAfter(update), type, updates: (inRequest?.updates ?? 0) + 1 });
  }
  return undefined;
}

function describe({ Type, Action, Name, Id }: OperationUpdate): string {
  return `${Type} ${Action} ${Name ?? Id}`;
}

function formFault(update: OperationUpdate, limits: Limits): string | undefined {
  const { Type: type, Action: action, Payload: payload, Error: error, Name: name } = update;
  if (!ACTIONS[type as OperationType]?.includes(action as OperationAction)) return "an action that the type has not";
  if (name !== undefined && !/^[\x20-\x7e]{1,256}$/.test(name)) return "a name that is not taken";
  if (action === "FAIL" && payload !== undefined) return "a failure with a payload";
  if (action === "SUCCEED" && error !== undefined) return "a success with an error";
  if (payload !== undefined && type !== "EXECUTION") {
    const bytes = Buffer.byteLength(payload);
    if (bytes > limits.payloadBytes) return `a payload of ${bytes} bytes`;
  }
  if (error !== undefined && Buffer.byteLength(JSON.stringify(error)) >= MAX_ERROR_BYTES) return "an error too large";
  if (action === "RETRY") {
    const seconds = update.StepOptions?.NextAttemptDelaySeconds;
    if (update.StepOptions === undefined) return "a retry without options";
    if (payload !== undefined && error !== undefined) return "a retry with payload and error";
    if (seconds !== undefined && !isSeconds(seconds, 1)) return `a retry after ${seconds} seconds`;
  }
  if (type === "WAIT" && action === "START" && !isSeconds(update.WaitOptions?.WaitSeconds, 1)) {
    return `a wait of ${update.WaitOptions?.WaitSeconds} seconds`;
  }
  if (type === "CHAINED_INVOKE" && !update.ChainedInvokeOptions?.FunctionName) return "an invoke of nothing";
  return undefined;
}

function isSeconds(seconds: number | undefined, min: number): boolean {
  return seconds !== undefined && Number.isInteger(seconds) && seconds >= min && seconds <= LONGEST_SECONDS;
}

function identityFault(update: OperationUpdate, known: Operation | undefined): string | undefined {
  if (known === undefined) return undefined;
  for (const member of ["Type", "SubType", "Name", "ParentId"] as const) {
    if (update[member] !== known[member]) return `another ${member}`;
  }
  return undefined;
}

function parentFault(
  id: string | undefined,
  known: ReadonlyMap<string, Operation>,
  statuses: ReadonlyMap<string, { status: string; type: string }>,
): string | undefined {
  if (id === undefined) return undefined;
  const inRequest = statuses.get(id);
  const type = inRequest?.type ?? known.get(id)?.Type;
  const status = inRequest?.status ?? known.get(id)?.Status;
  if (type !== "CONTEXT") return "an unknown parent";
  return status === "STARTED" ? undefined : "a parent that has ended";
}

function stateFault({ Type: type, Action: action }: OperationUpdate, status: string | undefined, earlier: number) {
  if (earlier > 0 && (earlier > 1 || action === "START" || (type !== "STEP" && type !== "CONTEXT"))) {
    return "the same operation twice";
  }
  switch (action) {
    case "START":
      if (status === undefined || (type === "STEP" && status === "READY")) return undefined;
      return `a start of what is ${status}`;
    case "CANCEL":
      return status === "STARTED" ? undefined : `a cancellation of what is ${status}`;
    default:
      if (type === "EXECUTION" || status === undefined || status === "STARTED") return undefined;
      return type === "STEP" && status === "READY" ? undefined : `an end of what is ${status}`;
  }
}

function statusAfter({ Action: action }: OperationUpdate): string {
  switch (action) {
    case "START":
      return "STARTED";
    case "RETRY":
      return "PENDING";
    default:
      return action === "SUCCEED" ? "SUCCEEDED" : "FAILED";
  }
}
