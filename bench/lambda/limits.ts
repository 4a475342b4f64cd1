import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Lambda gives one vCPU for so many megabytes, and the same share of it for fewer. */
const MEGABYTES_PER_VCPU = 1_769;
/** Microseconds after which the processor's time is dealt out anew; Lambda's is 20 ms. */
const PERIOD = 20_000;
const MOUNT = "/sys/fs/cgroup";

/** Puts processes under the memory and the share of a processor that Lambda gives, by control groups. */
export class Limits {
  readonly #folders: readonly string[];

  private constructor(folders: readonly string[]) {
    this.#folders = folders;
  }

  /** @throws Error when this machine lets nobody make control groups; its message says which. */
  static of(megabytes: number): Limits {
    const name = `durable-fanout-bench-${process.pid}-${megabytes}`;
    const quota = Math.max(1_000, Math.round((PERIOD * megabytes) / MEGABYTES_PER_VCPU));
    const bytes = megabytes * 1024 ** 2;
    if (existsSync(join(MOUNT, "cgroup.controllers"))) {
      const folder = join(MOUNT, name);
      return Limits.#make([folder], {
        [join(folder, "cpu.max")]: `${quota} ${PERIOD}`,
        [join(folder, "memory.max")]: bytes,
      });
    }
    const cpu = join(MOUNT, "cpu", name);
    const memory = join(MOUNT, "memory", ownMemoryGroup(), name);
    return Limits.#make([cpu, memory], {
      [join(cpu, "cpu.cfs_period_us")]: PERIOD,
      [join(cpu, "cpu.cfs_quota_us")]: quota,
      [join(memory, "memory.limit_in_bytes")]: bytes,
    });
  }

  static #make(folders: readonly string[], values: Readonly<Record<string, number | string>>): Limits {
    for (const folder of folders) mkdirSync(folder);
    for (const [file, value] of Object.entries(values)) writeFileSync(file, String(value));
    return new Limits(folders);
  }

  /** From now on the process, all threads included, has no more than this. */
  add(pid: number): void {
    for (const folder of this.#folders) writeFileSync(join(folder, "cgroup.procs"), String(pid));
  }

  /** Only once no process is in it any more. */
  remove(): void {
    for (const folder of this.#folders) rmdirSync(folder);
  }
}

/** Of version 1: a group below our own is inside whatever bounds us. */
function ownMemoryGroup(): string {
  const line = readFileSync("/proc/self/cgroup", "utf8")
    .split("\n")
    .find((entry) => entry.split(":")[1] === "memory");
  return line?.split(":")[2] ?? "";
}
