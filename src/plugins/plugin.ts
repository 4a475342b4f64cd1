import type { DurableExecutionInvocationOutput } from "../core/wire.ts";

/** The version of the contract between this package and a module named in `DURABLE_EXECUTION_PLUGINS`. */
export const DURABLE_INSTRUMENTATION_PLUGIN_API_VERSION = 1;

/** How an invocation ended. RETRYING: it rejected, and the service will invoke again. */
export const PluginInvocationStatus = {
  SUCCEEDED: "SUCCEEDED",
  FAILED: "FAILED",
  PENDING: "PENDING",
  RETRYING: "RETRYING",
} as const;
export type PluginInvocationStatus = (typeof PluginInvocationStatus)[keyof typeof PluginInvocationStatus];

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

export const AttemptEndInfoOutcome = { SUCCEEDED: "SUCCEEDED", FAILED: "FAILED" } as const;
export type AttemptEndInfoOutcome = (typeof AttemptEndInfoOutcome)[keyof typeof AttemptEndInfoOutcome];

/** An operation, as far as it is known. `id` and `parentId` are wire ids. */
export interface OperationInfo {
  id: string;
  name?: string;
  type: string;
  subType?: string;
  parentId?: string;
  status?: PluginOperationStatus;
  startTimestamp?: Date;
  endTimestamp?: Date;
  /** As it is recorded: the text of a serdes or codec. */
  result?: string;
  error?: Error;
  /** The attempt (of a step or condition), from 1. */
  attempt?: number;
  /** The operation was begun in an earlier invocation. */
  isReplay: boolean;
  /** Given to `wrapChildContextFn`: the function runs only to rebuild a result that was too large to keep. */
  isReplayingChildren?: boolean;
}

export interface OperationEndInfo extends OperationInfo {
  error?: Error;
}

export interface AttemptInfo extends OperationInfo {
  attempt: number;
}

/** `startTimestamp` and `endTimestamp` are there for every attempt, a failed one with another to come included. */
export interface AttemptEndInfo extends AttemptInfo {
  outcome: AttemptEndInfoOutcome;
  /** What was thrown. */
  error?: Error;
}

interface InvocationBaseInfo {
  requestId: string;
  executionArn: string;
  executionInput: unknown;
  /** By wire id, the execution itself included. */
  operations: Record<string, OperationInfo>;
  executionStartTimestamp?: Date;
}

export interface InvocationInfo extends InvocationBaseInfo {
  isFirstInvocation: boolean;
  /** Those that the service changed since the last checkpoint: timers, callbacks, chained invokes. */
  updatedOperations: Record<string, OperationInfo>;
}

export interface InvocationEndInfo extends InvocationBaseInfo {
  status: PluginInvocationStatus;
  executionResult?: unknown;
  executionError?: Error;
  isFirstInvocation?: boolean;
}

export interface OperationChangeInfo {
  executionArn: string;
  updatedOperations: Record<string, OperationInfo>;
  operations: Record<string, OperationInfo>;
}

/**
 * Watches executions. Hooks are awaited where they stand, all plugins at once; what they throw is ignored. Wrappers
 * are nested, the first plugin outermost: they run the function they are given at most once, and its own outcome wins.
 */
export interface DurableInstrumentationPlugin {
  onInvocationStart?(info: InvocationInfo): Promise<void>;
  wrapInvocation?(
    info: InvocationInfo,
    fn: () => Promise<DurableExecutionInvocationOutput>,
  ): Promise<DurableExecutionInvocationOutput>;
  onInvocationEnd?(info: InvocationEndInfo): Promise<void>;
  onOperationStart?(info: OperationInfo): Promise<void>;
  wrapChildContextFn?(info: OperationInfo, fn: () => unknown): unknown;
  onOperationEnd?(info: OperationEndInfo): Promise<void>;
  onOperationAttemptStart?(info: AttemptInfo): Promise<void>;
  wrapOperationAttemptFn?(info: AttemptInfo, fn: () => unknown): unknown;
  onOperationAttemptEnd?(info: AttemptEndInfo): Promise<void>;
  /** A checkpoint's answer changed the status of operations. */
  onOperationChange?(info: OperationChangeInfo): Promise<void>;
  /** Members for each log line. */
  enrichLogContext?(): Record<string, string | number | boolean> | undefined;
}

/** The class whose instances a provider makes. */
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
  readonly pluginType: DurableInstrumentationPluginType<Plugin>;
  createPlugin(): Plugin;
}
