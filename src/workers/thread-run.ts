import type { Transferable } from "node:worker_threads";
import { DurableError } from "../core/errors.ts";
import { copyOf, findUncloneable } from "./cloning.ts";
import { describeCall, textOf, WorkerCrashedError, WorkerTimeoutError } from "./errors.ts";
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

export interface RunLimits {
  readonly timeoutMs: number | undefined;
  /** Milliseconds that an unwanted call may continue before its thread is ended. */
  readonly graceMs: number;
}

/** Calls that must be sent again. Each group becomes one message. */
export type Leftover = readonly (readonly Task[])[];

/** A call fails when this many threads have died before they took a message with the call. */
const MAX_CRASHES_BEFORE = 3;
/** The least limit for loading a module. It applies only if the calls have a time-out or a call is unwanted. */
const LOAD_LIMIT_MS = 60_000;
/** The time between checks whether a thread has taken a message with unwanted calls, if the calls have no time-out. */
const LOOK_AGAIN_MS = 1_000;
/** After a reply, or after the death of a thread, earlier posts may still arrive. This is the longest wait for them. */
const POST_WAIT_MS = 5_000;

/**
 * Follows one message from its submission to its end. A call is unwanted when its task was given up.
 *
 * H1  When a thread dies, only the call that it ran fails. Calls that had not begun, and calls whose outcomes the
 *     thread had not posted, are sent again. There are two exceptions. If the thread dies while it loads the module,
 *     all calls fail. If `MAX_CRASHES_BEFORE` threads have died before they took a message with a call, the call fails.
 * H2  An unwanted call does not begin. If the call runs already and does not end within `graceMs`, its thread is ended.
 * H3  The posts of a thread are processed before the message counts as ended. A post that is later than `POST_WAIT_MS`
 *     is lost.
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

  get lostThread(): boolean {
    return this.#died;
  }

  get waiting(): number {
    return this.#stage === Stage.NOT_BEGUN ? this.#unsettled.length : 0;
  }

  /** After a thread has taken the message, all calls of the message, also those that have ended or not begun. */
  get running(): number {
    return this.#stage === Stage.NOT_BEGUN ? 0 : this.#tasks.length;
  }

  get #unsettled(): Task[] {
    return this.#tasks.filter((task) => !task.isSettled);
  }

  get #stage(): number {
    return Atomics.load(this.message.cells, Cell.CALL);
  }

  receive(post: WorkerPost): void {
    this.#postsReceived++;
    if (post[POST] === "line") this.#tasks[post.call]?.write(post.method, post.params);
    else this.#takeIn(post);
    if (this.#hasAll) this.#allReceived?.();
  }

  async answered(reply: WorkerReply): Promise<Leftover> {
    this.#stopWatching();
    if (!this.#hasAll) await this.#posts();
    const { failure } = reply;
    if (failure !== undefined) for (const task of this.#tasks) task.failAs(failure);
    this.#takeIn(reply);
    return this.#leftover();
  }

  /** The thread has died, or the message could not be sent. */
  async broke(error: unknown): Promise<Leftover> {
    if (this.#over) return [];
    this.#stopWatching();
    const stage = this.#stage;
    if (stage === Stage.NOT_BEGUN && this.#wasRefused(error)) return this.#blame(error);
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
    // After the last of several calls, any of them may have caused the death. Each call that is left is sent alone, so
    // that only the guilty call fails.
    return this.#leftover(stage === Stage.AFTER_CALLS);
  }

  /** No thread can be started, or the pool was closed. */
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

  /** Resolves when every post has arrived, or after `POST_WAIT_MS`. The timer keeps the process alive. */ // H3
  #posts(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, POST_WAIT_MS);
      this.#allReceived = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Whether `postMessage` refused the message. Then no thread has received it. */
  #wasRefused(error: unknown): boolean {
    if (isCloneError(error)) return true;
    // The getter of an argument may throw anything, and so may the thread that took the message. Moved buffers can be
    // cloned no more if the message was sent, so they tell nothing.
    return this.#unsettled.some(({ args, moved }) => moved.length === 0 && copyOf(args) === undefined);
  }

  #blame(error: unknown): Leftover {
    for (const task of this.#tasks) {
      const { args, call, moved } = task;
      const found = findUncloneable(args, "arguments", moved);
      // The search skips moved members. If only they are at fault, it finds the whole list; or nothing, if the same
      // buffer is moved twice.
      const isFound = found !== undefined && found.path !== "arguments";
      if (!isFound && this.#tasks.length > 1) continue;
      const what = isFound ? `${found.path} is ${found.what}` : textOf(error);
      const message = `The call of ${describeCall(call)} cannot be sent to a thread: ${what}. Pass data only.`;
      task.fail(new DurableError("ERR_WORKER_UNCLONEABLE", message, { cause: error }));
    }
    // Each call that is left is sent alone, because its fault may not have been found.
    return this.#leftover(true);
  }

  // H2
  #forget(call: number): void {
    const { calls, cells } = this.message;
    Atomics.store(cells, Cell.UNWANTED + call, 1);
    Atomics.notify(cells, Cell.UNWANTED + call);
    // The message may still wait for a thread. Without its arguments, the call costs no copy and moves no buffer.
    calls[call] = [];
    if (this.moved.length > 0)
      this.moved.splice(0, this.moved.length, ...this.#unsettled.flatMap(({ moved }) => moved));
    this.#checkIn(this.#limits.graceMs);
  }

  #checkIn(ms: number): void {
    // The thread of an ended message may run another message, and must not be ended then.
    if (this.#over) return;
    clearTimeout(this.#timer);
    // If this thread computed for long, the answer of the other thread may have arrived. Messages are read before the
    // callbacks of `setImmediate` are called.
    this.#timer = setTimeout(() => setImmediate(() => this.#check()), ms);
  }

  #check(): void {
    if (this.#over) return;
    const stage = this.#stage;
    const forMs = elapsedMs(Atomics.load(this.message.cells, Cell.SINCE_MS));
    if (stage === Stage.LOADING) this.#checkLoading(forMs);
    else if (stage > 0) this.#checkCall(this.#tasks[stage - 1] as Task, forMs);
    else if (stage === Stage.AFTER_CALLS) this.#checkAfterCalls(forMs);
    else this.#checkIn(this.#limits.timeoutMs ?? LOOK_AGAIN_MS);
  }

  /** The time of loading does not count for the time-out of a call, because only the first call has to load. */
  #checkLoading(forMs: number): void {
    const limitMs = Math.max(LOAD_LIMIT_MS, this.#limits.timeoutMs ?? 0);
    if (forMs < limitMs) {
      // The call may begin before the next check. Its time-out counts from its beginning, so this is early enough.
      this.#checkIn(Math.min(limitMs - forMs, this.#limits.timeoutMs ?? this.#limits.graceMs));
      return;
    }
    for (const task of this.#tasks) task.giveUp(new WorkerTimeoutError(task.call, limitMs));
    this.#end();
  }

  #checkCall(task: Task, forMs: number): void {
    const { timeoutMs, graceMs } = this.#limits;
    if (task.isSettled) {
      // `graceMs` counts from the end of the task, or from the beginning of the call if the call began later. The call
      // may have ended already: then the answer of the thread is on its way.
      const leftMs = graceMs - Math.min(task.settledForMs, forMs);
      if (leftMs > 0) this.#checkIn(leftMs);
      else this.#end();
    } else if (timeoutMs !== undefined) {
      if (forMs < timeoutMs) this.#checkIn(timeoutMs - forMs);
      else task.giveUp(new WorkerTimeoutError(task.call, timeoutMs));
    }
  }

  /** Work that the calls have left behind may keep the thread from its reply. */
  #checkAfterCalls(forMs: number): void {
    const { timeoutMs } = this.#limits;
    if (timeoutMs === undefined) return;
    if (forMs < timeoutMs) return this.#checkIn(timeoutMs - forMs);
    for (const task of this.#unsettled) task.giveUp(new WorkerTimeoutError(task.call, timeoutMs));
    this.#end();
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

function isCloneError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  return error.name === "DataCloneError" || String(code).includes("_TRANSFER");
}
