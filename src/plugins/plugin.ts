import type { DurableExecutionInvocationOutput } from "../core/wire.ts";
import type { WorkerStatistics } from "../core/worker-pools.ts";

/** The version of the contract between a plugin's provider and the runtime; a provider names the one it is made for. */
export const DURABLE_INSTRUMENTATION_PLUGIN_API_VERSION = 1;

/** How an invocation ended. `RETRYING`: it rejected, and the service invokes again. */
export const PluginInvocationStatus = {
  SUCCEEDED: "SUCCEEDED",
  FAILED: "FAILED",
  PENDING: "PENDING",
  RETRYING: "RETRYING",
} as const;
export type PluginInvocationStatus = (typeof PluginInvocationStatus)[keyof typeof PluginInvocationStatus];

/** What an operation is doing, in the service's words. */
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

/** How one attempt ended. A condition's check that asks for another look succeeded. */
export const AttemptEndInfoOutcome = { SUCCEEDED: "SUCCEEDED", FAILED: "FAILED" } as const;
export type AttemptEndInfoOutcome = (typeof AttemptEndInfoOutcome)[keyof typeof AttemptEndInfoOutcome];

/** An operation, as far as it is known here when a hook is called. */
export interface OperationInfo {
  /** The wire id: 16 hex digits; for the execution itself, the service's own id. */
  id: string;
  /** Inside `waitForCallback` the hooks of its parts say `<name>-callback` and `<name>-submitter`. */
  name?: string;
  type: string;
  subType?: string;
  /** The wire id of the context it belongs to; absent at the root. */
  parentId?: string;
  status?: PluginOperationStatus;
  /** When the service recorded the start; in the infos of an attempt, when the attempt began here. */
  startTimestamp?: Date;
  /** When the service recorded the end; in the info of an attempt's end, when the attempt ended here. */
  endTimestamp?: Date;
  /** The recorded payload: text in the encoding of the configured codec or serdes. */
  result?: string;
  /** What it failed with: rebuilt from the record, or (at the end of an attempt or step) as it was thrown. */
  error?: Error;
  /** Finished attempts, or in the infos of an attempt its own number; from 1. */
  attempt?: number;
  /** The hook repeats what an earlier invocation has told. */
  isReplay: boolean;
  /**
   * Only in what `wrapChildContextFn` is given: the first operation inside the context was recorded earlier, so that its
   * function begins by repeating what is known.
   */
  isReplayingChildren?: boolean;
}

export interface OperationEndInfo extends OperationInfo {
  error?: Error;
}

export interface AttemptInfo extends OperationInfo {
  /** From 1. */
  attempt: number;
}

/** Its `startTimestamp` and `endTimestamp` are the attempt's own, and always there. */
export interface AttemptEndInfo extends AttemptInfo {
  outcome: AttemptEndInfoOutcome;
  /** What was thrown. */
  error?: Error;
}

interface InvocationBaseInfo {
  /** Of Lambda. */
  requestId: string;
  executionArn: string;
  /** The handler's event. */
  executionInput: unknown;
  /** All operations known to the invocation, the execution itself included, by wire id. */
  operations: Record<string, OperationInfo>;
  /** When the execution began: the same in all its invocations. */
  executionStartTimestamp?: Date;
}

export interface InvocationInfo extends InvocationBaseInfo {
  /** Nothing but the execution itself was recorded when the invocation began. */
  isFirstInvocation: boolean;
  /** Operations that changed outside between the previous invocation and this one, by wire id. */
  updatedOperations: Record<string, OperationInfo>;
}

export interface InvocationEndInfo extends InvocationBaseInfo {
  status: PluginInvocationStatus;
  /** What the handler returned; only when it succeeded. */
  executionResult?: unknown;
  /** Why it failed, or why it will be repeated. */
  executionError?: Error;
  /** As at the start of the invocation; always there. */
  isFirstInvocation?: boolean;
  /** What worker threads have done in this process so far; only when there are any. */
  workers?: WorkerStatistics;
}

export interface OperationChangeInfo {
  executionArn: string;
  /** Operations whose status a checkpoint's answer changed, by wire id. */
  updatedOperations: Record<string, OperationInfo>;
  /** All operations known to the invocation, the execution itself included, by wire id. */
  operations: Record<string, OperationInfo>;
}

/**
 * Looks on while an execution runs: for traces, metrics, audits. All members are optional.
 *
 * The `on…` hooks of all plugins are called at once and awaited before the execution goes on; what they throw is
 * swallowed (`DURABLE_VERBOSE_MODE=true` shows it). The `wrap…` hooks are nested, the first plugin outermost, and call
 * the function they are given: it runs exactly once, and what it comes to counts, whatever they return or throw.
 * Nothing is called after `onInvocationEnd`.
 */
export interface DurableInstrumentationPlugin {
  /** Before the handler runs, once in each invocation. */
  onInvocationStart?(info: InvocationInfo): Promise<void>;
  /** Around the handler and `onInvocationEnd`. */
  wrapInvocation?(
    info: InvocationInfo,
    fn: () => Promise<DurableExecutionInvocationOutput>,
  ): Promise<DurableExecutionInvocationOutput>;
  /** Before the response is returned: the place to flush, since the environment is frozen afterwards. */
  onInvocationEnd?(info: InvocationEndInfo): Promise<void>;
  /** When an operation starts, and again (`isReplay`) in each invocation that finds it started. */
  onOperationStart?(info: OperationInfo): Promise<void>;
  /** Around the function of a context, a map's item or a parallel's branch; not when a finished one is rebuilt. */
  wrapChildContextFn?(info: OperationInfo, fn: () => unknown): unknown;
  /** When an operation has ended; for waits, callbacks and invokes again (`isReplay`) when they are found ended. */
  onOperationEnd?(info: OperationEndInfo): Promise<void>;
  /** Before a step's function or a condition's check runs. */
  onOperationAttemptStart?(info: AttemptInfo): Promise<void>;
  /** Around a step's function or a condition's check. */
  wrapOperationAttemptFn?(info: AttemptInfo, fn: () => unknown): unknown;
  /** When the end of an attempt is recorded. */
  onOperationAttemptEnd?(info: AttemptEndInfo): Promise<void>;
  /** When a checkpoint's answer changed the status of operations. */
  onOperationChange?(info: OperationChangeInfo): Promise<void>;
  /** Members to add to each line of the default logger; called for each line, synchronously. */
  enrichLogContext?(): Record<string, string | number | boolean> | undefined;
}

/** The class of a plugin. */
export type DurableInstrumentationPluginType<
  Plugin extends DurableInstrumentationPlugin = DurableInstrumentationPlugin,
> = abstract new (
  ...args: never[]
) => Plugin;

/** What a module named in `DURABLE_EXECUTION_PLUGINS` exports as `durableExecutionPluginProvider`. */
export interface DurableInstrumentationPluginProvider<
  Plugin extends DurableInstrumentationPlugin = DurableInstrumentationPlugin,
> {
  readonly pluginApiVersion: typeof DURABLE_INSTRUMENTATION_PLUGIN_API_VERSION;
  /** What `createPlugin` makes an instance of. */
  readonly pluginType: DurableInstrumentationPluginType<Plugin>;
  /** Called once for each durable handler, when it is made. */
  createPlugin(): Plugin;
}
