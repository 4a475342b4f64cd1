import type { Permit, Semaphore } from "../core/semaphore.ts";
import type { Scope } from "./scope.ts";

/**
 * The places of branches in the windows of their fan-outs.
 *
 * PM1  A branch gives way while nothing below it executes or wants a place, and an operation of it is awaited and waits at
 *     the service, or for a timer. Nothing is released while an acknowledgement is on its way: that counts as executing.
 * PM2  A branch has its place again before its code goes on, the outermost one first.
 * PM3  Code that waits in memory, for a lock say, keeps its place. When nothing executes any more, some of those who want
 *     theirs back have them regardless, so many as the window is wide: what the others wait for may be theirs to bring
 *     about.
 */

/** Who sees to it that not all stand still. */ // PM3
export interface Wanting {
  /** A branch wants its place back, until the returned function is called. */
  wants(wanted: Wanted): () => void;
}

/** The outermost place that code in `scope` lacked when it was to go on. */
export interface Wanted {
  readonly scope: Scope;
  readonly permit: Permit;
}

/** Gives up the places around `scope`; false when there was none to give. */ // PM1
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

/** Takes back the places that were given up before code in `scope` goes on; undefined if none is missing. */ // PM2
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

/** Lets branches go on without their places, the outermost first, but none that an ended map has left behind. */ // PM3
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
