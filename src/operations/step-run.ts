import { StepTimeoutError } from "../core/errors.ts";
import { SELF } from "../core/self.ts";
import { checkedMs, type Duration } from "../core/time.ts";
import { give } from "../execution/active.ts";
import { stepLogger } from "../execution/context-logger.ts";
import type { DurableContextLogger, DurableLogger } from "../execution/logger.ts";
import type { Scope } from "../execution/scope.ts";
import type { ClaimedOperation } from "./operation.ts";

/** What a step's function is given. `attempt` counts from 1. */
export interface StepContext<Logger extends DurableLogger> {
  logger: DurableContextLogger<Logger>;
  attempt: number;
  /**
   * Aborted when the attempt's time-out is over, when the batch around it ends early, and shortly before the
   * invocation is cut off: hand it to `fetch` and the like.
   */
  readonly signal: AbortSignal;
}

export type StepFunc<T, Logger extends DurableLogger = DurableLogger> = (context: StepContext<Logger>) => Promise<T>;

/** A step's time-out in milliseconds. @throws DurableError `ERR_DURATION_INVALID` */
export function checkedTimeout(name: string | undefined, timeout: Duration): number {
  return checkedMs(name === undefined ? "timeout of a step" : `timeout of step "${name}"`, timeout);
}

/** Runs a step's function, bounded by its time-out. */
export function runBounded<T>(
  operation: Pick<ClaimedOperation, "scope" | "name" | "path">,
  attempt: number,
  body: StepFunc<T>,
  timeout: Duration | undefined,
): Promise<T> {
  const run = new StepRun(operation.scope, attempt, timeout === undefined ? undefined : new AbortController());
  return timeout === undefined ? body(run) : runTimed(operation, run, body, timeout);
}

async function runTimed<T>(
  { name, path }: Pick<ClaimedOperation, "name" | "path">,
  run: StepRun,
  body: StepFunc<T>,
  timeout: Duration,
): Promise<T> {
  const ms = checkedTimeout(name, timeout);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = new StepTimeoutError(name === undefined ? path : `"${name}"`, ms / 1_000);
      run.abort(error);
      reject(error);
    }, ms);
  });
  try {
    return await Promise.race([body(run), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What an attempt's function is given; a signal is made when somebody asks for it. `controller` is that of a time-out. */
export class StepRun implements StepContext<DurableLogger> {
  readonly [SELF] = this;
  readonly logger: DurableContextLogger<DurableLogger>;
  readonly attempt: number;
  readonly #scope: Scope;
  /** Of a step with a time-out. */
  readonly #controller: AbortController | undefined;

  constructor(scope: Scope, attempt: number, controller?: AbortController) {
    this.#scope = scope;
    this.#controller = controller;
    this.logger = stepLogger(scope);
    this.attempt = attempt;
    give(this);
  }

  get signal(): AbortSignal {
    return AbortSignal.any(this.signalSources);
  }

  get signalSources(): AbortSignal[] {
    const self = this[SELF];
    const { signal } = self.#scope;
    return self.#controller === undefined ? [signal] : [self.#controller.signal, signal];
  }

  abort(reason: Error): void {
    this.#controller?.abort(reason);
  }
}
