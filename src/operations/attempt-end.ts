import type { ErrorObject } from "../core/wire.ts";
import type { EncodedResult } from "./result-payload.ts";

export type AttemptEnd =
  | { readonly end: "succeed"; readonly encoded: EncodedResult }
  | { readonly end: "fail"; readonly error: ErrorObject; readonly thrown?: unknown }
  /** `payload` is the new state of a condition. A step has no `payload`. */
  | {
      readonly end: "retry";
      readonly afterSeconds: number;
      readonly error?: ErrorObject;
      readonly thrown?: unknown;
      readonly payload?: string | undefined;
    };

/**
 * How the START of an attempt is recorded. "none": an earlier invocation recorded the START. "queued": the attempt does
 * not wait for the acknowledgement. "awaited": the attempt waits for the acknowledgement.
 */
export type Announcement = "none" | "queued" | "awaited";
