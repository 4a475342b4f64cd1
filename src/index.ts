export { type DurableExecutionClient, DurableExecutionInvocationInputWithClient } from "./client/client.ts";
export { DurableExecutionApiClient } from "./client/lambda.ts";
export { asJson, type Jsonify } from "./codec/jsonify.ts";
export type {
  ChildFunc,
  ConcurrencyConfig,
  ConcurrentExecutionItem,
  ConcurrentExecutor,
  DurableContext,
  MapConfig,
  MapFunc,
  NamedBatchResult,
  NamedParallelBranch,
  ParallelConfig,
  ParallelFunc,
  ReducingMapConfig,
  StreamMapFunc,
  TupleBatchResult,
} from "./context/durable-context.ts";
export { type RetryableFunc, type WithRetryConfig, withRetry } from "./context/with-retry.ts";
export type { BatchSize } from "./core/batch-size.ts";
export {
  BatchCompletionError,
  CallbackError,
  CallbackExternalError,
  CallbackSubmitterError,
  CallbackTimeoutError,
  ChildContextError,
  DurableError,
  DurableExecutionClientError,
  type DurableExecutionClientErrorOptions,
  DurableExecutionClientErrorScope,
  DurableOperationError,
  InvokeError,
  isDurableError,
  isDurableExecutionClientError,
  PromiseCombinatorError,
  StepError,
  StepInterruptedError,
  StepTimeoutError,
  WaitForConditionError,
} from "./core/errors.ts";
export {
  createLinearRetryStrategy,
  createRetryStrategy,
  JitterStrategy,
  type LinearRetryStrategyConfig,
  type RetryDecision,
  type RetryStrategyConfig,
  retryPresets,
} from "./core/retry.ts";
export {
  type AnySerdes,
  type AnySerdesDeserializer,
  defaultSerdes,
  type Serdes,
  type SerdesConfig,
  type SerdesContext,
} from "./core/serdes.ts";
export type { CodecName, QuotaReaction, RuntimeOptions } from "./core/settings.ts";
export type { Duration } from "./core/time.ts";
export { refreshLogConfig } from "./core/verbose.ts";
export {
  createWaitStrategy,
  type WaitForConditionDecision,
  type WaitForConditionWaitStrategyFunc,
  type WaitStrategyConfig,
} from "./core/wait-strategy.ts";
export {
  type CallbackDetails,
  type CallbackOptions,
  type ChainedInvokeDetails,
  type ChainedInvokeOptions,
  type CheckpointDurableExecutionRequest,
  type CheckpointDurableExecutionResponse,
  type CheckpointUpdatedExecutionState,
  type ContextDetails,
  type ContextOptions,
  type DurableExecutionInvocationInput,
  type DurableExecutionInvocationOutput,
  type ErrorObject,
  type ExecutionDetails,
  type GetDurableExecutionStateRequest,
  type GetDurableExecutionStateResponse,
  InvocationStatus,
  type Operation,
  OperationAction,
  OperationStatus,
  OperationSubType,
  OperationType,
  type OperationUpdate,
  SDK_VERSION,
  type StepDetails,
  type StepOptions,
  type WaitDetails,
  type WaitOptions,
  type WireOperation,
  type WireStepDetails,
  type WireTimestamp,
  type WireWaitDetails,
} from "./core/wire.ts";
export type { WorkerStatistics } from "./core/worker-pools.ts";
export type {
  DurableContextLogger,
  DurableLogData,
  DurableLogger,
  DurableLoggingContext,
  LoggerConfig,
} from "./execution/logger.ts";
export type { ExecutionUsage, InvocationUsage, Usage } from "./execution/usage.ts";
export {
  type DurableExecutionConfig,
  type DurableExecutionHandler,
  type DurableLambdaHandler,
  withDurableExecution,
} from "./handler.ts";
export type { CreateCallbackConfig, CreateCallbackResult } from "./operations/callback.ts";
export type { ChildConfig } from "./operations/child.ts";
export type { WaitForConditionCheckFunc, WaitForConditionConfig } from "./operations/condition.ts";
export { DurablePromise } from "./operations/durable-promise.ts";
export { NestingType } from "./operations/fan-out/branches.ts";
export type { Collect, ReduceCollect } from "./operations/fan-out/collector.ts";
export {
  BatchItemStatus,
  type CompletionConfig,
  type CompletionDecision,
  type CompletionItemStatus,
  CompletionOutcome,
  type CompletionReason,
  type CompletionStatus,
  type CustomCompletionConfig,
  completeBatch,
  continueBatch,
  type ThresholdCompletionConfig,
} from "./operations/fan-out/completion.ts";
export type { BatchItem, BatchResult, ReducedBatchResult } from "./operations/fan-out/map-result.ts";
export type { ItemStream } from "./operations/fan-out/source.ts";
export type { InvokeConfig } from "./operations/invoke.ts";
export { type StepConfig, StepSemantics } from "./operations/step.ts";
export type { StepContext, StepFunc } from "./operations/step-run.ts";
export type { WaitForCallbackConfig, WaitForCallbackSubmitterFunc } from "./operations/wait-for-callback.ts";
export { PluginLoadError } from "./plugins/loader.ts";
export {
  type AttemptEndInfo,
  AttemptEndInfoOutcome,
  type AttemptInfo,
  DURABLE_INSTRUMENTATION_PLUGIN_API_VERSION,
  type DurableInstrumentationPlugin,
  type DurableInstrumentationPluginProvider,
  type DurableInstrumentationPluginType,
  type InvocationEndInfo,
  type InvocationInfo,
  type OperationChangeInfo,
  type OperationEndInfo,
  type OperationInfo,
  PluginInvocationStatus,
  PluginOperationStatus,
} from "./plugins/plugin.ts";
export { createClassSerdes, createClassSerdesWithDates } from "./serdes/class-serdes.ts";
export {
  createFileSystemSerdes,
  FileSystemPathEncoding,
  type FileSystemSerdesConfig,
  FileSystemSerdesMode,
} from "./serdes/file-system-serdes.ts";
export { buildPreview, FieldMatchMode, type PreviewConfig, type PreviewField, PreviewMode } from "./serdes/preview.ts";
