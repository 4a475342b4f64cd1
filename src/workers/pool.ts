import { fileURLToPath } from "node:url";
import type { Worker } from "node:worker_threads";
import type { Piscina } from "piscina";
import { DurableError, isDurableError, messageOf } from "../core/errors.ts";
import { type WorkerPoolPort, type WorkerStatistics, workerPools } from "../core/worker-pools.ts";
import type { Gauge } from "./gauge.ts";
import { POST, type WorkerPost, type WorkerReply } from "./protocol.ts";
import type { PoolSettings } from "./settings.ts";
import { PoolMeter } from "./statistics.ts";
import type { Task } from "./task.ts";
import { threadFile } from "./thread-file.ts";
import { type Leftover, type RunLimits, ThreadRun } from "./thread-run.ts";

/** The calls of one message: a single call, or calls of one function from a batch. */
export interface TaskGroup {
  readonly tasks: readonly Task[];
  readonly limits: RunLimits;
  readonly gauge: Gauge;
}

/**
 * Threads that run calls.
 *
 * P1  Messages wait in Piscina's queue in the order of their submission. A message is copied when a thread takes it.
 * P2  A thread is started when a message needs it. It ends after its idle time, when the pool closes, or by H2.
 * P3  If a thread dies, the pool continues with other threads. H1 says which calls fail and which are sent again.
 */
export class WorkerPool implements WorkerPoolPort {
  readonly #settings: PoolSettings;
  readonly #runs = new Map<number, ThreadRun>();
  readonly #meter = new PoolMeter();
  readonly #rerouted = new WeakSet<Worker>();
  #opening: Promise<Piscina> | undefined;
  #open: Piscina | undefined;
  #messages = 0;

  constructor(settings: PoolSettings) {
    this.#settings = settings;
  }

  statistics(): WorkerStatistics {
    let [running, waiting] = [0, 0];
    for (const run of this.#runs.values()) {
      running += run.running;
      waiting += run.waiting;
    }
    const { threads: maxThreads } = this.#settings;
    return this.#meter.read({ threads: this.#open?.threads.length ?? 0, maxThreads, running, waiting });
  }

  /** In place means in the calling thread. */
  countInPlace(tasks: readonly Task[]): void {
    for (const task of tasks) task.whenSettled(this.#meter.settledInPlace);
  }

  submit(group: TaskGroup): void {
    for (const task of group.tasks) task.whenSettled(this.#meter.settled);
    void this.#send(group);
  }

  async #send(group: TaskGroup): Promise<void> {
    const tasks = group.tasks.filter((task) => !task.isSettled);
    if (tasks.length === 0) return;
    const run = new ThreadRun(++this.#messages, tasks, group.limits, (threadId) => this.#end(threadId));
    this.#runs.set(run.message.id, run);
    this.#meter.begins();
    let leftover: Promise<Leftover>;
    try {
      const reply = await this.#replyTo(run);
      this.#meter.ends(reply.waitMs, reply.runMs);
      // The run time is 0 if no call ran. Then there is no measurement.
      if (reply.runMs > 0) group.gauge.note(reply.runMs);
      leftover = run.answered(reply);
    } catch (error) {
      this.#meter.ends();
      leftover = run.broke(error);
      if (run.lostThread) this.#replaceThread();
    }
    for (const again of await leftover) void this.#send({ ...group, tasks: again });
    this.#runs.delete(run.message.id);
  }

  async #replyTo(run: ThreadRun): Promise<WorkerReply> {
    const piscina = this.#open ?? (await this.#opened(run));
    const reply = piscina.run(run.message, { transferList: run.moved as never[] });
    this.#reroute(piscina);
    try {
      return (await reply) as WorkerReply;
    } finally {
      this.#reroute(piscina);
    }
  }

  // P2
  async #opened(run: ThreadRun): Promise<Piscina> {
    this.#opening ??= this.#start();
    const opening = this.#opening;
    try {
      return await opening;
    } catch (error) {
      if (this.#opening === opening) this.#opening = undefined;
      run.refused(cannotStart(error));
      throw error;
    }
  }

  async #start(): Promise<Piscina> {
    const filename = fileURLToPath(threadFile());
    const module = await import("piscina");
    // In a bundle, the copy of Piscina is CommonJS, and Node sees only its default export.
    const { Piscina } = "Piscina" in module ? module : (module as { default: typeof module }).default;
    const { threads, idleMs, resourceLimits } = this.#settings;
    const piscina = new Piscina({
      filename,
      name: "runMessage",
      minThreads: 0,
      maxThreads: threads,
      idleTimeout: idleMs,
      concurrentTasksPerWorker: 1,
      // Without this option, a message that waits for a thread is put behind messages that were made later.
      stricterFIFO: true,
      // With atomics, the event loop of a thread stops between messages. Then an error in code that a call did not
      // await is thrown only during a later message, and fails the wrong call.
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

  /**
   * Ends a thread. Piscina terminates and forgets a thread on the thread's `exit` event. Native code can delay the real
   * event, so the event is emitted here. A message with an abort signal would be simpler, but Piscina does not keep
   * such messages in order.
   */
  #end(threadId: number): void {
    this.#open?.threads.find((thread) => thread.threadId === threadId)?.emit("exit", 1);
  }

  /**
   * Starts a thread for waiting messages after a thread has died. Piscina starts a thread only for a new message, so a
   * message that does nothing is submitted.
   */
  #replaceThread(): void {
    this.#meter.restarted();
    const piscina = this.#open;
    if (piscina === undefined || piscina.queueSize === 0) return;
    piscina.run(undefined, { name: "runNothing" }).catch(() => {
      if (piscina === this.#open) this.#replaceThread();
    });
    this.#reroute(piscina);
  }

  /**
   * A thread died while it ran no message: it could not be started, or code failed that an earlier call did not await.
   * If no thread is left, all calls fail, because Piscina starts no thread for messages that wait.
   */
  #threadFailed(piscina: Piscina, error: unknown): void {
    this.#meter.restarted();
    if (piscina.threads.length > 0 || this.#runs.size === 0 || this.#open !== piscina) return;
    this.#abandon(cannotStart(error));
    void piscina.destroy();
  }

  /** The command line moves the output of threads away from standard output, which has only the result. */
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
    const opening = this.#opening;
    const why = "The pool of worker threads was closed before the call had ended.";
    this.#abandon(new DurableError("ERR_WORKER_POOL_CLOSED", why));
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
  if (isDurableError(error)) return error;
  const message = `No worker thread can be started: ${messageOf(error)}. If its memory is too small, raise resourceLimits.`;
  return new DurableError("ERR_WORKER_START", message, { cause: error });
}

const pools = new Map<string, WorkerPool>();

/** All calls with equal pool settings share one pool. A pool starts no thread before a call needs it. */
export function poolFor(settings: PoolSettings): WorkerPool {
  const { threads, idleMs, resourceLimits = {} } = settings;
  const key = JSON.stringify([threads, String(idleMs), Object.entries(resourceLimits).sort()]);
  let pool = pools.get(key);
  if (pool === undefined) {
    pool = new WorkerPool(settings);
    pools.set(key, pool);
    workerPools().pools.add(pool);
  }
  return pool;
}
