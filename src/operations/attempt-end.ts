import type { ErrorObject } from "../core/wire.ts";

/** The end of an attempt of a step or condition. */
export type AttemptEnd =
  | { readonly end: "succeed"; readonly payload: string | undefined; readonly value: unknown }
  | { readonly end: "fail"; readonly error: ErrorObject; readonly thrown?: unknown }
  /** Another attempt follows. A condition keeps its state in `payload`. */
  | {
      readonly end: "retry";
      readonly afterSeconds: number;
      readonly error?: ErrorObject;
      readonly thrown?: unknown;
      readonly payload?: string | undefined;
    };

/** How the START of an attempt is recorded. "none" means that the START is recorded already. */
export type Announcement = "none" | "queued" | "awaited";
