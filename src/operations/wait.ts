import { textOf } from "../core/arguments.ts";
import { checkedSeconds, type Duration, durationToSeconds } from "../core/time.ts";
import type { Execution } from "../execution/execution.ts";
import type { Scope } from "../execution/scope.ts";
import { park } from "../execution/suspension.ts";
import { operationLabel } from "./checks.ts";
import { Attention, type DurablePromise, underWay } from "./durable-promise.ts";
import { ExternalOperation } from "./external.ts";
import { claim } from "./operation.ts";

/** Claims its path during the call, so no `await` may come before `claim`. */
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
    // The duration of a recorded wait is not checked again, because an earlier invocation accepted the duration.
    const seconds = () => checkedSeconds(what, duration, 1, execution.onMisspelledOption);
    const started = await wait.start(() => ({ WaitOptions: { WaitSeconds: seconds() } }));
    // The status of the record is not checked, so a cancelled wait counts as ended.
    await wait.ended(started, execution.nowMs + durationToSeconds(duration) * 1_000);
  };

  return underWay(run(), attention);
}
