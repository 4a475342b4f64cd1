import pLimit, { type LimitFunction } from "p-limit";

/**
 * A limited number of permits, granted in order.
 *
 * S1  No more than `permits` holders run at once.
 * S2  A holder may lend its permit while the holder only waits. The holder gets a permit again, in the order of the
 *     queue, before its code continues.
 * S3  A holder may continue without a permit, because otherwise all holders would wait for each other. That holder gets
 *     the next free permit.
 * S4  The queue has no entries for work that has not been pulled: callers ask `hasRoom` before they acquire.
 */
export class Semaphore {
  /** The greatest number of permits that are held at once. */
  readonly permits: number;
  readonly #limit: LimitFunction;
  readonly #onRoom: () => void;

  /** `onRoom` is called after each release, when a permit is free again. */
  constructor(permits: number, onRoom: () => void) {
    this.permits = permits;
    this.#limit = pLimit(permits);
    this.#onRoom = onRoom;
  }

  /** Whether a permit is free and the queue is empty. */
  get hasRoom(): boolean {
    return this.#limit.activeCount < this.#limit.concurrency && this.#limit.pendingCount === 0;
  }

  /** Whether the queue has an entry. */
  get isWaitedFor(): boolean {
    return this.#limit.pendingCount > 0;
  }

  /** Calls `start` when a permit is granted. The permit is held until the holder lends it or is done. */
  acquire(start: (permit: Permit) => void): void {
    const hold = () => new Promise<void>((release) => start(new Permit(this, release)));
    void this.#limit(hold).then(this.#onRoom);
  }
}

/** One holder's permit. */
export class Permit {
  readonly semaphore: Semaphore;
  #release: (() => void) | undefined;
  #regaining: { readonly promise: Promise<void>; readonly goOn: () => void } | undefined;
  #done = false;

  constructor(semaphore: Semaphore, release: () => void) {
    this.semaphore = semaphore;
    this.#release = release;
  }

  /** Whether the holder's code may run now. */
  get held(): boolean {
    return this.#release !== undefined;
  }

  /** Whether the permit is lent, and the holder will need one again. */
  get lent(): boolean {
    return !this.held && !this.#done;
  }

  /** Gives the permit back until `regain` is called. */
  lend(): void {
    this.#release?.();
    this.#release = undefined;
  }

  /** Resolves when the permit is held again. Several calls share one entry of the queue. */
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
      // The holder continued without a permit, and still works.
      if (isWanted || this.#release === WITHOUT_PERMIT) this.#release = granted.#release;
      else granted.lend();
      goOn();
    });
    return regaining;
  }

  /**
   * Lets the holder continue without a permit. Needed when the holders of all permits wait for something that only the
   * next holders can do. False when nobody wants this permit back.
   */
  force(): boolean {
    const regaining = this.#regaining;
    if (regaining === undefined) return false;
    this.#regaining = undefined;
    this.#release = WITHOUT_PERMIT;
    regaining.goOn();
    return true;
  }

  /**
   * Gives the permit to further work at once, without an entry in the queue. Undefined when the queue has an entry, or
   * this permit is lent.
   */
  passOn(): Permit | undefined {
    const release = this.#release;
    if (release === undefined || this.semaphore.isWaitedFor) return undefined;
    this.#release = undefined;
    this.#done = true;
    return new Permit(this.semaphore, release);
  }

  /** Gives the permit back finally. */
  done(): void {
    this.#done = true;
    this.lend();
  }
}

const WITHOUT_PERMIT = (): void => {};
