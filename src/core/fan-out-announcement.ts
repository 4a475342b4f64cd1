/** The diagnostics channel of Node on which the runtime announces each map and parallel that begins to run. */
export const FAN_OUT_CHANNEL = "durable-fanout:batch";

/** The message on `FAN_OUT_CHANNEL`, in each invocation. Only this message tells tools the number of items. */
export interface FanOutAnnouncement {
  readonly executionArn: string;
  /** The hash of the path of the map or parallel. */
  readonly operationId: string;
  readonly name: string | undefined;
  readonly kind: "map" | "parallel";
  /** Without batches, the context of each item is an operation with NESTED, and no operation with FLAT. */
  readonly nesting: "NESTED" | "FLAT";
  /** How many items share an operation. Undefined: items do not share operations. */
  readonly batchItems: number | undefined;
  /** The number of all items. While items are still being read, this is the number of items that have been read. */
  readonly total: number;
  readonly isTotalKnown: boolean;
  counts(): { succeeded: number; failed: number; running: number };
  /** Lets at most `items` items begin in total, for a tool that runs a sample. The other items never begin or end. */
  beginAtMost(items: number): void;
  /** Set by a tool. Called for each item that fails in this invocation, with the item's name and input value. */
  onFailure?: (item: { readonly index: number; readonly error?: unknown }, name: string, input: unknown) => void;
}
