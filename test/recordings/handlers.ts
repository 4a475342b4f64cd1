import { batchedHandlers } from "./batched-handlers.ts";
import type { RecordedHandler } from "./handler-parts.ts";
import { mixedHandlers } from "./mixed-handlers.ts";

/** By the names that the recordings give. */
export const handlers: Readonly<Record<string, RecordedHandler>> = { ...batchedHandlers, ...mixedHandlers };
