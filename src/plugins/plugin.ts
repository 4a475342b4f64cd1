import type { DurableExecutionInvocationOutput } from "../core/wire.ts";
import type { WorkerStatistics } from "../core/worker-pools.ts";

/** The version of the interface between a plugin's provider and the runtime. */
export const DURABLE_INSTRUMENTATION_PLUGIN_API_VERSION = 1;

/** How an invocation ended. `RETRYING`: the invocation rejected, and the service starts another invocation. */
export const PluginInvocationStatus = {
  SUCCEEDED: "SUCCEEDED",
  FAILED: "FAILED",
  PENDING: "PENDING",
  RETRYING: "RETRYING",
} as const;
export type PluginInvocationStatus = (typeof PluginInvocationStatus)[keyof typeof PluginInvocationStatus];

/** The status of an operation, with the names that the service uses. */
export const PluginOperationStatus = {
  STARTED: "STARTED",
  READY: "READY",
  PENDING: "PENDING",
  SUCCEEDED: "SUCCEEDED",
  FAILED: "FAILED",
  TIMED_OUT: "TIMED_OUT",
  STOPPED: "STOPPED",
  CANCELLED: "CANCELLED",
} as const;
export type PluginOperationStatus = (typeof PluginOperationStatus)[keyof typeof PluginOperationStatus];

/** How one attempt ended. A check of a condition has succeeded even if the condition asks for another check. */
export const AttemptEndInfoOutcome = { SUCCEEDED: "SUCCEEDED", FAILED: "FAILED" } as const;
export type AttemptEndInfoOutcome = (typeof AttemptEndInfoOutcome)[keyof typeof AttemptEndInfoOutcome];

/** An operation, as far as it is known in this process when a hook is called. */
export interface OperationInfo {
  /** A hash of the operation's path: 16 hex digits. For the execution itself: the id that the service gave. */
  id: string;
  /**
   * The hooks of the callback and the submitter of a `waitForCallback` get `<name>-callback` and `<name>-submitter`.
   * These names are not recorded, so lists of operations do not contain them.
   */
  name?: string;
  type: string;
  subType?: string;
  /**
   * The id of the nearest context around the operation. Virtual contexts and FLAT branches do not count. In lists of
   * operations, contexts inside a batch do not count either. Absent at the root.
   */
  parentId?: string;
  status?: PluginOperationStatus;
  /** The recorded time of the start. For an attempt: when the attempt began in this process. */
  startTimestamp?: Date;
  /** The recorded time of the end. At the end of an attempt: when the attempt ended in this process. */
  endTimestamp?: Date;
  /** The recorded payload: a text in the encoding of the configured codec or serdes. */
  result?: string;
  /** The error, rebuilt from the record. At the end of an attempt, step or condition: the thrown error. */
  error?: Error;
  /** The number of finished attempts. For an attempt: the number of this attempt, from 1. */
  attempt?: number;
  /**
   * Whether the hook repeats an earlier notification of the operation. Always true at the start and the end of a
   * context without a record (`NestingType.FLAT`).
   */
  isReplay: boolean;
  /**
   * Only in the argument of `wrapChildContextFn`: whether operations at the beginning of the context are recorded. Then
   * the function of the context begins with a replay.
   */
  isReplayingChildren?: boolean;
}

export interface OperationEndInfo extends OperationInfo {
  error?: Error;
}

export interface AttemptInfo extends OperationInfo {
  /** The number of the attempt, from 1. */
  attempt: number;
}

/** `startTimestamp` and `endTimestamp` are those of the attempt, and always present. */
export interface AttemptEndInfo extends AttemptInfo {
  outcome: AttemptEndInfoOutcome;
  /** The thrown error. */
  error?: Error;
}

interface InvocationBaseInfo {
  /** The request id of Lambda. */
  requestId: string;
  executionArn: string;
  /** The handler's event. */
  executionInput: unknown;
  /** All operations at the service that the invocation knows, and the execution itself, by id. */
  operations: Record<string, OperationInfo>;
  /** The time at which the execution began, which is the same in all its invocations. */
  executionStartTimestamp?: Date;
}

export interface InvocationInfo extends InvocationBaseInfo {
  /** Whether no operation except the execution itself was recorded when the invocation began. */
  isFirstInvocation: boolean;
  /** Operations that the service changed between the previous invocation and this one, by id. */
  updatedOperations: Record<string, OperationInfo>;
}

