import type { ErrorObject } from "../core/wire.ts";
import { invalidParameter } from "./service-error.ts";

/** What the handler of a durable function returned. */
export interface InvocationAnswer {
  readonly status: "SUCCEEDED" | "FAILED" | "PENDING";
  readonly result?: string | undefined;
  readonly error?: ErrorObject | undefined;
}

export function readOutput(output: unknown): InvocationAnswer {
  if (typeof output !== "object" || output === null || !("Status" in output)) {
    throw invalidParameter("The function did not answer as a durable function: is it wrapped in withDurableExecution?");
  }
  const { Status: status, Result: result, Error: error } = output as Record<string, unknown>;
  switch (status) {
    case "SUCCEEDED":
      if (error !== undefined) throw invalidParameter("Cannot provide an Error for SUCCEEDED status.");
      if (result !== undefined && typeof result !== "string") throw invalidParameter("Result must be a string.");
      return { status, result };
    case "FAILED":
      if (result !== undefined) throw invalidParameter("Cannot provide a Result for FAILED status.");
      return { status, error: (error ?? {}) as ErrorObject };
    case "PENDING":
      return { status };
    default:
      throw invalidParameter(`Invalid status: ${String(status)}.`);
  }
}
