import type { Kind } from "./invariants.ts";
import type { Capabilities } from "./profiles.ts";

/** What the code under test can do: what the programs of `npm test` ask for. */
export const CAPABILITIES: Capabilities = "old";

/** How an error shows that a map ended since an item needs an operation that others can address. */
export const REFUSED_IN_BATCH = "ERR_NOT_IN_BATCH";

/** Kinds of which seeds are known to fail; to be emptied. */
export const FAILING_FOR_NOW: readonly Kind[] = [
  "async-context",
  "attempt-again",
  "changed-record",
  "code-after-answer",
  "code-after-close",
  "contradiction",
  "failed",
  "hang",
  "pending-with-nothing",
  "repetition",
  "retry-late",
  "suspended-early",
  "too-many-at-work",
  "too-many-open",
  "wrong-result",
  "wrong-runs",
];
