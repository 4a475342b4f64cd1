import { checkedSeconds, type Duration, durationToSeconds } from "../core/time.ts";
import type { Execution } from "../execution/execution.ts";
import type { Scope } from "../execution/scope.ts";
import { park } from "../execution/suspension.ts";
import { operationLabel } from "./checks.ts";
import { Attention, type DurablePromise, underWay } from "./durable-promise.ts";
import { ExternalOperation } from "./external.ts";
import { claim } from "./operation.ts";

/** Begins a wait at once; its timer runs at the service, and here as well once it is awaited. */
export function beginWait(
  execution: Execution,
  scope: Scope,
  name: string | undefined,
  duration: Duration,
): DurablePromise<void> {
  const attention = new Attention();
  const run = async (): Promise<void> => {
    const operation = claim(execution, scope, { type: "WAIT", subType: "Wait", name });
    if (operation === undefined) return park();
    const wait = new ExternalOperation(operation, attention);
    const what = `duration of ${operationLabel("wait", name)}`;
    // A wait that is recorded already was good enough for the service.
    const started = await wait.start(() => ({ WaitOptions: { WaitSeconds: checkedSeconds(what, duration, 1) } }));
    // A cancelled wait is over like one that ran its time.
    await wait.ended(started, Date.now() + durationToSeconds(duration) * 1_000);
  };

  return underWay(run(), attention);
}
