export { type Operation, OperationStatus, OperationType, type WireOperation } from "./core/wire.ts";
export { systemClock, VirtualClock } from "./local/clock.ts";
export { LocalEngine, type LocalEngineOptions, type StartRequest } from "./local/engine.ts";
export type { ExecutionOutcome } from "./local/execution-outcome.ts";
export type { ExecutionSummary } from "./local/executions.ts";
export type { LocalFunction } from "./local/function-registry.ts";
export type { HistoryEvent, HistoryOptions } from "./local/history.ts";
export {
  type ExecutionCounters,
  type ExecutionHeader,
  type ExecutionKey,
  ExecutionStatus,
  type ExternalCompletion,
  type Journal,
  type JournalEntry,
  type JournalExecution,
  type JournalSeed,
  MemoryJournal,
  type ParentOperation,
} from "./local/journal.ts";
export type { LambdaContextLike } from "./local/lambda-context.ts";
export type { ExecutionEvent, LocalExecution, LocalHandler } from "./local/local-execution.ts";
export type { OpenCallback } from "./local/open-callbacks.ts";
export type { Amendment, RedriveRequest } from "./local/redrive.ts";
export { ServiceRefusal } from "./local/refusal.ts";
export type { LocalSettingsOptions } from "./local/settings.ts";
export { SqliteJournal, type SqliteJournalOptions } from "./local/sqlite-journal.ts";
export { type FailedItems, failedItems } from "./redrive/failed-items.ts";
export type {
  CallbackDetails,
  ChainedInvokeDetails,
  ContextDetails,
  DurableOperation,
  StepDetails,
  WaitResultDetails,
} from "./testing/durable-operation.ts";
export type { PrintConfig } from "./testing/operation-table.ts";
export { WaitingOperationStatus } from "./testing/operation-waits.ts";
export type { TestResultError } from "./testing/payloads.ts";
export {
  type InvokeRequest,
  LocalDurableTestRunner,
  type LocalDurableTestRunnerParameters,
  type LocalDurableTestRunnerSetupParameters,
} from "./testing/runner.ts";
export type { Invocation, TestResult } from "./testing/test-result.ts";
