/**
 * A promise that notices when code awaits it. An operation begins when its method is called. Work that only matters to
 * a waiting caller begins at the first `then`, `catch` or `finally`.
 */
export interface DurablePromise<T> extends Promise<T> {
  /** Whether code has awaited the promise. */
  readonly isExecuted: boolean;
}

// The type has no private members, so promises of another copy of this package, or of the official package, fit too.
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

  /** Whether code has awaited the promise. */
  get isExecuted(): boolean {
    return this.#promise !== undefined;
  }
};

/** Notices whether code awaits an operation, for work that only matters then. */
export class Attention {
  #awaited = false;
  #actions: (() => void)[] | undefined;

  /** Notes that code awaits the operation. */
  attract(): void {
    if (this.#awaited) return;
    this.#awaited = true;
    for (const action of this.#actions ?? []) action();
    this.#actions = undefined;
  }

  /** Calls `action` now if code awaits the operation, or otherwise when code begins to await it. */
  follow(action: () => void): void {
    if (this.#awaited) action();
    else {
      this.#actions ??= [];
      this.#actions.push(action);
    }
  }
}

/** The promise of a running operation. A failure that nobody awaits must not end the process. */
export function underWay<T>(running: Promise<T>, attention?: Attention): DurablePromise<T> {
  running.catch(() => {});
  return new DurablePromise(() => {
    attention?.attract();
    return running;
  });
}
