import { type Duration, durationToSeconds } from "../core/time.ts";
import type { WireOperation } from "../core/wire.ts";
import type { Execution } from "../execution/execution.ts";
import { dueMs, type PendingOperation } from "../execution/pending-operation.ts";
import type { Scope } from "../execution/scope.ts";
import { park } from "../execution/suspension.ts";
import { type DurablePromise, underWay } from "./durable-promise.ts";
import { claim, lookAhead, update } from "./operation.ts";

type WaitDecision = { readonly do: "start" } | { readonly do: "wait" } | { readonly do: "return" };

/** What to do with a wait, from its record alone. */
export function decideWait(record: WireOperation | undefined): WaitDecision {
  if (record === undefined) return { do: "start" };
  // A cancelled wait is over like one that ran its time.
  return record.Status === "STARTED" ? { do: "wait" } : { do: "return" };
}

/** Begins a wait at once; its timer runs at the service, and here as well once it is awaited. */
export function beginWait(
  execution: Execution,
  scope: Scope,
  name: string | undefined,
  duration: Duration,
): DurablePromise<void> {
  let awaited = false;
  let pending: PendingOperation | undefined;

  const run = async (): Promise<void> => {
    const seconds = durationToSeconds(duration);
    const operation = claim(execution, scope, { type: "WAIT", subType: "Wait", name });
    if (operation === undefined) return park();
    let record = operation.record;
    const decision = decideWait(record);
    if (decision.do === "return") return lookAhead(execution, scope);
    if (decision.do === "start") {
      const start = update(operation, "START", { WaitOptions: { WaitSeconds: seconds } });
      record = await execution.recordedAs(scope, start, operation.id);
    }
    if (decideWait(record).do !== "return") {
      const due = (record && dueMs(record)) ?? Date.now() + seconds * 1_000;
      pending = execution.wait(scope, operation.id, "STARTED", due);
      if (awaited) pending.await();
      await pending.changed;
    }
    lookAhead(execution, scope);
  };

  return underWay(run(), () => {
    awaited = true;
    pending?.await();
  });
}
