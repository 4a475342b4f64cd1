import { afterAll } from "vitest";
import { closeWorkers, type WorkerOptions, workers } from "../../src/workers.ts";

type Functions = typeof import("./worker-functions.ts");

/** The module that the tests of worker threads run. */
export const MODULE = new URL("./worker-functions.ts", import.meta.url);

// Test files share nothing, but each ends with its threads gone.
afterAll(() => closeWorkers());

/** Its functions, on two real threads whatever this machine has. */
export function threads(options: WorkerOptions = {}) {
  return workers<Functions>(MODULE, { mode: "threads", threads: 2, ...options });
}

/** What a promise rejects with. */
export async function rejection(promise: PromiseLike<unknown>): Promise<Error & Record<string, unknown>> {
  try {
    await promise;
  } catch (error) {
    return error as Error & Record<string, unknown>;
  }
  throw new Error("It did not reject.");
}
