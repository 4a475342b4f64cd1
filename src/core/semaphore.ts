import pLimit, { type LimitFunction } from "p-limit";

/**
 * Bounded permits, granted in order.
 *
 * S1  No more than `permits` holders run at once.
 * S2  A holder that gives its permit away while it only waits gets one again, in its turn, before its code goes on.
 * S3  Who has gone on without a turn, so that not all stand still, has the next one that comes.
 * S4  Nothing is queued for work that has not been pulled: callers look at `hasRoom` before they acquire.
 */
export class Semaphore {
  /** How many may hold a permit at once. */
  readonly permits: number;
  readonly #limit: LimitFunction;
  readonly #onRoom: () => void;

  /** `onRoom` is called after each release, when the place is free again. */
  constructor(permits: number, onRoom: () => void) {
    this.permits = permits;
    this.#limit = pLimit(permits);
    this.#onRoom = onRoom;
  }

  /** Whether a permit is free and nobody waits for one. */
  get hasRoom(): boolean {
    return this.#limit.activeCount < this.#limit.concurrency && this.#limit.pendingCount === 0;
  }

  /** Whether somebody waits for a permit. */
  get isWaitedFor(): boolean {
    return this.#limit.pendingCount > 0;
  }

  /** Calls `start` when its turn has come. The permit is held until it is lent or done. */
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

  /** Whether others have the place now, and the holder will want it again. */
  get lent(): boolean {
    return !this.held && !this.#done;
  }

  /** Gives the place to others until `regain` is called. */
  lend(): void {
    this.#release?.();
    this.#release = undefined;
  }

  /** Resolves when the permit is held again; several callers share one turn. */
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
      // Its holder went on without it, and works still.
      if (isWanted || this.#release === WITHOUT_PERMIT) this.#release = granted.#release;
      else granted.lend();
      goOn();
    });
    return regaining;
  }

  /**
   * Goes on without a turn: those who hold permits wait for something that only their successors can bring about. False
   * when nobody wants this permit back.
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
   * Hands the permit on to further work at once, which saves a turn through the queue; undefined when somebody waits for
   * a permit, or this one is lent.
   */
  passOn(): Permit | undefined {
    const release = this.#release;
    if (release === undefined || this.semaphore.isWaitedFor) return undefined;
    this.#release = undefined;
    this.#done = true;
    return new Permit(this.semaphore, release);
  }

  /** Gives the permit back for good. */
  done(): void {
    this.#done = true;
    this.lend();
  }
}

const WITHOUT_PERMIT = (): void => {};
