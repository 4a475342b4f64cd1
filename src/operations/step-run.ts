import { StepTimeoutError } from "../core/errors.ts";
import { type Duration, durationToSeconds } from "../core/time.ts";
import { give, SELF } from "../execution/active.ts";
import { stepLogger } from "../execution/context-logger.ts";
import type { DurableContextLogger, DurableLogger } from "../execution/logger.ts";
import type { Scope } from "../execution/scope.ts";
import type { ClaimedOperation } from "./operation.ts";

/** The argument of a step's function, and of a condition's check. `attempt` is the number of the attempt, from 1. */
export interface StepContext<Logger extends DurableLogger> {
  logger: DurableContextLogger<Logger>;
  attempt: number;
  /**
   * This signal is aborted if the attempt's time-out is over, if a context (except a virtual one), map or parallel
   * around the step ends first, or about 2 seconds before the platform stops the invocation. After the end of the
   * attempt it is not aborted any more. Pass the signal to `fetch` and similar functions.
   */
  readonly signal: AbortSignal;
}

export type StepFunc<T, Logger extends DurableLogger = DurableLogger> = (context: StepContext<Logger>) => Promise<T>;

export async function runBounded<T>(
  { name, path }: Pick<ClaimedOperation, "name" | "path">,
  run: StepRun,
  body: StepFunc<T>,
  timeout: Duration,
): Promise<T> {
  const ms = durationToSeconds(timeout) * 1_000;
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

/** The signal is created when the step's function first reads it, because most functions do not read it. */
export class StepRun implements StepContext<DurableLogger> {
  readonly [SELF] = this;
  readonly logger: DurableContextLogger<DurableLogger>;
  readonly attempt: number;
  readonly #scope: Scope;
  #controller: AbortController | undefined;
  #abortReason: Error | undefined;
  #isOver = false;

  constructor(scope: Scope, attempt: number) {
    this.#scope = scope;
    this.logger = stepLogger(scope);
    this.attempt = attempt;
    give(this);
  }

  get signal(): AbortSignal {
    const self = this[SELF];
    if (self.#controller === undefined) {
      self.#controller = new AbortController();
      if (self.#abortReason !== undefined) self.#controller.abort(self.#abortReason);
      else if (!self.#isOver) self.#scope.follow(self);
    }
    return self.#controller.signal;
  }

  abort(reason: Error): void {
    this.#abortReason = reason;
    this.#controller?.abort(reason);
  }

  end(): void {
    this.#isOver = true;
    if (this.#controller !== undefined) this.#scope.unfollow(this);
  }
}
