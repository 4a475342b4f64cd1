import { readFileSync, writeFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";

export interface MeterReading {
  readonly startedAt: number;
  readonly wallMs: number;
  readonly cpuMicros: number;
  readonly peakMegabytes: number | undefined;
  readonly delayMaxMs: number;
  readonly delayP99Ms: number;
}

/** Milliseconds between two looks at the clock: delays are too long by at most that. */
const RESOLUTION_MS = 1;

/**
 * Measures what the whole process does while `work` runs. What earlier work left is collected first, but not where that
 * was a warm-up: compiled code goes with the last object of each kind, and what was warm would be cold again.
 */
export async function meter(work: () => Promise<void>, isWarm = false): Promise<MeterReading> {
  if (!isWarm) globalThis.gc?.();
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  const idleKilobytes = forgetPeak();
  delay.enable();
  // The monitor has to have looked before the work, or a single long turn is never seen.
  await sleep(4 * RESOLUTION_MS);
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  await work();
  const wallMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpuBefore);
  const peakKilobytes = statusKilobytes("VmHWM");
  await sleep(2 * RESOLUTION_MS);
  await turn();
  delay.disable();
  return {
    startedAt,
    wallMs,
    cpuMicros: user + system,
    peakMegabytes:
      idleKilobytes === undefined || peakKilobytes === undefined
        ? undefined
        : Math.max(0, peakKilobytes - idleKilobytes) / 1024,
    delayMaxMs: delay.max / 1e6,
    delayP99Ms: delay.percentile(99) / 1e6,
  };
}

/** Lets the kernel count the peak anew (proc(5), `clear_refs`), and returns the memory of now. Linux only. */
function forgetPeak(): number | undefined {
  try {
    writeFileSync("/proc/self/clear_refs", "5");
  } catch {
    return undefined;
  }
  return statusKilobytes("VmRSS");
}

function statusKilobytes(field: "VmHWM" | "VmRSS"): number | undefined {
  try {
    const found = new RegExp(`${field}:\\s+(\\d+) kB`).exec(readFileSync("/proc/self/status", "utf8"));
    return found === null ? undefined : Number(found[1]);
  } catch {
    return undefined;
  }
}
