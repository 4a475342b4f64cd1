import type { Transferable } from "node:worker_threads";
import { DurableError } from "../core/errors.ts";
import { findUncloneable } from "./cloning.ts";
import { describeCall, WorkerCrashedError, WorkerTimeoutError } from "./errors.ts";
import {
  Cell,
  elapsedMs,
  POST,
  Stage,
  sharedClockMs,
  type WorkerMessage,
  type WorkerPost,
  type WorkerReply,
} from "./protocol.ts";
import type { Task } from "./task.ts";

/** What a message's calls may take. */
export interface RunLimits {
  readonly timeoutMs: number | undefined;
  readonly graceMs: number;
}

/** Calls that have to be sent again, each group in a message of its own. */
export type Leftover = readonly (readonly Task[])[];

/** A call whose threads die before it begins is given up after so many of them. */
const MAX_CRASHES_BEFORE = 3;
/** With a time-out, a module that takes longer than this to load will not come. */
const LOAD_LIMIT_MS = 60_000;
/** Posts are on their way already when a reply or a death is known; this long they are waited for. */
const POST_WAIT_MS = 5_000;

/**
 * One message under way: it waits for a thread, is at work on it, and has ended.
 *
 * H1  A call fails only by what it did itself. Those that stood behind it, or had ended and not been told of, go again.
 * H2  A call that is not wanted is not begun; one that runs may heed its signal for `graceMs`, then its thread is ended.
 * H3  What the thread has posted is taken in before the message counts as ended.
 */
export class ThreadRun {
  readonly message: WorkerMessage;
  readonly moved: Transferable[];
  readonly #tasks: readonly Task[];
  readonly #limits: RunLimits;
  readonly #endThread: (threadId: number) => void;
  #postsReceived = 0;
  #allReceived: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #killed = false;
  #died = false;
  #over = false;

  constructor(id: number, tasks: readonly Task[], limits: RunLimits, endThread: (threadId: number) => void) {
    const { module, function: name } = (tasks[0] as Task).call;
    const cells = new Int32Array(new SharedArrayBuffer((Cell.UNWANTED + tasks.length) * Int32Array.BYTES_PER_ELEMENT));
    const calls = tasks.map(({ args }) => args);
    this.message = { id, module, name, calls, attempts: tasks.map(({ attempt }) => attempt), cells };
    Atomics.store(cells, Cell.SINCE_MS, sharedClockMs());
    this.moved = tasks.flatMap(({ moved }) => moved);
    this.#tasks = tasks;
    this.#limits = limits;
    this.#endThread = endThread;
    for (const [call, task] of tasks.entries()) task.onUnwanted = () => this.#forget(call);
    if (limits.timeoutMs !== undefined) this.#checkIn(limits.timeoutMs);
  }

  /** Whether the thread has died, or was ended. */
  get lostThread(): boolean {
    return this.#died;
  }

  /** How many of its calls wait for a thread, and how many have one. */
  get waiting(): number {
    return this.#stage === Stage.NOT_BEGUN ? this.#unsettled.length : 0;
  }

  get running(): number {
    return this.#stage === Stage.NOT_BEGUN ? 0 : this.#tasks.length;
  }

