export { type Operation, OperationStatus, OperationType, type WireOperation } from "./core/wire.ts";
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
  type ParentOperation,
} from "./journal/journal.ts";
export { MemoryJournal } from "./journal/memory-journal.ts";
export { SqliteJournal, type SqliteJournalOptions } from "./journal/sqlite-journal.ts";
export { systemClock, VirtualClock } from "./local/clock.ts";
export { LocalEngine, type LocalEngineOptions, type StartRequest } from "./local/engine.ts";
export type { ExecutionSummary } from "./local/executions.ts";
export type { LocalFunction } from "./local/function-registry.ts";
export type { LambdaContextLike } from "./local/lambda-context.ts";
export type { ExecutionEvent, LocalExecution, LocalHandler } from "./local/local-execution.ts";
export type { RehearsalRequest } from "./local/rehearsals.ts";
export { type FailedItems, failedItems } from "./redrive/failed-items.ts";
export { planRedrive, type RedriveOptions, type RedrivePlan, type RehearsingEngine } from "./redrive/plan.ts";
export type { CallSite } from "./replay/call-site.ts";
export type { Divergence, ReachedOperation } from "./replay/divergence.ts";
export { type Recording, readRecording } from "./replay/recording.ts";
export { type Rehearsal, rehearse } from "./replay/rehearsal.ts";
export type { ExecutionOutcome } from "./service/execution-outcome.ts";
export type { HistoryEvent, HistoryOptions } from "./service/history.ts";
export type { OpenCallback } from "./service/open-callbacks.ts";
export type { Amendment, RedriveRequest } from "./service/redrive.ts";
export { ServiceError, ServiceRefusal } from "./service/service-error.ts";
export type { LocalSettingsOptions } from "./service/settings.ts";
export type {
  CallbackDetails,
  ChainedInvokeDetails,
  ContextDetails,
  DurableOperation,
  StepDetails,
  WaitResultDetails,
} from "./testing/durable-operation.ts";
export { WaitingOperationStatus } from "./testing/operation-waits.ts";
export type { TestResultError } from "./testing/payloads.ts";
export type { PrintConfig } from "./testing/printed-operations.ts";
export {
  type InvokeRequest,
  LocalDurableTestRunner,
  type LocalDurableTestRunnerParameters,
  type LocalDurableTestRunnerSetupParameters,
} from "./testing/runner.ts";
export type { Invocation, TestResult } from "./testing/test-result.ts";
