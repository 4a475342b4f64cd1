import { counted } from "../../core/quantity.ts";
import type { Operation } from "../../core/wire.ts";
import type { OpenCallback } from "../../service/open-callbacks.ts";
import { formatMoment } from "../moment.ts";

/** One thing that an execution waits for. */
export interface Awaited {
  readonly kind: "wait" | "retry" | "callback" | "invoke";
  readonly operationId: string;
  readonly name: string | undefined;
  /** Epoch milliseconds; undefined for never. */
  readonly untilMs: number | undefined;
  /** Of a retry: the attempt that follows. */
  readonly attempt?: number;
}

/** How many are named in one line. */
const MAX_NAMED = 3;

/** What operations wait for, what is due first before the others. */
export function awaitedOf(operations: readonly Operation[], callbacks: readonly OpenCallback[]): Awaited[] {
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
  for (const { operationId, name, timeoutTimestamp, heartbeatTimestamp } of callbacks) {
    const dueMs = [timeoutTimestamp, heartbeatTimestamp].filter((ms) => ms !== undefined);
    const untilMs = dueMs.length === 0 ? undefined : Math.min(...dueMs);
    found.push({ kind: "callback", operationId, name, untilMs });
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

/** `callback approval (times out 2026-05-04T12:10:00Z)` */
export function describeAwaited({ kind, name, operationId, untilMs, attempt }: Awaited): string {
  const until = kind === "callback" ? "times out" : "until";
  const when = untilMs === undefined ? "" : ` (${until} ${formatMoment(untilMs)})`;
  const which = attempt === undefined ? "" : `, attempt ${attempt}`;
  return `${NOUNS[kind]} ${name ?? operationId}${which}${when}`;
}

/** One line for all that is waited for; undefined for nothing. */
export function summarizeAwaited(awaited: readonly Awaited[]): string | undefined {
  if (awaited.length === 0) return undefined;
  const named = awaited.slice(0, MAX_NAMED).map(describeAwaited);
  const more = awaited.length - named.length;
  return `waits for ${[...named, ...(more > 0 ? [counted(more, "other")] : [])].join(", ")}`;
}
