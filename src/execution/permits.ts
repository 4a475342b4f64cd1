import type { Permit, Semaphore } from "../core/semaphore.ts";
import type { Scope } from "./scope.ts";

/**
 * The permits of branches in the windows of their maps and parallels.
 *
 * PM1  A branch lends its permit while nothing below it executes or wants a permit, and an awaited operation of the
 *      branch waits at the service or for a timer. A branch whose acknowledgement is on its way counts as executing and
 *      keeps its permit.
 * PM2  A branch regains its permit before its code continues. The outermost permit comes first.
 * PM3  Code that waits in memory, for example for a lock, keeps its permit. When nothing executes any more, as many
 *      branches as the window is wide continue without a permit: the others may wait for something that only these
 *      branches can do.
 */

/** Prevents that all branches wait for each other. */ // PM3
export interface Wanting {
  /** Notes that a branch wants its permit back, until the returned function is called. */
  wants(wanted: Wanted): () => void;
}

/** The outermost permit that was missing when code in `scope` was about to continue. */
export interface Wanted {
  readonly scope: Scope;
  readonly permit: Permit;
}

/** Gives up the permits around `scope`. False when there was no permit to give up. */ // PM1
export function giveWay(from: Scope): boolean {
  let gave = false;
  for (let scope: Scope | undefined = from; scope !== undefined; scope = scope.parent) {
    if (scope.executing > 0 || scope.wanting > 0) break;
    if (!scope.permit?.held) continue;
    scope.permit.lend();
    gave = true;
  }
  return gave;
}

/** Regains the lent permits before code in `scope` continues. Undefined if no permit is missing. */ // PM2
export function regainPermits(scope: Scope, wanting: Wanting): Promise<void> | undefined {
  const lent = outermostLent(scope);
  return lent === undefined ? undefined : regainAll(scope, lent, wanting);
}

async function regainAll(scope: Scope, first: Permit, wanting: Wanting): Promise<void> {
  scope.countWanting(1);
  for (let lent: Permit | undefined = first; lent !== undefined; lent = outermostLent(scope)) {
    const regained = lent.regain();
    const stop = wanting.wants({ scope, permit: lent });
    await regained;
    stop();
  }
  scope.countWanting(-1);
}

/**
 * Lets branches continue without their permits, the outermost first. Branches that an ended map has left are excluded.
 */ // PM3
export function forcePermits(wanted: Iterable<Wanted>): void {
  const all = [...wanted].filter(({ scope }) => !scope.isOver);
  const outermost = all.filter(({ scope, permit }) => outermostLent(scope) === permit);
  const forced = new Map<Semaphore, number>();
  for (const { permit } of outermost.length > 0 ? outermost : all) {
    const { semaphore } = permit;
    const count = forced.get(semaphore) ?? 0;
    if (count < semaphore.permits && permit.force()) forced.set(semaphore, count + 1);
  }
}

function outermostLent(from: Scope): Permit | undefined {
  let outermost: Permit | undefined;
  for (let scope: Scope | undefined = from; scope !== undefined; scope = scope.parent) {
    if (scope.permit?.lent) outermost = scope.permit;
  }
  return outermost;
}
