import { textOf } from "../core/arguments.ts";
import { checkedSeconds, type Duration, durationToSeconds } from "../core/time.ts";
import type { Execution } from "../execution/execution.ts";
import type { Scope } from "../execution/scope.ts";
import { park } from "../execution/suspension.ts";
import { operationLabel } from "./checks.ts";
import { Attention, type DurablePromise, underWay } from "./durable-promise.ts";
import { ExternalOperation } from "./external.ts";
import { claim } from "./operation.ts";

/**
 * Begins a wait at once. The service always has a timer for the wait. When code awaits the wait, this process has a
 * timer too.
 */
export function beginWait(
  execution: Execution,
  scope: Scope,
  givenName: unknown,
  duration: Duration,
): DurablePromise<void> {
  const attention = new Attention();
  const run = async (): Promise<void> => {
    const name = textOf(() => "a wait", "name", givenName);
    const operation = claim(execution, scope, { type: "WAIT", subType: "Wait", name });
    if (operation === undefined) return park();
    const wait = new ExternalOperation(operation, attention);
    const what = `duration of ${operationLabel("wait", name)}`;
    // The duration of a recorded wait is not checked again, because the service has accepted it already.
    const seconds = () => checkedSeconds(what, duration, 1, execution.onMisspelledOption);
    const started = await wait.start(() => ({ WaitOptions: { WaitSeconds: seconds() } }));
    // A cancelled wait counts as ended, because code does not ask how the wait ended.
    await wait.ended(started, Date.now() + durationToSeconds(duration) * 1_000);
  };

  return underWay(run(), attention);
}
