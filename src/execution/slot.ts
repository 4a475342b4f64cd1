import type { Permit } from "../core/semaphore.ts";
import type { Place, Scope } from "./scope.ts";

/** The fan-out that gave a branch its place, and decides whether the place may be lent. */
export interface SlotOwner {
  /** A branch that waits at the service gives its place to others. */
  readonly lendsWhileWaiting: boolean;
  /** All that the branch waits for is an acknowledgement. */
  offered(slot: Slot): void;
  /** What decides may have changed. */
  reconsider(): void;
  /** So many more branches (1 or -1) have seen an operation fail, and may fail themselves. */
  countDoubtful(change: 1 | -1): void;
}

/**
 * A branch's place in a fan-out.
 *
 * P1  A branch is quiet when nothing below it runs or waits at the service, and its code goes on with an
 *     acknowledgement.
 * P2  A quiet branch may lend its place; it has it again before its code goes on, the outermost one first.
 */
export class Slot implements Place {
  readonly #permit: Permit;
  readonly #owner: SlotOwner;
  #scope: Scope | undefined;
  #doubtful = false;

  constructor(permit: Permit, owner: SlotOwner) {
    this.#permit = permit;
    this.#owner = owner;
  }

  /** The branch's context, once it has one. */
  occupiedBy(scope: Scope): void {
    this.#scope = scope;
  }

  /** Whether the branch has its place, and only waits for an acknowledgement. */ // P1
  get isIdle(): boolean {
    return this.#scope !== undefined && this.#permit.held && isQuiet(this.#scope);
  }

  get lent(): boolean {
    return this.#permit.lent;
  }

  lend(): void {
    this.#permit.lend();
  }

  lendWhileWaiting(): boolean {
    if (!this.#owner.lendsWhileWaiting || !this.#permit.held) return false;
    this.#permit.lend();
    return true;
  }

  offer(): void {
    if (this.#permit.held) this.#owner.offered(this);
  }

  async regain(): Promise<void> {
    const regained = this.#permit.regain();
    this.#owner.reconsider();
    await regained;
  }

  acknowledged(): void {
    this.#owner.reconsider();
  }

  doubt(): void {
    if (this.#doubtful) return;
    this.#doubtful = true;
    this.#owner.countDoubtful(1);
  }

  trust(): void {
    if (!this.#doubtful) return;
    this.#doubtful = false;
    this.#owner.countDoubtful(-1);
  }

  /** The branch has ended, and its place is for the next one; undefined where the next one has to wait for its turn. */
  passOn(): Permit | undefined {
    const permit = this.#permit.passOn();
    if (permit !== undefined) this.trust();
    return permit;
  }

  /** The branch has ended. */
  done(): void {
    this.trust();
    this.#permit.done();
  }
}

function isQuiet({ executing, waiting, running, settling }: Scope): boolean {
  return executing === 0 && waiting === 0 && running === 0 && settling > 0;
}

/** Offers the places of the branches around `scope` that have come to only wait for an acknowledgement. */ // P1
export function offerPlaces(from: Scope): void {
  for (let scope: Scope | undefined = from; scope !== undefined; scope = scope.parent) {
    if (scope.executing > 0 || scope.waiting > 0 || scope.running > 0) return;
    if (scope.place !== undefined && scope.settling > 0) scope.place.offer();
  }
}

/** The place that code in `scope` runs in: that of the nearest branch. */
export function placeOf(from: Scope): Place | undefined {
  for (let scope: Scope | undefined = from; scope !== undefined; scope = scope.parent) {
    if (scope.place !== undefined) return scope.place;
  }
  return undefined;
}

/** Something below these branches has failed for good. */
export function doubtPlaces(from: Scope): void {
  for (let scope: Scope | undefined = from; scope !== undefined; scope = scope.parent) scope.place?.doubt();
}

/** Takes back the places that were lent before code in `scope` goes on; undefined if none is missing. */ // P2
export function regainPlaces(scope: Scope): Promise<void> | undefined {
  const lent = outermostLent(scope);
  return lent === undefined ? undefined : regainAll(scope, lent);
}

async function regainAll(scope: Scope, first: Place): Promise<void> {
  scope.count(0, 0, 1, 0);
  for (let lent: Place | undefined = first; lent !== undefined; lent = outermostLent(scope)) await lent.regain();
  scope.count(0, 0, -1, 0);
}

function outermostLent(from: Scope): Place | undefined {
  let outermost: Place | undefined;
  for (let scope: Scope | undefined = from; scope !== undefined; scope = scope.parent) {
    if (scope.place?.lent) outermost = scope.place;
  }
  return outermost;
}
