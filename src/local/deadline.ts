import type { Clock, Timer } from "../core/time.ts";

/** Lambda gives this name to the error of an invocation whose time is over. */
export const TIMED_OUT = "Sandbox.Timedout";

/**
 * Settles as `running`, but rejects after `timeoutMs` milliseconds of `clock`. The code of `running` continues then.
 */
export async function withDeadline<T>(clock: Clock, timeoutMs: number, running: Promise<T>): Promise<T> {
  let timer: Timer | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = clock.after(timeoutMs, () => {
      const error = new Error(`Task timed out after ${(timeoutMs / 1_000).toFixed(2)} seconds`);
      error.name = TIMED_OUT;
      reject(error);
    });
    // Without `unref`, a function whose promise never settles would keep the process alive until the deadline.
    timer.unref?.();
  });
  try {
    return await Promise.race([running, deadline]);
  } finally {
    timer?.cancel();
  }
}

/** Waits for `work`, at most `graceMs` milliseconds of the system's time. Rejects if `work` rejects before. */
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
