import type { Scope } from "../execution/scope.ts";
import { offerPlaces } from "../execution/slot.ts";

/**
 * A promise that notices when it is awaited. Operations begin when they are called; what only matters to a waiting
 * caller begins at the first `then`, `catch` or `finally`.
 */
export interface DurablePromise<T> extends Promise<T> {
  /** Whether it was used. */
  readonly isExecuted: boolean;
}

// Without private members in its type, a promise of another copy of this package, or of the official one, is as good.
interface DurablePromiseConstructor {
  readonly prototype: DurablePromise<unknown>;
  /** `executor` runs once, at the first use. */
  new <T>(executor: () => Promise<T>): DurablePromise<T>;
}

export const DurablePromise: DurablePromiseConstructor = class DurablePromise<T> implements Promise<T> {
  readonly #executor: () => Promise<T>;
  #promise: Promise<T> | undefined;

  /** `executor` runs once, at the first use. */
  constructor(executor: () => Promise<T>) {
    this.#executor = executor;
  }

  #execute(): Promise<T> {
    this.#promise ??= this.#executor();
    return this.#promise;
  }

  // biome-ignore lint/suspicious/noThenProperty: this class is a promise.
  then<TResult1 = T, TResult2 = never>(
    onfulfilled?: ((value: T) => TResult1 | PromiseLike<TResult1>) | undefined | null,
    onrejected?: ((reason: unknown) => TResult2 | PromiseLike<TResult2>) | undefined | null,
  ): Promise<TResult1 | TResult2> {
    return this.#execute().then(onfulfilled, onrejected);
  }

  catch<TResult = never>(
    onrejected?: ((reason: unknown) => TResult | PromiseLike<TResult>) | undefined | null,
  ): Promise<T | TResult> {
    return this.#execute().catch(onrejected);
  }

  finally(onfinally?: (() => void) | undefined | null): Promise<T> {
    return this.#execute().finally(onfinally);
  }

  get [Symbol.toStringTag](): string {
    return "DurablePromise";
  }

  /** Whether it was used. */
  get isExecuted(): boolean {
    return this.#promise !== undefined;
  }
};

/**
 * For an operation of `scope` that is under way: its context's function counts as waiting while it awaits it. A failure
 * that nobody awaits must not bring the process down.
 */
export function underWay<T>(running: Promise<T>, scope: Scope, onAwaited?: () => void): DurablePromise<T> {
  let state: "pending" | "awaited" | "settled" = "pending";
  // Before whoever awaits it goes on, since this was here first.
  const settle = () => {
    if (state === "awaited") scope.unblock();
    state = "settled";
  };
  running.then(settle, settle);
  return new DurablePromise(() => {
    if (state === "pending") {
      state = "awaited";
      scope.block();
      offerPlaces(scope);
    }
    onAwaited?.();
    return running;
  });
}

/** For an operation of `scope` that begins when it is awaited. */
export function awaited<T>(running: Promise<T>, scope: Scope): Promise<T> {
  scope.block();
  offerPlaces(scope);
  const settle = () => scope.unblock();
  running.then(settle, settle);
  return running;
}
