export { closeWorkers, type WorkerStatistics, workerStatistics } from "./core/worker-pools.ts";
export { type WorkerTask, workerTask } from "./workers/current-task.ts";
export { WorkerCrashedError, WorkerTimeoutError } from "./workers/errors.ts";
export type {
  WorkerCallOptions,
  WorkerMode,
  WorkerOptions,
  WorkerResourceLimits,
} from "./workers/settings.ts";
export { transfer } from "./workers/transfer.ts";
export { type MapItemContext, type WorkerFunction, type WorkerFunctions, workers } from "./workers/worker-functions.ts";
