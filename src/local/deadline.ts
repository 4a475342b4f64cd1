import type { Clock, Timer } from "../core/time.ts";

/** The name of the error of a function whose time is over. Lambda uses the same name. */
export const TIMED_OUT = "Sandbox.Timedout";

/** Rejects after `timeoutMs` if `running` has not settled. The function continues to run, but its result is ignored. */
export async function withDeadline<T>(clock: Clock, timeoutMs: number, running: Promise<T>): Promise<T> {
  let timer: Timer | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = clock.after(timeoutMs, () => {
      const error = new Error(`Task timed out after ${(timeoutMs / 1_000).toFixed(2)} seconds`);
      error.name = TIMED_OUT;
      reject(error);
    });
    // This timer does not keep the process alive. Otherwise a function that waits for something that never comes would
    // keep the process alive until its deadline.
    timer.unref?.();
  });
  try {
    return await Promise.race([running, deadline]);
  } finally {
    timer?.cancel();
  }
}

/**
 * Resolves when `work` has settled. Resolves after `graceMs` milliseconds in any case, counted by the system's time.
 * Rejects if `work` rejects.
 */
export async function withPatience(graceMs: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, graceMs);
  });
  try {
    await Promise.race([work, patience]);
  } finally {
    clearTimeout(timer);
  }
}
