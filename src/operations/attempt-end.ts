import type { ErrorObject } from "../core/wire.ts";
import type { EncodedResult } from "./result-payload.ts";

export type AttemptEnd =
  | { readonly end: "succeed"; readonly encoded: EncodedResult }
  | { readonly end: "fail"; readonly error: ErrorObject; readonly thrown?: unknown }
  /** `payload` has the new state of a condition; undefined for an undefined state. A step has no `payload`. */
  | {
      readonly end: "retry";
      readonly afterSeconds: number;
      readonly error?: ErrorObject;
      readonly thrown?: unknown;
      readonly payload?: string | undefined;
    };

/**
 * How the START of an attempt is recorded. "none": not at all, because an earlier invocation recorded the START.
 * "queued": the attempt does not wait for the acknowledgement of the START, and a batch keeps no START of a step.
 * "awaited": the attempt waits until the START is recorded.
 */
export type Announcement = "none" | "queued" | "awaited";
