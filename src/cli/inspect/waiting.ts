import { counted } from "../../core/quantity.ts";
import type { Operation } from "../../core/wire.ts";
import type { OpenCallback } from "../../service/open-callbacks.ts";
import { formatMoment } from "../moment.ts";
import { describePlaces } from "./callback-places.ts";

export interface Awaited {
  readonly kind: "wait" | "retry" | "callback" | "invoke";
  readonly operationId: string;
  readonly name: string | undefined;
  /** Epoch milliseconds at which the waiting ends without a completion or heartbeat. Undefined: no time limit. */
  readonly untilMs: number | undefined;
  /** Only for a retry: the number of the next attempt. */
  readonly attempt?: number;
  /** Only for a callback: the labels of its place in the code. Absent if the caller did not look for the place. */
  readonly places?: readonly string[];
}

const MAX_NAMED = 3;

/** Ordered by `untilMs`. Operations without a limit come last. */
export function awaitedOf(
  operations: readonly Operation[],
  callbacks: readonly (OpenCallback & Pick<Awaited, "places">)[],
): Awaited[] {
  const found: Awaited[] = [];
  for (const { Id: operationId = "", Name: name, Type, Status, StepDetails, WaitDetails } of operations) {
    if (Type === "WAIT" && Status === "STARTED") {
      found.push({ kind: "wait", operationId, name, untilMs: WaitDetails?.ScheduledEndTimestamp?.getTime() });
    } else if (Type === "STEP" && Status === "PENDING") {
      const untilMs = StepDetails?.NextAttemptTimestamp?.getTime();
      found.push({ kind: "retry", operationId, name, untilMs, attempt: (StepDetails?.Attempt ?? 0) + 1 });
    } else if (Type === "CHAINED_INVOKE" && Status === "STARTED") {
      found.push({ kind: "invoke", operationId, name, untilMs: undefined });
    }
  }
  for (const { operationId, name, places, timeoutTimestamp, heartbeatTimestamp } of callbacks) {
    const dueMs = [timeoutTimestamp, heartbeatTimestamp].filter((ms) => ms !== undefined);
    const untilMs = dueMs.length === 0 ? undefined : Math.min(...dueMs);
    found.push({ kind: "callback", operationId, name, untilMs, ...(places && { places }) });
  }
  const due = ({ untilMs }: Awaited): number => untilMs ?? Number.MAX_SAFE_INTEGER;
  return found.toSorted((a, b) => due(a) - due(b));
}

const NOUNS: Record<Awaited["kind"], string> = {
  wait: "wait",
  retry: "retry of",
  callback: "callback",
  invoke: "invoke",
};

/** For example `callback approval (times out 2026-05-04T12:10:00Z)`. */
export function describeAwaited({ kind, name, operationId, untilMs, attempt, places }: Awaited): string {
  const until = kind === "callback" ? "times out" : "until";
  const when = untilMs === undefined ? "" : ` (${until} ${formatMoment(untilMs)})`;
  const which = attempt === undefined ? "" : `, attempt ${attempt}`;
  const what = places === undefined ? (name ?? operationId) : describePlaces({ name, places });
  return `${NOUNS[kind]} ${what}${which}${when}`;
}

export function summarizeAwaited(awaited: readonly Awaited[]): string | undefined {
  if (awaited.length === 0) return undefined;
  const named = awaited.slice(0, MAX_NAMED).map(describeAwaited);
  const more = awaited.length - named.length;
  return `waits for ${[...named, ...(more > 0 ? [counted(more, "other")] : [])].join(", ")}`;
}
