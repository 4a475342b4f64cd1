import type { Clock, Timer } from "../core/time.ts";

/** The name of the error when a function's time is over, as Lambda gives it. */
export const TIMED_OUT = "Sandbox.Timedout";

/**
 * Ends the waiting for a function after `timeoutMs`. The function is not interrupted, but its result no longer counts.
 */
export async function withDeadline<T>(clock: Clock, timeoutMs: number, running: Promise<T>): Promise<T> {
  let timer: Timer | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = clock.after(timeoutMs, () => {
      const error = new Error(`Task timed out after ${(timeoutMs / 1_000).toFixed(2)} seconds`);
      error.name = TIMED_OUT;
      reject(error);
    });
    // A function that waits for what never comes keeps nothing alive, and the deadline alone is not to do so either.
    timer.unref?.();
  });
  try {
    return await Promise.race([running, deadline]);
  } finally {
    timer?.cancel();
  }
}

/** Resolves when `work` is done, or after `graceMs` of the system's time. Errors of `work` pass. */
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
