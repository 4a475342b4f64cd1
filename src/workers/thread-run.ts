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
  takeBackCalls,
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

/** Calls that have to be sent again; `alone`: each in a message of its own. */
export interface Leftover {
  readonly tasks: readonly Task[];
  readonly alone: boolean;
}

/** A call whose threads die before it begins is given up after so many of them. */
const MAX_CRASHES_BEFORE = 3;
/** With a time-out, a module that takes longer than this to load will not come. */
const LOAD_LIMIT_MS = 60_000;
/** Posts are on their way already when a reply or a death is known; this long they are waited for. */
const POST_WAIT_MS = 5_000;
/** When a call of a joined message runs for longer than this, the next thread that is free takes what stands behind it. */
const HELD_UP_MS = 100;

/**
 * One message at work on a thread.
 *
 * H1  A call fails only by what it did itself. Those that stood behind it, or had ended and not been told of, go again.
 * H2  A call that is not wanted is not begun; one that runs may heed its signal for `graceMs`, then its thread is ended.
 * H3  What the thread has posted is taken in before the message counts as ended.
 * H4  A call that was made apart from those it travels with waits for none of them while a thread is free.
 */
export class ThreadRun {
  readonly message: WorkerMessage;
  readonly moved: readonly Transferable[];
  /** Without those that were taken back. */
  #tasks: readonly Task[];
  readonly #limits: RunLimits;
  readonly #kill: () => void;
  #postsReceived = 0;
  #allReceived: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #killed = false;
  #died = false;
  #over = false;

  constructor(id: number, tasks: readonly Task[], joined: boolean, limits: RunLimits, kill: () => void) {
    const { module, function: name } = (tasks[0] as Task).call;
    const cells = new Int32Array(new SharedArrayBuffer((Cell.UNWANTED + tasks.length) * Int32Array.BYTES_PER_ELEMENT));
    this.message = {
      id,
      module,
      name,
      calls: tasks.map(({ args }) => args),
      attempts: tasks.map(({ attempt }) => attempt),
      joined,
      cells,
    };
    Atomics.store(cells, Cell.SINCE_MS, sharedClockMs());
    Atomics.store(cells, Cell.CLAIMED, 1);
    this.moved = tasks.flatMap(({ moved }) => moved);
    this.#tasks = tasks;
    this.#limits = limits;
    this.#kill = kill;
    for (const [call, task] of tasks.entries()) task.onUnwanted = () => this.#forget(call);
    if (limits.timeoutMs !== undefined) this.#checkIn(limits.timeoutMs);
  }

  /** Whether the thread has died, or was ended. */
  get lostThread(): boolean {
    return this.#killed || this.#died;
  }

  /** Calls that run on the thread, or have. */
  get size(): number {
    return this.#tasks.length;
  }

  /** How many calls wait behind another one that they were not made with. */
  get behind(): number {
    if (!this.message.joined || this.#over) return 0;
    return Math.max(0, this.#tasks.filter((task) => !task.isSettled).length - 1);
  }

  /** Whether they have waited too long. */
  get isHeldUp(): boolean {
    return this.behind > 0 && elapsedMs(Atomics.load(this.message.cells, Cell.SINCE_MS)) > HELD_UP_MS;
  }

  /** Gives those of them that have not begun; now they never will on this thread. */ // H4
  takeBack(): readonly Task[] {
    const begun = this.behind > 0 ? takeBackCalls(this.message.cells) : undefined;
    if (begun === undefined) return [];
    const taken = this.#tasks.slice(begun).filter((task) => !task.isSettled);
    for (const task of taken) task.onUnwanted = undefined;
    this.#tasks = this.#tasks.slice(0, begun);
    return taken;
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
    return this.#leftover(false);
  }

  /** The thread has died, or could not be sent the message. */
  async broke(error: unknown): Promise<Leftover> {
    this.#stopWatching();
    const stage = this.#stage;
    if (stage === Stage.NOT_BEGUN && isSendFailure(error)) return this.#blame(error);
    this.#died = true;
    if (!this.#hasAll) await this.#posts(); // H3
    if (this.#killed) return this.#leftover(false);
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

  #leftover(alone: boolean): Leftover {
    const tasks = this.#tasks.filter((task) => !task.isSettled);
    for (const task of this.#tasks) task.onUnwanted = undefined;
    return { tasks, alone };
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
    const { cells } = this.message;
    Atomics.store(cells, Cell.UNWANTED + call, 1);
    Atomics.notify(cells, Cell.UNWANTED + call);
    this.#checkIn(this.#limits.graceMs);
  }

  #checkIn(ms: number): void {
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
    this.#kill();
  }

  #stopWatching(): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** Whether a message was refused by `postMessage`: then no thread has seen it. */
function isSendFailure(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  return error.name === "DataCloneError" || String(code).includes("_TRANSFER");
}
