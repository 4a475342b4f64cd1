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
  type ExecutionStatus,
  type ExternalCompletion,
  type Journal,
  type JournalEntry,
  type JournalExecution,
  MemoryJournal,
  type ParentOperation,
} from "./local/journal.ts";
export type { LambdaContextLike } from "./local/lambda-context.ts";
export type { ExecutionEvent, LocalExecution, LocalHandler } from "./local/local-execution.ts";
export { ServiceRefusal } from "./local/refusal.ts";
export type { LocalSettingsOptions } from "./local/settings.ts";
export { SqliteJournal, type SqliteJournalOptions } from "./local/sqlite-journal.ts";
export { TestOperation, type TestResultError, WaitingOperationStatus } from "./testing/test-operation.ts";
export { type TestInvocation, TestResult } from "./testing/test-result.ts";
export { type DurableFunction, LocalDurableTestRunner, type TestRunnerOptions } from "./testing/test-runner.ts";
