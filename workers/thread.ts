/**
 * Each thread of a pool runs this file. It loads each module of the user once, and runs the exports that messages name.
 */
import { setImmediate as nextTick } from "node:timers/promises";
import { parentPort, threadId } from "node:worker_threads";
import { DurableError } from "../src/core/errors.ts";
import { copyPlain, whyUncloneable } from "../src/workers/cloning.ts";
import { holdTasks, markWorkerThread } from "../src/workers/current-task.ts";
import { describeCall } from "../src/workers/errors.ts";
import { findExport, type ModuleExport } from "../src/workers/module-export.ts";
import {
  type CallOutcome,
  Cell,
  elapsedMs,
  POST,
  Stage,
  sharedClockMs,
  type WorkerMessage,
  type WorkerPost,
  type WorkerReply,
} from "../src/workers/protocol.ts";
import { ThreadTask } from "../src/workers/thread-task.ts";
import { encodeThrown } from "../src/workers/thrown.ts";
import { unwrapTransfer } from "../src/workers/transfer.ts";

/**
 * After a call, the thread posts the collected outcomes if this many milliseconds have passed since the last such post.
 * This limits the repeated work when a thread dies, because ended calls without a posted outcome run again.
 */
const POST_EVERY_MS = 10;

let current: ThreadTask | undefined;
markWorkerThread();
holdTasks(() => current);

/** Does nothing. The pool sends a message for this function to make Piscina start a thread. */
export function runNothing(): void {}

/** Runs the calls of a message, one after the other. The promise never rejects. */
export async function runMessage(message: WorkerMessage): Promise<WorkerReply> {
  const { cells, module, name } = message;
  const waitMs = elapsedMs(Atomics.load(cells, Cell.SINCE_MS));
  Atomics.store(cells, Cell.THREAD, threadId);
  enter(cells, Stage.LOADING);
  let found: ModuleExport;
  try {
    found = await findExport(module, name);
  } catch (error) {
    return { first: 0, outcomes: [], failure: encodeThrown(error), waitMs, runMs: 0 };
  }
  return { ...(await new MessageRun(message, found).run()), waitMs };
}

class MessageRun {
  readonly #message: WorkerMessage;
  readonly #found: ModuleExport;
  /** The outcomes that have not been posted. */
  #outcomes: CallOutcome[] = [];
  /** The index of the call to which the first element of `#outcomes` belongs. */
  #first = 0;

  constructor(message: WorkerMessage, found: ModuleExport) {
    this.#message = message;
    this.#found = found;
  }

  async run(): Promise<Omit<WorkerReply, "waitMs">> {
    const { calls, cells } = this.#message;
    const last = calls.length - 1;
    let postedMs = performance.now();
    let runMs = 0;
    for (const [call, args] of calls.entries()) {
      if (Atomics.load(cells, Cell.UNWANTED + call) === 1) {
        this.#outcomes.push(null);
        continue;
      }
      enter(cells, call + 1);
      const beganMs = performance.now();
      await this.#runCall(call, args);
      const endedMs = performance.now();
      runMs += endedMs - beganMs;
      if (call < last && endedMs - postedMs > POST_EVERY_MS) {
        this.#post();
        postedMs = endedMs;
      }
    }
    // An unhandled rejection ends the thread in the next tick. With several calls, any of them may have caused it.
    if (last > 0) enter(cells, Stage.AFTER_CALLS);
    await nextTick();
    return { first: this.#first, outcomes: this.#outcomes, runMs };
  }

  async #runCall(call: number, args: readonly unknown[]): Promise<void> {
    current = new ThreadTask(this.#message, call, post);
    try {
      let result = Reflect.apply(this.#found.function, this.#found.owner, args) as unknown;
      if (isThenable(result)) {
        result = await result;
        // Work that the call did not await may fail now. Without this pause, the failure would fail the next call.
        if (call < this.#message.calls.length - 1) await nextTick();
      }
      this.#succeeded(call, result);
    } catch (thrown) {
      this.#outcomes.push({ thrown: encodeThrown(thrown) });
    }
    current.end();
    current = undefined;
  }

  /**
   * A copy of a plain result that moves nothing waits for a later post or the reply. The function may change the result
   * itself in a later call. Any other result is posted at once, because only sending shows whether it can be cloned.
   */
  #succeeded(call: number, result: unknown): void {
    const { value, moved } = unwrapTransfer(result);
    const copy = moved.length === 0 ? copyPlain(value) : undefined;
    this.#outcomes.push(copy ?? { value });
    if (copy !== undefined) return;
    try {
      this.#post(moved as never[]);
    } catch (error) {
      const { module, name } = this.#message;
      const where = describeCall({ module, function: name, item: undefined });
      const what = whyUncloneable(value, "result", moved, error);
      const message = `The result of ${where} cannot be sent to the main thread: ${what}. Return data only.`;
      const refused = new DurableError("ERR_WORKER_UNCLONEABLE", message, { cause: error });
      this.#outcomes[call - this.#first] = { thrown: encodeThrown(refused) };
    }
  }

  #post(moved: never[] = []): void {
    post(
      { [POST]: "outcomes", id: this.#message.id, first: this.#first, outcomes: this.#outcomes },
      this.#message,
      moved,
    );
    this.#first += this.#outcomes.length;
    this.#outcomes = [];
  }
}

function post(sent: WorkerPost, { cells }: WorkerMessage, moved: never[] = []): void {
  parentPort?.postMessage(sent, moved);
  Atomics.add(cells, Cell.POSTS, 1);
}

function enter(cells: WorkerMessage["cells"], stage: number): void {
  Atomics.store(cells, Cell.SINCE_MS, sharedClockMs());
  Atomics.store(cells, Cell.CALL, stage);
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
