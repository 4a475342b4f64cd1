import type { Transferable } from "node:worker_threads";
import { type ActiveOperation, active, type Given } from "../execution/active.ts";
import type { CallName } from "./errors.ts";
import type { LineParam, LogMethod } from "./protocol.ts";
import { decodeThrown, type ErrorClass } from "./thrown.ts";
import { unwrapTransfer } from "./transfer.ts";

interface TaskOptions {
  /** Which export of which module. */
  readonly module: string;
  readonly name: string;
  readonly args: readonly unknown[];
  /** The index of the map's item. */
  readonly item?: number | undefined;
  readonly signals: readonly (AbortSignal | undefined)[];
  readonly errors: readonly ErrorClass[];
}

/**
 * One call of a function that runs elsewhere.
 *
 * K1  It settles once; what comes afterwards is dropped.
 * K2  Once it has settled it listens to no signal.
 */
export class Task {
  readonly args: readonly unknown[];
  readonly moved: readonly Transferable[];
  readonly call: CallName;
  /** Which attempt of its step it is made in; 1 outside of steps. */
  readonly attempt: number;
  readonly result: Promise<unknown>;
  /** Called when it has settled before its thread had said so: nobody waits for it any more. */
  onUnwanted: (() => void) | undefined;
  /** Called when it settles, before its caller knows. */
  onSettled: ((failed: boolean) => void) | undefined;
  /** How often its thread died before it had begun. */
  crashesBefore = 0;
  readonly #operation: ActiveOperation | undefined;
  readonly #given: Given | undefined;
  readonly #signals: readonly AbortSignal[];
  #signal: AbortSignal | undefined;
  readonly #errors: readonly ErrorClass[];
  #settledAtMs: number | undefined;
  #resolve!: (value: unknown) => void;
  #reject!: (error: unknown) => void;

  /** To be made where the call is made: it belongs to the operation that is active there. */
  constructor({ module, name, args, item, signals, errors }: TaskOptions) {
    const unwrapped = args.map(unwrapTransfer);
    this.args = unwrapped.map(({ value }) => value);
    this.moved = unwrapped.flatMap(({ moved }) => moved);
    this.#operation = active.getStore();
    // Kept, since another function may be given something under the same operation later on.
    this.#given = this.#operation?.given;
    const { attempt, operationName } = this.#operation ?? {};
    this.attempt = attempt ?? 1;
    this.call = { module, function: name, item, step: attempt === undefined ? undefined : operationName };
    this.#errors = errors;
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // The caller may have left when it fails, as a batch does that has ended early.
    this.result.catch(() => {});
    this.#signals = [...signals, this.#given?.signal].filter((signal) => signal !== undefined);
    for (const signal of this.#signals) {
      if (signal.aborted) this.#abort(signal);
      else signal.addEventListener("abort", this);
    }
  }

  /** Listens to its signals. */
  handleEvent({ target }: Event): void {
    this.#abort(target as AbortSignal);
  }

  #abort(signal: AbortSignal): void {
    this.giveUp(signal.reason);
  }

  get isSettled(): boolean {
    return this.#settledAtMs !== undefined;
  }

  /** Milliseconds since it has settled. */
  get settledForMs(): number {
    return this.#settledAtMs === undefined ? 0 : performance.now() - this.#settledAtMs;
  }

  /** The signal of the step around it, or a signal of the caller's. */
  get signal(): AbortSignal | undefined {
    if (this.#signals.length > 0) this.#signal ??= AbortSignal.any([...this.#signals]);
    return this.#signal;
  }

  succeed(value: unknown): void {
    if (this.#settle(false)) this.#resolve(value);
  }

  fail(error: unknown): void {
    if (this.#settle(true)) this.#reject(error);
  }

  /** As `fail`, for something that a thread threw. */
  failAs(thrown: Parameters<typeof decodeThrown>[0]): void {
    if (!this.isSettled) this.fail(decodeThrown(thrown, this.#errors));
  }

  /** As `fail`, while it may still run. */
  giveUp(error: unknown): void {
    if (this.isSettled) return;
    this.fail(error);
    this.onUnwanted?.();
  }

  // K1, K2
  #settle(failed: boolean): boolean {
    if (this.#settledAtMs !== undefined) return false;
    this.#settledAtMs = performance.now();
    this.onSettled?.(failed);
    for (const signal of this.#signals ?? []) signal.removeEventListener("abort", this);
    return true;
  }

  /** Writes a line of its function's to the logger of the operation that it belongs to. */
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
      // Not every custom logger has a `log`; each of its levels is a method too.
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
