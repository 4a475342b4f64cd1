import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LAMBDA_MEGABYTES_PER_VCPU } from "../../src/core/limits.ts";

/** The period of the processor quota, in microseconds. Lambda uses 20 ms. */
const PERIOD = 20_000;
const MOUNT = "/sys/fs/cgroup";
const isVersion2 = existsSync(join(MOUNT, "cgroup.controllers"));

/** Limits the memory and the processor time of processes with control groups of Linux, version 1 or 2. */
export class Limits {
  readonly #folders: readonly string[];

  /** @throws Error if a control group cannot be made or set */
  private constructor(
    name: string,
    values: Readonly<Record<"cpu" | "memory", Readonly<Record<string, number | string>>>>,
  ) {
    const own = `durable-fanout-bench-${process.pid}-${name}`;
    const files = Object.entries(values).flatMap(([controller, settings]) => {
      const folder = isVersion2 ? join(MOUNT, own) : join(MOUNT, controller, ownGroup(controller), own);
      return Object.entries(settings).map(([file, value]) => ({ folder, file: join(folder, file), value }));
    });
    this.#folders = [...new Set(files.map(({ folder }) => folder))];
    for (const folder of this.#folders) mkdirSync(folder);
    for (const { file, value } of files) writeFileSync(file, String(value));
  }

  static of(megabytes: number): Limits {
    const quota = Math.max(1_000, Math.round((PERIOD * megabytes) / LAMBDA_MEGABYTES_PER_VCPU));
    const bytes = megabytes * 1024 ** 2;
    return new Limits(
      String(megabytes),
      isVersion2
        ? { cpu: { "cpu.max": `${quota} ${PERIOD}`, "cpu.weight": 10_000 }, memory: { "memory.max": bytes } }
        : {
            cpu: { "cpu.cfs_period_us": PERIOD, "cpu.cfs_quota_us": quota, "cpu.shares": 200_000 },
            memory: { "memory.limit_in_bytes": bytes },
          },
    );
  }

  /**
   * Limits nothing. While the processors are busy, the processes of the group get much more processor time than others.
   */
  static precedence(): Limits {
    const cpu: Record<string, number> = isVersion2 ? { "cpu.weight": 10_000 } : { "cpu.shares": 200_000 };
    return new Limits("first", { cpu, memory: {} });
  }

  /** Puts a process with all its threads and all its later child processes under these limits. */
  add(pid: number): void {
    for (const folder of this.#folders) writeFileSync(join(folder, "cgroup.procs"), String(pid));
  }

  /**
   * Takes this process out of the groups and removes them. A group with another running process still exists after two
   * seconds of attempts, without an error.
   */
  remove(): void {
    for (const folder of this.#folders) {
      if (readFileSync(join(folder, "cgroup.procs"), "utf8").split("\n").includes(String(process.pid))) {
        writeFileSync(join(folder, "../cgroup.procs"), String(process.pid));
      }
      removeGroup(folder);
    }
  }
}

/** The removal is repeated, because the kernel removes an ended process only after a moment. */
function removeGroup(folder: string): void {
  for (let attempt = 0; attempt < 40; attempt++) {
    try {
      rmdirSync(folder);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EBUSY") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    }
  }
}

/** The group of this process, for version 1. New groups are made inside it, so that its limits apply to them too. */
function ownGroup(controller: string): string {
  const lines = readFileSync("/proc/self/cgroup", "utf8").split("\n");
  const line = lines.find((entry) => entry.split(":")[1]?.split(",").includes(controller));
  return line?.split(":")[2] ?? "";
}
