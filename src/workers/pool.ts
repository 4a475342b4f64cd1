import { fileURLToPath } from "node:url";
import type { Worker } from "node:worker_threads";
import type { Piscina } from "piscina";
import { DurableError } from "../core/errors.ts";
import { Semaphore } from "../core/semaphore.ts";
import { type WorkerPoolPort, type WorkerStatistics, workerPools } from "../core/worker-pools.ts";
import { POST, type WorkerPost, type WorkerReply } from "./protocol.ts";
import type { PoolSettings } from "./settings.ts";
import { PoolMeter } from "./statistics.ts";
import type { Task } from "./task.ts";
import { threadFile } from "./thread-file.ts";
import { type RunLimits, ThreadRun } from "./thread-run.ts";

/** Calls of one function that are to travel in one message. */
export interface TaskGroup {
  readonly tasks: readonly Task[];
  readonly limits: RunLimits;
  /** Told how long the calls took, when they have. */
  readonly onRun?: ((runMs: number) => void) | undefined;
}

/**
 * Threads that run calls.
 *
 * P1  No more messages are under way than there are threads: what waits for one has not been copied.
 * P2  Threads are started when they are needed, and none outlives the pool's `close` or its idle time.
 * P3  A thread that dies takes nothing along but the call that it ran; see `ThreadRun`.
 */
export class WorkerPool implements WorkerPoolPort {
  readonly #settings: PoolSettings;
  readonly #semaphore: Semaphore;
  readonly #waiting = new Set<TaskGroup>();
  readonly #runs = new Map<number, ThreadRun>();
  readonly #meter: PoolMeter;
  readonly #rerouted = new WeakSet<Worker>();
  #opening: Promise<Piscina> | undefined;
  #open: Piscina | undefined;
  #messages = 0;

  constructor(settings: PoolSettings) {
    this.#settings = settings;
    this.#semaphore = new Semaphore(settings.threads, () => {});
    this.#meter = new PoolMeter(settings.threads);
  }

  get threads(): number {
    return this.#settings.threads;
  }

  statistics(): WorkerStatistics {
    return this.#meter.read(this.#open?.threads.length ?? 0);
  }

  /** Counts calls that run in place. */
  countInPlace(tasks: readonly Task[]): void {
    for (const task of tasks) task.onSettled = this.#meter.settledInPlace;
  }

  /** Runs the calls when a thread is free; they settle by themselves. */
  submit(group: TaskGroup): void {
    for (const task of group.tasks) task.onSettled = this.#meter.settled;
    this.#waiting.add(group);
    const submitted = this.#meter.submitted(group.tasks.length);
    // P1
    this.#semaphore.acquire((permit) => {
      this.#waiting.delete(group);
      const tasks = group.tasks.filter((task) => !task.isSettled);
      this.#meter.dispatched(group.tasks.length, tasks.length, submitted);
      if (tasks.length === 0) permit.done();
      else void this.#send(tasks, group, () => permit.done());
    });
  }

  async #send(tasks: readonly Task[], group: TaskGroup, free: () => void): Promise<void> {
    const controller = new AbortController();
    const run = new ThreadRun(++this.#messages, tasks, group.limits, () => controller.abort());
    this.#runs.set(run.message.id, run);
    this.#meter.begins();
    let answer: { readonly reply: WorkerReply } | { readonly error: unknown };
    try {
      const piscina = await this.#started().catch((error) => {
        run.refused(cannotStart(error));
        throw error;
      });
      const options = { transferList: [...run.moved] as never[], signal: controller.signal };
      const running = piscina.run(run.message, options) as Promise<WorkerReply>;
      this.#reroute(piscina);
      answer = { reply: await running };
    } catch (error) {
      answer = { error };
    }
    this.#meter.ends("reply" in answer ? answer.reply.runMs : 0);
    // The thread is free again before those who wait for its results go on.
    free();
    const leftover = "reply" in answer ? await run.answered(answer.reply) : await run.broke(answer.error);
    if (run.lostThread) this.#meter.restarted();
    this.#runs.delete(run.message.id);
    this.#meter.ended(tasks.length);
    if ("reply" in answer) group.onRun?.(answer.reply.runMs);
    if (leftover.alone) for (const task of leftover.tasks) this.submit({ ...group, tasks: [task] });
    else if (leftover.tasks.length > 0) this.submit({ ...group, tasks: leftover.tasks });
  }

  // P2
  #started(): Promise<Piscina> {
    if (this.#opening === undefined) {
      const opening = this.#start();
      this.#opening = opening;
      opening.catch(() => {
        if (this.#opening === opening) this.#opening = undefined;
      });
    }
    return this.#opening;
  }

  async #start(): Promise<Piscina> {
    // Of a bundle's copy, which is CommonJS, Node sees the default export only.
    const {
      default: { Piscina },
    } = await import("piscina");
    const { threads, idleMs, resourceLimits } = this.#settings;
    const piscina = new Piscina({
      filename: fileURLToPath(threadFile()),
      name: "runMessage",
      minThreads: 0,
      maxThreads: threads,
      idleTimeout: idleMs,
      concurrentTasksPerWorker: 1,
      // With atomics a thread sleeps between tasks with its event loop: what a function left behind would fail another.
      atomics: "disabled",
      recordTiming: false,
      ...(resourceLimits === undefined ? {} : { resourceLimits }),
    });
    piscina.on("message", (post: unknown) => this.#receive(post));
    piscina.on("error", (error: unknown) => this.#threadFailed(piscina, error));
    this.#open = piscina;
    return piscina;
  }

  #receive(post: unknown): void {
    if (typeof post !== "object" || post === null || !(POST in post)) return;
    const { id } = post as WorkerPost;
    this.#runs.get(id)?.receive(post as WorkerPost);
  }

  /** A thread died that ran nothing: one that could not be started, or that a task of its past caught up with. */
  #threadFailed(piscina: Piscina, error: unknown): void {
    this.#meter.restarted();
    if (piscina.threads.length > 0 || this.#runs.size === 0 || this.#open !== piscina) return;
    this.#abandon(cannotStart(error));
    void piscina.destroy();
  }

  /** Threads of a command line must not write where its result goes. */
  #reroute(piscina: Piscina): void {
    const { standardOutput } = workerPools();
    if (standardOutput === undefined) return;
    for (const worker of piscina.threads) {
      if (this.#rerouted.has(worker)) continue;
      this.#rerouted.add(worker);
      worker.stdout.unpipe(process.stdout);
      worker.stdout.pipe(standardOutput, { end: false });
    }
  }

  async close(): Promise<void> {
    const why = "The pool of worker threads was closed before the call had ended.";
    const error = new DurableError("ERR_WORKER_POOL_CLOSED", why);
    for (const { tasks } of this.#waiting) for (const task of tasks) task.fail(error);
    const opening = this.#opening;
    this.#abandon(error);
    const piscina = await opening?.catch(() => undefined);
    await piscina?.destroy();
  }

  #abandon(error: Error): void {
    this.#open = undefined;
    this.#opening = undefined;
    for (const run of this.#runs.values()) run.refused(error);
  }
}

function cannotStart(error: unknown): DurableError {
  const message =
    `No worker thread can be started: ${error instanceof Error ? error.message : String(error)}. ` +
    "If its memory is too small, raise resourceLimits.";
  return new DurableError("ERR_WORKER_START", message, { cause: error });
}
