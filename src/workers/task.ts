import type { Transferable } from "node:worker_threads";
import { type ActiveOperation, active, type Given } from "../execution/active.ts";
import type { CallName } from "./errors.ts";
import type { LineParam, LogMethod } from "./protocol.ts";
import { decodeThrown, type ErrorClass } from "./thrown.ts";
import { unwrapTransfer } from "./transfer.ts";

interface TaskOptions extends Omit<CallName, "step"> {
  readonly args: readonly unknown[];
  readonly signal: AbortSignal | undefined;
  readonly errors: readonly ErrorClass[];
}

/**
 * One call of a worker function, as the caller sees it.
 *
 * K1  A task settles once. Later outcomes are ignored.
 * K2  A settled task listens to no signal.
 */
export class Task {
  readonly args: readonly unknown[];
  readonly moved: readonly Transferable[];
  readonly call: CallName;
  /** The attempt of the step or condition that makes the call. Otherwise 1. */
  readonly attempt: number;
  readonly result: Promise<unknown>;
  /** Called when `giveUp` settles the task. The call is unwanted from then on, but may still run. */
  onUnwanted: (() => void) | undefined;
  /** How many threads have died before they took a message with this call. */
  crashesBefore = 0;
  readonly #operation: ActiveOperation | undefined;
  readonly #given: Given | undefined;
  readonly #signals: readonly AbortSignal[];
  #controller: AbortController | undefined;
  #givenUp: { readonly reason: unknown } | undefined;
  readonly #errors: readonly ErrorClass[];
  #settledAtMs: number | undefined;
  #onSettled: ((failed: boolean) => void) | undefined;
  #resolve!: (value: unknown) => void;
  #reject!: (error: unknown) => void;

  /** Create a task during the call itself, because the task belongs to the operation that is active then. */
  constructor({ args, signal: own, errors, ...call }: TaskOptions) {
    const unwrapped = args.map(unwrapTransfer);
    this.args = unwrapped.map(({ value }) => value);
    this.moved = unwrapped.flatMap(({ moved }) => moved);
    this.#operation = active.getStore();
    // The operation may later give another logger and signal to another function, so the present ones are kept.
    this.#given = this.#operation?.given;
    const { attempt, operationName } = this.#operation ?? {};
    this.attempt = attempt ?? 1;
    this.call = { ...call, step: attempt === undefined ? undefined : operationName };
    this.#errors = errors;
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // A batch that ended early does not await the result. Then a failure must not be an unhandled rejection.
    this.result.catch(() => {});
    this.#signals = [own, this.#given?.signal].filter((signal) => signal !== undefined);
    const aborted = this.#signals.find((signal) => signal.aborted);
    if (aborted !== undefined) this.giveUp(aborted.reason);
    else for (const signal of this.#signals) signal.addEventListener("abort", this);
  }

  /** Called by the signals of the task, because the task is their listener. */
  handleEvent({ target }: Event): void {
    this.giveUp((target as AbortSignal).reason);
  }

  get isSettled(): boolean {
    return this.#settledAtMs !== undefined;
  }

  /** Calls `listener` before the caller learns that the task has settled; at once if the task has settled already. */
  whenSettled(listener: (failed: boolean) => void): void {
    // The task of a call that was never sent can settle only because a signal was aborted.
    if (this.isSettled) listener(true);
    else this.#onSettled = listener;
  }

  /** Milliseconds since the task settled; 0 if it has not settled. */
  get settledForMs(): number {
    return this.#settledAtMs === undefined ? 0 : performance.now() - this.#settledAtMs;
  }

  /** Aborted by `giveUp`: by a time-out, and with the signal of the operation or of the options. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#givenUp !== undefined) this.#controller.abort(this.#givenUp.reason);
    }
    return this.#controller.signal;
  }

  succeed(value: unknown): void {
    if (this.#settle(false)) this.#resolve(value);
  }

  fail(error: unknown): void {
    if (this.#settle(true)) this.#reject(error);
  }

  /** Like `fail`, with a value that a thread threw. */
  failAs(thrown: Parameters<typeof decodeThrown>[0]): void {
    if (!this.isSettled) this.fail(decodeThrown(thrown, this.#errors));
  }

  /** Like `fail`, for a call that may still run. */
  giveUp(error: unknown): void {
    if (this.isSettled) return;
    this.fail(error);
    this.#givenUp = { reason: error };
    this.#controller?.abort(error);
    this.onUnwanted?.();
  }

  // K1, K2
  #settle(failed: boolean): boolean {
    if (this.#settledAtMs !== undefined) return false;
    this.#settledAtMs = performance.now();
    this.#onSettled?.(failed);
    for (const signal of this.#signals) signal.removeEventListener("abort", this);
    return true;
  }

  write(method: LogMethod, params: readonly LineParam[]): void {
    const decoded = params.map((param) => ("thrown" in param ? decodeThrown(param.thrown, this.#errors) : param.value));
    this.log(method, decoded);
  }

  log(method: LogMethod, params: readonly unknown[]): void {
    const logger = this.#given?.logger ?? console;
    const write = (): void => {
      if (method !== "log") logger[method](...params);
      else if (this.#given === undefined) console.log(...params);
      else if (this.#given.logger.log !== undefined) this.#given.logger.log(...(params as [never]));
      // A custom logger may have no `log`. The first parameter of `log` is the level, and each level is also a method.
      else logger[levelMethod(params[0])](...params.slice(1));
    };
    if (this.#operation === undefined) write();
    else active.run(this.#operation, write);
  }
}

function levelMethod(level: unknown): Exclude<LogMethod, "log"> {
  const method = String(level).toLowerCase();
  return method === "error" || method === "warn" || method === "debug" ? method : "info";
}
