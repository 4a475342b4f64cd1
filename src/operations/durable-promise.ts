/**
 * The promise of an operation. A combinator begins when its promise is first awaited. An operation of another kind
 * begins when the method of the context is called. The promise counts as awaited from the first call of `then`, `catch`
 * or `finally`. It never settles if the invocation ends before the operation.
 */
export interface DurablePromise<T> extends Promise<T> {
  /** Whether code has awaited the promise. */
  readonly isExecuted: boolean;
}

// The declared type has no private members. Otherwise TypeScript would reject promises of another copy of this package,
// or of the official package.
interface DurablePromiseConstructor {
  readonly prototype: DurablePromise<unknown>;
  /**
   * `executor` is called once, at the first call of `then`, `catch` or `finally`. It must return a promise and not
   * throw.
   */
  new <T>(executor: () => Promise<T>): DurablePromise<T>;
}

export const DurablePromise: DurablePromiseConstructor = class DurablePromise<T> implements Promise<T> {
  readonly #executor: () => Promise<T>;
  #promise: Promise<T> | undefined;

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

  get isExecuted(): boolean {
    return this.#promise !== undefined;
  }
};

/** Runs actions that are necessary only if code awaits an operation. `attract` notes that code awaits the operation. */
export class Attention {
  #awaited = false;
  #actions: (() => void)[] | undefined;

  attract(): void {
    if (this.#awaited) return;
    this.#awaited = true;
    for (const action of this.#actions ?? []) action();
    this.#actions = undefined;
  }

  follow(action: () => void): void {
    if (this.#awaited) action();
    else {
      this.#actions ??= [];
      this.#actions.push(action);
    }
  }
}

/** A failure that no code awaits must not end the process as an unhandled rejection. */
export function underWay<T>(running: Promise<T>, attention?: Attention): DurablePromise<T> {
  running.catch(() => {});
  return new DurablePromise(() => {
    attention?.attract();
    return running;
  });
}
