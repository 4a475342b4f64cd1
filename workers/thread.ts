/** What each thread of a pool runs: it loads a user's module once, and runs the exports that it is told to. */
import { setImmediate as turn } from "node:timers/promises";
import { parentPort } from "node:worker_threads";
import { DurableError } from "../src/core/errors.ts";
import { findUncloneable, isPlain } from "../src/workers/cloning.ts";
import { holdTasks, markWorkerThread } from "../src/workers/current-task.ts";
import { describeCall } from "../src/workers/errors.ts";
import { findExport, type ModuleExport } from "../src/workers/module-export.ts";
import {
  type CallOutcome,
  Cell,
  claimCall,
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

/** Work whose outcomes are held back while further calls run: what is done again when one of these takes the thread along. */
const POST_EVERY_MS = 10;

let current: ThreadTask | undefined;
markWorkerThread();
holdTasks(() => current);

/** Runs the calls of a message, one after the other. Never rejects. */
export async function runMessage(message: WorkerMessage): Promise<WorkerReply> {
  const { cells } = message;
  enter(cells, Stage.LOADING);
  let found: ModuleExport;
  try {
    found = await findExport(message.module, message.name);
  } catch (error) {
    enter(cells, Stage.NOT_BEGUN);
    return { first: 0, outcomes: [], failure: encodeThrown(error), runMs: 0 };
  }
  return new MessageRun(message, found).run();
}

class MessageRun {
  readonly #message: WorkerMessage;
  readonly #found: ModuleExport;
  /** Outcomes that have not been posted, and the call that the first one is of. */
  #outcomes: CallOutcome[] = [];
  #first = 0;
  #runMs = 0;

  constructor(message: WorkerMessage, found: ModuleExport) {
    this.#message = message;
    this.#found = found;
  }

  async run(): Promise<WorkerReply> {
    const { calls, cells, joined } = this.#message;
    const last = calls.length - 1;
    let postedMs = performance.now();
    for (const [call, args] of calls.entries()) {
      if (joined && !claimCall(cells, call)) break;
      if (Atomics.load(cells, Cell.UNWANTED + call) === 1) {
        this.#outcomes.push(null);
        continue;
      }
      enter(cells, call + 1);
      const beganMs = performance.now();
      await this.#runCall(call, args);
      const endedMs = performance.now();
      this.#runMs += endedMs - beganMs;
      if (joined) await this.#tell(call);
      else if (call < last && endedMs - postedMs > POST_EVERY_MS) {
        this.#post();
        postedMs = endedMs;
      }
    }
    // A rejection that nobody waits for ends the thread in the next turn. It belongs to the only call, if there is one.
    if (!joined) {
      if (last > 0) enter(cells, Stage.BETWEEN_CALLS);
      await turn();
    }
    return { first: this.#first, outcomes: this.#outcomes, runMs: this.#runMs };
  }

  /** A joined call has ended as if it were alone: after a turn for what it has left behind, and at once. */
  async #tell(call: number): Promise<void> {
    await turn();
    if (call < this.#message.calls.length - 1 && this.#outcomes.length > 0) this.#post();
  }

  async #runCall(call: number, args: readonly unknown[]): Promise<void> {
    current = new ThreadTask(this.#message, call, post);
    try {
      let result = Reflect.apply(this.#found.function, this.#found.owner, args) as unknown;
      if (isThenable(result)) {
        result = await result;
        // What it has left behind without waiting for it fails now, and not under the name of the next call.
        if (!this.#message.joined && call < this.#message.calls.length - 1) await turn();
      }
      this.#succeeded(call, result);
    } catch (thrown) {
      this.#outcomes.push({ thrown: encodeThrown(thrown) });
    }
    current.end();
    current = undefined;
  }

  /** Small data waits for the reply. For the rest the clone itself must say whether it can be sent. */
  #succeeded(call: number, result: unknown): void {
    const { value, moved } = unwrapTransfer(result);
    const waits = moved.length === 0 && isPlain(value);
    this.#outcomes.push({ value });
    if (waits) return;
    try {
      this.#post(moved as never[]);
    } catch (error) {
      const { module, name } = this.#message;
      const found = findUncloneable(value, "result", new Set<unknown>(moved));
      const what = found === undefined ? String(error) : `${found.path} is ${found.what}`;
      const where = describeCall({ module, function: name, item: undefined });
      this.#outcomes[call - this.#first] = {
        thrown: encodeThrown(
          new DurableError(
            "ERR_WORKER_UNCLONEABLE",
            `What came of ${where} cannot be sent to the main thread: ${what}. Return data only.`,
            { cause: error },
          ),
        ),
      };
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
