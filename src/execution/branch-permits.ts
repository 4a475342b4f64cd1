import type { Permit, Semaphore } from "../core/semaphore.ts";
import type { Scope } from "./scope.ts";

/**
 * Lends and regains the permits of branches in windows. `core/semaphore.ts` grants these permits.
 *
 * PM1  A branch lends its permit while it only waits: an awaited operation of the branch waits at the service or for a
 *      timer, and nothing inside the branch executes or wants a permit. A branch that waits only for an acknowledgement
 *      keeps its permit. With `maxConcurrency` and without `concurrency`, no branch lends its permit.
 * PM2  A branch regains its permit before the code after an operation that waited continues, and before an attempt
 *      begins. Code that continues for another reason, for example after a `setTimeout`, does not regain the permit. If
 *      the permits of several branches around the code are lent, the outermost permit is regained first.
 * PM3  Code that waits in memory, for example for a lock, keeps its permit. When nothing executes any more and branches
 *      want permits, as many of these branches as the window has permits continue without a permit. Otherwise the
 *      waiting code and these branches could wait for each other for ever.
 */

/** Knows which branches want their permits back. */ // PM3
export interface Wanting {
  /** Notes that a branch wants its permit back, until the returned function is called. */
  wants(wanted: Wanted): () => void;
}

/** The outermost lent permit around `scope`, which code in `scope` needs before it continues. */
export interface Wanted {
  readonly scope: Scope;
  readonly permit: Permit;
}

/** Lends permits from `from` outwards, until a scope executes or wants a permit. Returns whether it lent any. */ // PM1
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

/** Resolves when code in `scope` has its permits and may continue. Undefined if no permit is lent. */ // PM2
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
 * Lets branches continue without permits, at most as many as each window has permits. A branch is excluded while a
 * permit further out is lent too, unless this is so for all branches.
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
