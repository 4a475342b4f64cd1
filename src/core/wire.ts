/** The types of the service's API (version 2025-12-01). Members that are `undefined` are not sent. */

/** The version of the official SDK whose API and wire protocol this package has. */
export const SDK_VERSION = "2.4.0";

export const OperationType = {
  CALLBACK: "CALLBACK",
  CHAINED_INVOKE: "CHAINED_INVOKE",
  CONTEXT: "CONTEXT",
  EXECUTION: "EXECUTION",
  STEP: "STEP",
  WAIT: "WAIT",
} as const;
export type OperationType = (typeof OperationType)[keyof typeof OperationType];

export const OperationStatus = {
  CANCELLED: "CANCELLED",
  FAILED: "FAILED",
  PENDING: "PENDING",
  READY: "READY",
  STARTED: "STARTED",
  STOPPED: "STOPPED",
  SUCCEEDED: "SUCCEEDED",
  TIMED_OUT: "TIMED_OUT",
} as const;
export type OperationStatus = (typeof OperationStatus)[keyof typeof OperationStatus];

export const OperationAction = {
  CANCEL: "CANCEL",
  FAIL: "FAIL",
  RETRY: "RETRY",
  START: "START",
  SUCCEED: "SUCCEED",
} as const;
export type OperationAction = (typeof OperationAction)[keyof typeof OperationAction];

/** The kind of an operation. Several kinds share one wire type. The subtypes of batches and parts are not listed. */
export const OperationSubType = {
  STEP: "Step",
  WAIT: "Wait",
  CALLBACK: "Callback",
  RUN_IN_CHILD_CONTEXT: "RunInChildContext",
  MAP: "Map",
  MAP_ITERATION: "MapIteration",
  PARALLEL: "Parallel",
  PARALLEL_BRANCH: "ParallelBranch",
  WAIT_FOR_CALLBACK: "WaitForCallback",
  WAIT_FOR_CONDITION: "WaitForCondition",
  CHAINED_INVOKE: "ChainedInvoke",
} as const;
export type OperationSubType = (typeof OperationSubType)[keyof typeof OperationSubType];

/** The status in the response of an invocation. */
export const InvocationStatus = {
  SUCCEEDED: "SUCCEEDED",
  FAILED: "FAILED",
  PENDING: "PENDING",
} as const;
export type InvocationStatus = (typeof InvocationStatus)[keyof typeof InvocationStatus];

/** A point in time, as a client delivers it. A text is one that `new Date` reads. */
export type WireTimestamp = Date | string;

export interface ErrorObject {
  ErrorMessage?: string | undefined;
  ErrorType?: string | undefined;
  ErrorData?: string | undefined;
  StackTrace?: string[] | undefined;
}

export interface ExecutionDetails {
  InputPayload?: string | undefined;
}

export interface ContextDetails {
  ReplayChildren?: boolean | undefined;
  Result?: string | undefined;
  Error?: ErrorObject | undefined;
}

export interface StepDetails {
  /** The number of finished attempts. The number of the running attempt is one more. */
  Attempt?: number | undefined;
  NextAttemptTimestamp?: Date | undefined;
  Result?: string | undefined;
  Error?: ErrorObject | undefined;
}

export interface WireStepDetails extends Omit<StepDetails, "NextAttemptTimestamp"> {
  NextAttemptTimestamp?: WireTimestamp | undefined;
}

export interface WaitDetails {
  ScheduledEndTimestamp?: Date | undefined;
}

export interface WireWaitDetails {
  ScheduledEndTimestamp?: WireTimestamp | undefined;
}

export interface CallbackDetails {
  CallbackId?: string | undefined;
  Result?: string | undefined;
  Error?: ErrorObject | undefined;
}

export interface ChainedInvokeDetails {
  Result?: string | undefined;
  Error?: ErrorObject | undefined;
}

/** The record of one operation. Its timestamps are read into `Date`. */
export interface Operation {
  Id: string | undefined;
  ParentId?: string | undefined;
  Name?: string | undefined;
  Type: OperationType | undefined;
  SubType?: string | undefined;
  StartTimestamp: Date | undefined;
  EndTimestamp?: Date | undefined;
  Status: OperationStatus | undefined;
  ExecutionDetails?: ExecutionDetails | undefined;
  ContextDetails?: ContextDetails | undefined;
  StepDetails?: StepDetails | undefined;
  WaitDetails?: WaitDetails | undefined;
  CallbackDetails?: CallbackDetails | undefined;
  ChainedInvokeDetails?: ChainedInvokeDetails | undefined;
}

/** The record of one operation, as the client of the service delivers the record. Timestamps may be texts. */
export interface WireOperation
  extends Omit<Operation, "StartTimestamp" | "EndTimestamp" | "StepDetails" | "WaitDetails"> {
  StartTimestamp: WireTimestamp | undefined;
  EndTimestamp?: WireTimestamp | undefined;
  StepDetails?: WireStepDetails | undefined;
  WaitDetails?: WireWaitDetails | undefined;
}

