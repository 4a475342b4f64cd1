import pLimit, { type LimitFunction } from "p-limit";

/**
 * A limited number of permits, granted in the order of a queue. A holder is the work that has a permit.
 *
 * S1  At most `permits` holders have a permit at once.
 * S2  A holder may lend its permit while the holder only waits. The holder gets a permit again, in the order of the
 *     queue, before its code continues.
 * S3  A holder that waits in the queue for its permit may continue without one (`force`). Otherwise holders could wait
 *     for each other for ever. If this holder still continues without a permit when its turn comes, it gets a permit.
 * S4  New work never waits in the queue, because callers ask `hasRoom` before they acquire a permit for new work.
 */
export class Semaphore {
  readonly permits: number;
  readonly #limit: LimitFunction;
  readonly #onRoom: () => void;

  /** `onRoom` is called after each release of a permit. */
  constructor(permits: number, onRoom: () => void) {
    this.permits = permits;
    this.#limit = pLimit(permits);
    this.#onRoom = onRoom;
  }

  get hasRoom(): boolean {
    return this.#limit.activeCount < this.#limit.concurrency && this.#limit.pendingCount === 0;
  }

  get isWaitedFor(): boolean {
    return this.#limit.pendingCount > 0;
  }

  /** Calls `start` with a permit, after all earlier entries of the queue have got their permits. */
  acquire(start: (permit: Permit) => void): void {
    const hold = () => new Promise<void>((release) => start(new Permit(this, release)));
    void this.#limit(hold).then(this.#onRoom);
  }
}

export class Permit {
  readonly semaphore: Semaphore;
  #release: (() => void) | undefined;
  #regaining: { readonly promise: Promise<void>; readonly goOn: () => void } | undefined;
  #done = false;

  constructor(semaphore: Semaphore, release: () => void) {
    this.semaphore = semaphore;
    this.#release = release;
  }

  /** Whether the code of the holder may continue: with a permit, or without one after `force`. */
  get held(): boolean {
    return this.#release !== undefined;
  }

  get lent(): boolean {
    return !this.held && !this.#done;
  }

  lend(): void {
    this.#release?.();
    this.#release = undefined;
  }

  /** Resolves when the holder's code may continue. Several calls share one entry of the queue. */
  regain(): Promise<void> {
    if (this.held || this.#done) return Promise.resolve();
    this.#regaining ??= this.#queue();
    return this.#regaining.promise;
  }

  #queue(): { readonly promise: Promise<void>; readonly goOn: () => void } {
    let goOn: () => void = () => {};
    const promise = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const regaining = { promise, goOn };
    this.semaphore.acquire((granted) => {
      const isWanted = this.#regaining === regaining && !this.#done;
      if (this.#regaining === regaining) this.#regaining = undefined;
      // A holder that continued without a permit, and still runs, takes the granted permit.
      if (isWanted || this.#release === WITHOUT_PERMIT) this.#release = granted.#release;
      else granted.lend();
      goOn();
    });
    return regaining;
  }

  /** Lets the holder continue without a permit. Returns false when the holder does not wait for a permit. */
  force(): boolean {
    const regaining = this.#regaining;
    if (regaining === undefined) return false;
    this.#regaining = undefined;
    this.#release = WITHOUT_PERMIT;
    regaining.goOn();
    return true;
  }

  /**
   * Ends this permit, and returns a new permit for further work, so that this work does not queue. Returns undefined
   * and changes nothing when a holder waits in the queue, or when this permit is not held.
   */
  passOn(): Permit | undefined {
    const release = this.#release;
    if (release === undefined || this.semaphore.isWaitedFor) return undefined;
    this.#release = undefined;
    this.#done = true;
    return new Permit(this.semaphore, release);
  }

  done(): void {
    this.#done = true;
    this.lend();
  }
}

const WITHOUT_PERMIT = (): void => {};
