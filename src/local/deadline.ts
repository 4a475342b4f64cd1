import type { Clock, Timer } from "../core/time.ts";

/** The name of the error of a function whose time is over. Lambda uses the same name. */
export const TIMED_OUT = "Sandbox.Timedout";

/** Settles as `running` does, but rejects after `timeoutMs`. The code behind `running` is not stopped then. */
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

/** Waits for `work`, at most `graceMs` milliseconds of the system's time. Rejects if `work` rejects in this time. */
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
