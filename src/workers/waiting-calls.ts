import { isPlain } from "./cloning.ts";
import type { Gauge } from "./gauge.ts";
import type { Task } from "./task.ts";
import type { RunLimits } from "./thread-run.ts";

/** Calls of one function that are handed to the pool together. */
export interface TaskGroup {
  readonly tasks: readonly Task[];
  readonly limits: RunLimits;
  /** Told how long messages with them took, when they have. */
  readonly gauge: Gauge;
  /** Whether the call was made by itself, and may travel with others of the same gauge and the same limits. */
  readonly joins: boolean;
}

/** What a thread is to be sent. */
interface Taken {
  readonly group: TaskGroup;
  /** Those that are still wanted. */
  readonly tasks: readonly Task[];
}

interface Waiting {
  readonly group: TaskGroup;
  readonly sinceMs: number;
}

/** Calls that were made apart travel together as long as they take no longer than this in all. */
const JOINED_MS = 50;
/** More of them save nothing that would be noticed, and their arguments are copies. */
const MAX_JOINED = 32;

/**
 * Calls wait here until a thread is free, in the order in which they were made.
 *
 * W1  Calls made apart travel together only if they are known to be short, their arguments are small data, nothing is
 *     moved, and no thread would have to do without: a message holds no more than its thread's share of what waits.
 */
export class WaitingCalls {
  readonly #onLeft: (calls: number, waitedMs: number) => void;
  #queue: Waiting[] = [];
  #cursor = 0;
  /** Before all others; the last one is the first. */
  readonly #returned: Waiting[] = [];

  /** `onLeft` is told of each group that waits no more. */
  constructor(onLeft: (calls: number, waitedMs: number) => void) {
    this.#onLeft = onLeft;
  }

  add(group: TaskGroup): void {
    this.#queue.push({ group, sinceMs: performance.now() });
  }

  /** Puts groups before all others, the first one first. */
  putBack(groups: readonly TaskGroup[]): void {
    const sinceMs = performance.now();
    for (const group of groups.toReversed()) this.#returned.push({ group, sinceMs });
  }

  /** The next message for one of so many threads; undefined when nothing waits. */
  take(threads: number): Taken | undefined {
    for (let group = this.#shift(); group !== undefined; group = this.#shift()) {
      const tasks = group.tasks.filter(isWanted);
      const [first] = tasks;
      if (first === undefined) continue;
      if (group.joins && isLight(first)) this.#join(group, tasks, threads);
      return { group, tasks };
    }
    return undefined;
  }

  // W1
  #join(group: TaskGroup, tasks: Task[], threads: number): void {
    const { averageMs } = group.gauge;
    if (averageMs === undefined) return;
    const share = Math.ceil((1 + this.#count) / threads);
    const most = Math.min(MAX_JOINED, share, Math.floor(JOINED_MS / averageMs));
    while (tasks.length < most) {
      const next = this.#next?.group;
      if (next === undefined || !next.joins || next.gauge !== group.gauge || next.limits !== group.limits) return;
      const wanted = next.tasks.filter(isWanted);
      if (!wanted.every(isLight)) return;
      this.#shift();
      tasks.push(...wanted);
    }
  }

  /** Takes all. */
  *drain(): Generator<TaskGroup> {
    for (let group = this.#shift(); group !== undefined; group = this.#shift()) yield group;
  }

  get #count(): number {
    return this.#returned.length + this.#queue.length - this.#cursor;
  }

  get #next(): Waiting | undefined {
    return this.#returned.at(-1) ?? this.#queue[this.#cursor];
  }

  #shift(): TaskGroup | undefined {
    const next = this.#next;
    if (next === undefined) return undefined;
    if (this.#returned.pop() === undefined && ++this.#cursor * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#cursor);
      this.#cursor = 0;
    }
    this.#onLeft(next.group.tasks.length, performance.now() - next.sinceMs);
    return next.group;
  }
}

function isWanted(task: Task): boolean {
  return !task.isSettled;
}

function isLight({ args, moved }: Task): boolean {
  return moved.length === 0 && isPlain(args);
}
