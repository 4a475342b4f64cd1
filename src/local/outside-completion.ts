import type { Operation } from "../core/wire.ts";
import type { ExternalCompletion } from "./journal.ts";

/** A callback or a chained invoke that somebody outside has completed, or whose time is over. */
export function completeFromOutside(
  operation: Operation,
  { status, result, error }: ExternalCompletion,
  nowMs: number,
): Operation {
  const outcome = {
    ...(result === undefined ? {} : { Result: result }),
    ...(error === undefined ? {} : { Error: error }),
  };
  const ended: Operation = { ...operation, Status: status, EndTimestamp: new Date(nowMs) };
  if (operation.Type === "CALLBACK") ended.CallbackDetails = { ...operation.CallbackDetails, ...outcome };
  else ended.ChainedInvokeDetails = outcome;
  return ended;
}