export interface InvocationEndInfo extends InvocationBaseInfo {
  status: PluginInvocationStatus;
  /** The handler's result, if the handler succeeded. */
  executionResult?: unknown;
  /** The reason why the invocation failed, or why it will be repeated. */
  executionError?: Error;
  /** The same as at the start of the invocation. Always present. */
  isFirstInvocation?: boolean;
  /** The work of the worker threads in this process so far. Absent if the process has no pool of threads. */
  workers?: WorkerStatistics;
}

export interface OperationChangeInfo {
  executionArn: string;
  /** Operations whose status was changed by the answer to a checkpoint, by id. */
  updatedOperations: Record<string, OperationInfo>;
  /** All operations at the service that the invocation knows, and the execution itself, by id. */
  operations: Record<string, OperationInfo>;
}

/**
 * Observes executions, for traces, metrics and audits. All members are optional.
 *
 * An `on…` hook is called for all plugins at the same time. The operation continues when all these calls have ended.
 * For the operation of a batch, the invocation waits for them only at its end. Their errors are ignored
 * (`DURABLE_VERBOSE_MODE=true` shows them). A `wrap…` hook gets a function and calls it. The hooks of several plugins
 * are nested, and the first plugin is outermost. The function runs exactly once, even if a hook does not call it.
 * Nothing that the hooks return or throw changes the function's outcome. A hook whose promise never settles stops the
 * work that it observes. No `on…` or `wrap…` hook is called after `onInvocationEnd`.
 */
export interface DurableInstrumentationPlugin {
  /** Called once in each invocation, when the records are read and before the handler runs. */
  onInvocationStart?(info: InvocationInfo): Promise<void>;
  /** Called around the handler and `onInvocationEnd`. */
  wrapInvocation?(
    info: InvocationInfo,
    fn: () => Promise<DurableExecutionInvocationOutput>,
  ): Promise<DurableExecutionInvocationOutput>;
  /** Called before the invocation ends. Plugins flush in this hook, because Lambda freezes the process afterwards. */
  onInvocationEnd?(info: InvocationEndInfo): Promise<void>;
  /**
   * Called when an operation starts. Called again, with `isReplay`, before each further attempt, and in each invocation
   * that continues the operation. For the operation of a batch, called only once.
   */
  onOperationStart?(info: OperationInfo): Promise<void>;
  /**
   * Called around the function of a context, of a map's item or of a parallel's branch. Not called when the function of
   * an ended context runs again only to rebuild the result.
   */
  wrapChildContextFn?(info: OperationInfo, fn: () => unknown): unknown;
  /**
   * Called when an operation has ended, but not for an at-most-once step that ends with an interrupted attempt. For a
   * wait, callback or invoke, called again, with `isReplay`, in each later invocation that reaches the operation.
   */
  onOperationEnd?(info: OperationEndInfo): Promise<void>;
  /** Called before a step's function or a condition's check runs. */
  onOperationAttemptStart?(info: AttemptInfo): Promise<void>;
  /** Called around a step's function or a condition's check. */
  wrapOperationAttemptFn?(info: AttemptInfo, fn: () => unknown): unknown;
  /** Called when the end of an attempt is recorded. Not called for an attempt that an earlier invocation left. */
  onOperationAttemptEnd?(info: AttemptEndInfo): Promise<void>;
  /** Called when the answer to a checkpoint has changed the status of operations. */
  onOperationChange?(info: OperationChangeInfo): Promise<void>;
  /** Returns members that are added to a line of the default logger. Called synchronously for each written line. */
  enrichLogContext?(): Record<string, string | number | boolean> | undefined;
}

/** The class of a plugin. */
export type DurableInstrumentationPluginType<
  Plugin extends DurableInstrumentationPlugin = DurableInstrumentationPlugin,
> = abstract new (
  ...args: never[]
) => Plugin;

/**
 * The object that makes a plugin. A module in `DURABLE_EXECUTION_PLUGINS` exports this object as
 * `durableExecutionPluginProvider`.
 */
export interface DurableInstrumentationPluginProvider<
  Plugin extends DurableInstrumentationPlugin = DurableInstrumentationPlugin,
> {
  readonly pluginApiVersion: typeof DURABLE_INSTRUMENTATION_PLUGIN_API_VERSION;
  /** The class of the instances that `createPlugin` makes. */
  readonly pluginType: DurableInstrumentationPluginType<Plugin>;
  /** Called once for each durable handler, before its first invocation. */
  createPlugin(): Plugin;
}
