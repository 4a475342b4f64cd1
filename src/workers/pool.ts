import { fileURLToPath } from "node:url";
import type { Worker } from "node:worker_threads";
import type { Piscina } from "piscina";
import { DurableError, isDurableError, messageOf } from "../core/errors.ts";
import { type WorkerPoolPort, type WorkerStatistics, workerPools } from "../core/worker-pools.ts";
import { POST, type WorkerPost, type WorkerReply } from "./protocol.ts";
import type { PoolSettings } from "./settings.ts";
import { PoolMeter } from "./statistics.ts";
import type { Task } from "./task.ts";
import { threadFile } from "./thread-file.ts";
import { ThreadKill } from "./thread-kill.ts";
import { ThreadRun } from "./thread-run.ts";
import { type TaskGroup, WaitingCalls } from "./waiting-calls.ts";

/** A message at work, and what its calls were handed in with. */
interface Sent {
  readonly run: ThreadRun;
  readonly group: TaskGroup;
}

/**
 * Threads that run calls.
 *
 * P1  No more messages are under way than there are threads: what waits for one has not been copied, but for the few
 *     calls that may travel together (`WaitingCalls`).
 * P2  Threads are started when they are needed, and none outlives the pool's `close` or its idle time.
 * P3  A thread that dies takes nothing along but the call that it ran; see `ThreadRun`.
 * P4  No thread is free while a call waits that was made apart, be it in a message on another thread.
 */
export class WorkerPool implements WorkerPoolPort {
  readonly #settings: PoolSettings;
  readonly #waiting: WaitingCalls;
  readonly #sent = new Map<number, Sent>();
  readonly #meter: PoolMeter;
  readonly #rerouted = new WeakSet<Worker>();
  #opening: Promise<Piscina> | undefined;
  #open: Piscina | undefined;
  #messages = 0;
  /** Threads that have nothing to do, or are not started yet. */
  #free: number;

  constructor(settings: PoolSettings) {
    this.#settings = settings;
    this.#meter = new PoolMeter(settings.threads);
    this.#waiting = new WaitingCalls(this.#meter.left);
    this.#free = settings.threads;
  }

  get threads(): number {
    return this.#settings.threads;
  }

  statistics(): WorkerStatistics {
    let behind = 0;
    for (const { run } of this.#sent.values()) behind += run.behind;
    return this.#meter.read(this.#open?.threads.length ?? 0, behind);
  }

  /** Counts calls that run in place. */
  countInPlace(tasks: readonly Task[]): void {
    for (const task of tasks) task.onSettled = this.#meter.settledInPlace;
  }

  /** Runs the calls when a thread is free; they settle by themselves. */
  submit(group: TaskGroup): void {
    for (const task of group.tasks) task.onSettled = this.#meter.settled;
    this.#meter.waits(group.tasks.length);
    this.#waiting.add(group);
    this.#dispatch();
  }

  // P1
  #dispatch(): void {
    if (this.#free > 0) for (const sent of this.#sent.values()) if (sent.run.isHeldUp) this.#takeBack(sent);
    while (this.#free > 0) {
      const next = this.#waiting.take(this.#settings.threads);
      if (next !== undefined) void this.#send(next.tasks, next.group);
      else if (!this.#takeBackAny()) return;
    }
  }

  /** For a thread that has nothing to do. */ // P4
  #takeBackAny(): boolean {
    for (const sent of this.#sent.values()) if (this.#takeBack(sent)) return true;
    return false;
  }

  #takeBack({ run, group }: Sent): boolean {
    const tasks = run.takeBack();
    this.#putBack(tasks.map((task) => ({ ...group, tasks: [task] })));
    return tasks.length > 0;
  }

  #putBack(groups: readonly TaskGroup[]): void {
    for (const { tasks } of groups) this.#meter.waits(tasks.length);
    this.#waiting.putBack(groups);
  }

  async #send(tasks: readonly Task[], group: TaskGroup): Promise<void> {
    this.#free--;
    const joined = group.joins && tasks.length > 1;
    const kill = new ThreadKill();
    const run = new ThreadRun(++this.#messages, tasks, joined, group.limits, () => kill.abort());
    const { message } = run;
    this.#sent.set(message.id, { run, group });
    const running = joined ? 1 : tasks.length;
    this.#meter.begins(running);
    let answer: { readonly reply: WorkerReply } | { readonly error: unknown };
    try {
      const piscina = this.#open ?? (await this.#started(run));
      const replied = piscina.run(message, {
        transferList: run.moved as never[],
        signal: kill,
      }) as Promise<WorkerReply>;
      this.#reroute(piscina);
      answer = { reply: await replied };
    } catch (error) {
      answer = { error };
    }
    this.#meter.ends("reply" in answer ? answer.reply.runMs : 0);
    const ending = "reply" in answer ? run.answered(answer.reply) : run.broke(answer.error);
    // The thread is free again before those who wait for its results go on.
    this.#free++;
    this.#dispatch();
    const leftover = await ending;
    if (run.lostThread) this.#meter.restarted();
    this.#sent.delete(message.id);
    this.#meter.ended(running);
    if ("reply" in answer) this.#note(group, answer.reply, joined ? run.size : 1);
    if (leftover.tasks.length === 0) return;
    const { tasks: again } = leftover;
    this.#putBack(
      leftover.alone ? again.map((task) => ({ ...group, tasks: [task], joins: false })) : [{ ...group, tasks: again }],
    );
    this.#dispatch();
  }

  /** What a message took counts for each of those that it would have been. */
  #note({ gauge }: TaskGroup, { runMs }: WorkerReply, messages: number): void {
    for (let message = 0; message < messages; message++) gauge.note(runMs / messages);
  }

  // P2
  async #started(run: ThreadRun): Promise<Piscina> {
    try {
      return await this.#opened();
    } catch (error) {
      run.refused(cannotStart(error));
      throw error;
    }
  }

  #opened(): Promise<Piscina> {
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
    const filename = fileURLToPath(threadFile());
    const module = await import("piscina");
    // Of a bundle's copy, which is CommonJS, Node sees the default export only.
    const { Piscina } = "Piscina" in module ? module : (module as { default: typeof module }).default;
    const { threads, idleMs, resourceLimits } = this.#settings;
    const piscina = new Piscina({
      filename,
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
    this.#sent.get(id)?.run.receive(post as WorkerPost);
  }

  /** A thread died that ran nothing: one that could not be started, or that a task of its past caught up with. */
  #threadFailed(piscina: Piscina, error: unknown): void {
    this.#meter.restarted();
    if (piscina.threads.length > 0 || this.#sent.size === 0 || this.#open !== piscina) return;
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
    for (const { tasks } of this.#waiting.drain()) for (const task of tasks) task.fail(error);
    const opening = this.#opening;
    this.#abandon(error);
    const piscina = await opening?.catch(() => undefined);
    await piscina?.destroy();
  }

  #abandon(error: Error): void {
    this.#open = undefined;
    this.#opening = undefined;
    for (const { run } of this.#sent.values()) run.refused(error);
  }
}

function cannotStart(error: unknown): DurableError {
  if (isDurableError(error)) return error;
  const message = `No worker thread can be started: ${messageOf(error)}. If its memory is too small, raise resourceLimits.`;
  return new DurableError("ERR_WORKER_START", message, { cause: error });
}
