import type { Execution } from "../execution/execution.ts";
import type { Slot, SlotOwner } from "../execution/slot.ts";

/** What a fan-out knows that decides whether places are lent. */
export interface LendingHost {
  readonly execution: Execution;
  /** Places in all. */
  readonly permits: number;
  readonly lendsWhileWaiting: boolean;
  /** Whether a branch, new or going on, would take a place. */
  readonly isRoomWanted: () => boolean;
  /** Whether a further branch would be started in any case, if so many open ones fail and the others succeed. */
  readonly mayRunAhead: (failing: number) => boolean;
}

/**
 * Decides when the branches of a fan-out lend the places in which they only wait for an acknowledgement.
 *
 * N0  Places are lent to fill requests. As many of them as a request has updates fill it by themselves, and to lend one
 *     costs more than it saves.
 * N1  A single place is never lent: its branches are strictly one after the other.
 * N2  What has ended and is not acknowledged stays within `checkpoint.maxUnacknowledged`, whatever the branches that
 *     hold places do next.
 * N3  Nothing is lent while an operation of a branch has failed, or enough branches are open to end the batch: then a
 *     further branch might start that would not have started otherwise.
 */
export class Lending implements SlotOwner {
  readonly lendsWhileWaiting: boolean;
  readonly #host: LendingHost;
  /** Places that would be lent if it were allowed. */
  readonly #offered = new Set<Slot>();
  readonly #lends: boolean;
  #doubtful = 0;

  constructor(host: LendingHost) {
    this.#host = host;
    this.lendsWhileWaiting = host.lendsWhileWaiting;
    const { permits, execution } = host;
    this.#lends = permits > 1 && permits < execution.settings.checkpoint.maxUpdates; // N0, N1
  }

  offered(slot: Slot): void {
    if (!this.#lends) return;
    if (this.#mayLend()) slot.lend();
    else this.#offered.add(slot);
  }

  reconsider(): void {
    for (const slot of this.#offered) {
      if (slot.isIdle && !this.#mayLend()) return;
      this.#offered.delete(slot);
      if (slot.isIdle) slot.lend();
    }
  }

  countDoubtful(change: 1 | -1): void {
    this.#doubtful += change;
    if (change === -1) this.reconsider();
  }

  #mayLend(): boolean {
    const { execution, permits, isRoomWanted, mayRunAhead } = this.#host;
    const { maxUnacknowledged } = execution.settings.checkpoint;
    // N2
    if (execution.unacknowledged + permits > maxUnacknowledged) return false;
    return isRoomWanted() && mayRunAhead(this.#doubtful); // N3
  }
}
