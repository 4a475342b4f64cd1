import { inspect } from "node:util";
import type { GivenLogger } from "../execution/active.ts";
import { copyOf } from "./cloning.ts";
import { loggerTo, type WorkerTask } from "./current-task.ts";
import { Cell, type LineParam, type LogMethod, POST, type WorkerMessage, type WorkerPost } from "./protocol.ts";
import { encodeThrown } from "./thrown.ts";

type Post = (post: WorkerPost, message: WorkerMessage) => void;

export class ThreadTask implements WorkerTask {
  readonly attempt: number;
  #logger: Required<GivenLogger> | undefined;
  readonly #message: WorkerMessage;
  readonly #call: number;
  readonly #post: Post;
  #controller: AbortController | undefined;
  #ended = false;

  constructor(message: WorkerMessage, call: number, post: Post) {
    this.attempt = message.attempts[call] ?? 1;
    this.#message = message;
    this.#call = call;
    this.#post = post;
  }

  get logger(): Required<GivenLogger> {
    this.#logger ??= loggerTo((method, params) => this.#line(method, params));
    return this.#logger;
  }

  get signal(): AbortSignal {
    this.#controller ??= this.#listen();
    return this.#controller.signal;
  }

  /** Called when the call has ended. Ends the wait for an abort. */
  end(): void {
    this.#ended = true;
    if (this.#controller !== undefined) Atomics.notify(this.#message.cells, Cell.UNWANTED + this.#call);
  }

  get #isUnwanted(): boolean {
    return Atomics.load(this.#message.cells, Cell.UNWANTED + this.#call) === 1;
  }

  #listen(): AbortController {
    const controller = new AbortController();
    const { signal } = controller;
    const abort = (): void => {
      if (this.#isUnwanted) controller.abort(new DOMException("The call is not wanted any more.", "AbortError"));
    };
    abort();
    // Code that computes without a pause receives no event. So `aborted` and `throwIfAborted` read the mailbox.
    const isAborted = (): boolean => {
      if (!Reflect.get(AbortSignal.prototype, "aborted", signal)) abort();
      return Reflect.get(AbortSignal.prototype, "aborted", signal) as boolean;
    };
    Object.defineProperty(signal, "aborted", { get: isAborted, configurable: true });
    Object.defineProperty(signal, "throwIfAborted", {
      value: () => {
        if (isAborted()) throw signal.reason;
      },
      configurable: true,
    });
    const { cells } = this.#message;
    const { value } = waitAsync(cells, Cell.UNWANTED + this.#call, 0);
    void Promise.resolve(value).then(() => {
      if (!this.#ended) abort();
    });
    return controller;
  }

  #line(method: LogMethod, params: readonly unknown[]): void {
    const { id } = this.#message;
    this.#post({ [POST]: "line", id, call: this.#call, method, params: params.map(encodeParam) }, this.#message);
  }
}

function encodeParam(param: unknown): LineParam {
  if (param instanceof Error) return { thrown: encodeThrown(param) };
  return copyOf(param) ?? { value: inspect(param) };
}

/** `Atomics.waitAsync` is missing in the types of ES2023. `Atomics.notify` for the index resolves its promise. */
const { waitAsync } = Atomics as unknown as {
  waitAsync(cells: Int32Array<SharedArrayBuffer>, index: number, value: number): { value: Promise<string> | string };
};