  get #unsettled(): Task[] {
    return this.#tasks.filter((task) => !task.isSettled);
  }

  get #stage(): number {
    return Atomics.load(this.message.cells, Cell.CALL);
  }

  /** A post of the thread for this message has come. */
  receive(post: WorkerPost): void {
    this.#postsReceived++;
    if (post[POST] === "line") this.#tasks[post.call]?.write(post.method, post.params);
    else this.#takeIn(post);
    if (this.#hasAll) this.#allReceived?.();
  }

  /** The thread has answered. */
  async answered(reply: WorkerReply): Promise<Leftover> {
    this.#stopWatching();
    if (!this.#hasAll) await this.#posts();
    const { failure } = reply;
    if (failure !== undefined) for (const task of this.#tasks) task.failAs(failure);
    this.#takeIn(reply);
    return this.#leftover();
  }

  /** The thread has died, or could not be sent the message. */
  async broke(error: unknown): Promise<Leftover> {
    if (this.#over) return [];
    this.#stopWatching();
    const stage = this.#stage;
    if (stage === Stage.NOT_BEGUN && isSendFailure(error)) return this.#blame(error);
    this.#died = true;
    if (!this.#hasAll) await this.#posts(); // H3
    if (this.#killed) return this.#leftover();
    // H1
    if (stage > 0) this.#crash([this.#tasks[stage - 1] as Task], "while it ran", error);
    else if (stage === Stage.LOADING) this.#crash(this.#tasks, "while it loaded the module for", error);
    else if (stage === Stage.NOT_BEGUN) {
      for (const task of this.#tasks) {
        task.crashesBefore++;
        if (task.crashesBefore >= MAX_CRASHES_BEFORE) this.#crash([task], "before it could run", error);
      }
    }
    return this.#leftover(stage === Stage.BETWEEN_CALLS);
  }

  /** No thread can be had. */
  refused(error: unknown): void {
    this.#stopWatching();
    for (const task of this.#tasks) task.fail(error);
  }

  #crash(tasks: readonly Task[], what: string, cause: unknown): void {
    for (const task of tasks) if (!task.isSettled) task.fail(new WorkerCrashedError(task.call, what, cause));
  }

  #leftover(alone = false): Leftover {
    const left = this.#unsettled;
    return alone ? left.map((task) => [task]) : [left];
  }

  #takeIn({ first, outcomes }: Pick<WorkerReply, "first" | "outcomes">): void {
    for (const [at, outcome] of outcomes.entries()) {
      const task = this.#tasks[first + at];
      if (task === undefined || outcome === null) continue;
      if ("thrown" in outcome) task.failAs(outcome.thrown);
      else task.succeed(outcome.value);
    }
  }

  get #hasAll(): boolean {
    return this.#postsReceived >= Atomics.load(this.message.cells, Cell.POSTS);
  }

  /** Resolves when every post has come. The timer keeps the process alive for them: their port does not. */ // H3
  #posts(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, POST_WAIT_MS);
      this.#allReceived = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Fails the calls whose arguments cannot be sent. */
  #blame(error: unknown): Leftover {
    for (const task of this.#tasks) {
      const { args, call, moved } = task;
      const found = findUncloneable(args, "arguments", new Set<unknown>(moved));
      // What is moved cannot be cloned either; then only the whole list is found.
      const isFound = found !== undefined && found.path !== "arguments";
      if (!isFound && this.#tasks.length > 1) continue;
      const what = isFound ? `${found.path} is ${found.what}` : String(error);
      const message = `The call of ${describeCall(call)} cannot be sent to a thread: ${what}. Pass data only.`;
      task.fail(new DurableError("ERR_WORKER_UNCLONEABLE", message, { cause: error }));
    }
    // If none was found, each is sent alone, and fails alone.
    return this.#leftover(true);
  }

  // H2
  #forget(call: number): void {
    const { calls, cells } = this.message;
    Atomics.store(cells, Cell.UNWANTED + call, 1);
    Atomics.notify(cells, Cell.UNWANTED + call);
    // If the message waits still, nothing of the call is copied or moved.
    calls[call] = [];
    if (this.moved.length > 0)
      this.moved.splice(0, this.moved.length, ...this.#unsettled.flatMap(({ moved }) => moved));
    this.#checkIn(this.#limits.graceMs);
  }

  #checkIn(ms: number): void {
    // Another message may be at work on the thread.
    if (this.#over) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#check(), ms);
  }

  #check(): void {
    const stage = this.#stage;
    const forMs = elapsedMs(Atomics.load(this.message.cells, Cell.SINCE_MS));
    if (stage === Stage.LOADING) this.#checkLoading(forMs);
    else if (stage > 0) this.#checkCall(this.#tasks[stage - 1] as Task, forMs);
    else if (this.#limits.timeoutMs !== undefined) this.#checkIn(this.#limits.timeoutMs);
  }

  /** To load a module is no part of a call: a thread does it once, and a busy machine may take long. */
  #checkLoading(forMs: number): void {
    const limitMs = Math.max(LOAD_LIMIT_MS, this.#limits.timeoutMs ?? 0);
    if (forMs < limitMs) {
      // The call may begin at any time, and its own limit counts from then.
      this.#checkIn(Math.min(limitMs - forMs, this.#limits.timeoutMs ?? this.#limits.graceMs));
      return;
    }
    for (const task of this.#tasks) task.giveUp(new WorkerTimeoutError(task.call, limitMs));
    this.#end();
  }

  #checkCall(task: Task, forMs: number): void {
    const { timeoutMs, graceMs } = this.#limits;
    if (task.isSettled) {
      // It may have ended well, and its thread not have said so yet.
      const leftMs = graceMs - Math.min(task.settledForMs, forMs);
      if (leftMs > 0) this.#checkIn(leftMs);
      else this.#end();
    } else if (timeoutMs !== undefined) {
      if (forMs < timeoutMs) this.#checkIn(timeoutMs - forMs);
      else task.giveUp(new WorkerTimeoutError(task.call, timeoutMs));
    }
  }

  #end(): void {
    this.#killed = true;
    this.#endThread(Atomics.load(this.message.cells, Cell.THREAD));
  }

  #stopWatching(): void {
    this.#over = true;
    clearTimeout(this.#timer);
  }
}

/** Whether a message was refused by `postMessage`: then no thread has seen it. */
function isSendFailure(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  return error.name === "DataCloneError" || String(code).includes("_TRANSFER");
}
