import { DurableError } from "../core/errors.ts";
import type { LocalEngine } from "../local/engine.ts";
import type { ExecutionSummary } from "../local/executions.ts";

/** @param target an ARN, name or id, or `last` for the newest execution that no other execution has invoked */
export function findExecution(engine: LocalEngine, target: string): ExecutionSummary {
  const found = engine.find(target);
  if (found !== undefined) return found;
  const message =
    target === "last"
      ? "The journal has no execution yet. Name another journal with --db, or run something first."
      : `The journal has no execution "${target}". The list command shows those that it has.`;
  throw new DurableError("ERR_EXECUTION_UNKNOWN", message);
}
