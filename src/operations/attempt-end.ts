import type { ErrorObject } from "../core/wire.ts";

/** How an attempt of a step or condition ends. */
export type AttemptEnd =
  | { readonly end: "succeed"; readonly payload: string | undefined; readonly value: unknown }
  | { readonly end: "fail"; readonly error: ErrorObject; readonly thrown?: unknown }
  /** Another attempt follows; a condition keeps its state in `payload`. */
  | {
      readonly end: "retry";
      readonly afterSeconds: number;
      readonly error?: ErrorObject;
      readonly thrown?: unknown;
      readonly payload?: string | undefined;
    };

/** How the start of an attempt is recorded: not at all when it is recorded already. */
export type Announcement = "none" | "queued" | "awaited";