export interface ContextOptions {
  ReplayChildren?: boolean | undefined;
}

export interface StepOptions {
  NextAttemptDelaySeconds?: number | undefined;
}

export interface WaitOptions {
  WaitSeconds?: number | undefined;
}

export interface CallbackOptions {
  TimeoutSeconds?: number | undefined;
  HeartbeatTimeoutSeconds?: number | undefined;
}

export interface ChainedInvokeOptions {
  FunctionName: string | undefined;
  TenantId?: string | undefined;
}

/** One change of one operation, as the SDK sends the change. */
export interface OperationUpdate {
  Id: string | undefined;
  ParentId?: string | undefined;
  Name?: string | undefined;
  Type: OperationType | undefined;
  SubType?: string | undefined;
  Action: OperationAction | undefined;
  Payload?: string | undefined;
  Error?: ErrorObject | undefined;
  ContextOptions?: ContextOptions | undefined;
  StepOptions?: StepOptions | undefined;
  WaitOptions?: WaitOptions | undefined;
  CallbackOptions?: CallbackOptions | undefined;
  ChainedInvokeOptions?: ChainedInvokeOptions | undefined;
}

export interface CheckpointUpdatedExecutionState {
  Operations?: WireOperation[] | undefined;
  NextMarker?: string | undefined;
}

export interface CheckpointDurableExecutionRequest {
  DurableExecutionArn: string | undefined;
  CheckpointToken: string | undefined;
  Updates?: OperationUpdate[] | undefined;
  ClientToken?: string | undefined;
}

export interface CheckpointDurableExecutionResponse {
  CheckpointToken?: string | undefined;
  NewExecutionState: CheckpointUpdatedExecutionState | undefined;
}

export interface GetDurableExecutionStateRequest {
  DurableExecutionArn: string | undefined;
  CheckpointToken: string | undefined;
  Marker?: string | undefined;
  MaxItems?: number | undefined;
}

export interface GetDurableExecutionStateResponse {
  Operations: WireOperation[] | undefined;
  NextMarker?: string | undefined;
}

/** The event with which the service invokes a durable function. */
export interface DurableExecutionInvocationInput {
  /** `arn:…:function:<name>:<version>/durable-execution/<executionName>/<executionId>` */
  DurableExecutionArn: string;
  /**
   * The first token of this invocation. An accepted checkpoint returns the next token, unless it ends the invocation.
   */
  CheckpointToken: string;
  /** The wire ids of operations that the service changed since the last checkpoint of the previous invocation. */
  UpdatedOperationIds?: string[];
  InitialExecutionState: {
    /** The first page of the operations. Its first element is the record of the execution itself (type EXECUTION). */
    Operations: WireOperation[];
    /** Not empty when there are more pages. */
    NextMarker?: string | undefined;
  };
}

interface DurableExecutionInvocationOutputFailed {
  Status: typeof InvocationStatus.FAILED;
  Error: ErrorObject;
}

interface DurableExecutionInvocationOutputSucceeded {
  Status: typeof InvocationStatus.SUCCEEDED;
  /**
   * The handler's result as JSON. Absent when JSON has no form for the result, as for undefined. The empty text when
   * the result was too large, and a checkpoint has recorded it.
   */
  Result?: string;
}

interface DurableExecutionInvocationOutputPending {
  Status: typeof InvocationStatus.PENDING;
}

/** The response of a durable function to the service. */
export type DurableExecutionInvocationOutput =
  | DurableExecutionInvocationOutputSucceeded
  | DurableExecutionInvocationOutputFailed
  | DurableExecutionInvocationOutputPending;

export function defined<Members extends object>(members: Members): Members {
  const kept: Partial<Members> = {};
  for (const key in members) if (members[key] !== undefined) kept[key] = members[key];
  return kept as Members;
}

/** Whether the status is final or absent. `isFinished` is true only for SUCCEEDED and FAILED. */
export function hasEnded({ Status: status }: Pick<WireOperation, "Status">): boolean {
  return status !== "STARTED" && status !== "PENDING" && status !== "READY";
}

export function isFanOut(subType: string | undefined): subType is "Map" | "Parallel" {
  return subType === "Map" || subType === "Parallel";
}

/** Whether an operation is the context of an item or of a branch. */
export function isItem(subType: string | undefined): boolean {
  return subType === "MapIteration" || subType === "ParallelBranch";
}

/** The details that may have a result or an error. Undefined for a wait, for the execution, and without details. */
export function detailsOf(
  operation: Operation | WireOperation,
): { Result?: string | undefined; Error?: ErrorObject | undefined } | undefined {
  const { StepDetails, ContextDetails, CallbackDetails, ChainedInvokeDetails } = operation;
  return StepDetails ?? ContextDetails ?? CallbackDetails ?? ChainedInvokeDetails;
}
