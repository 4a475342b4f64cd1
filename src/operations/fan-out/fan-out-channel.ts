/**
 * The message that is published on Node's diagnostics channel `durable-fanout:batch`, in each invocation in which a map
 * or parallel begins to run. The records of a running map do not contain the number of its items.
 */
export interface FanOutAnnouncement {
  readonly executionArn: string;
  /** The hash of the path of the map or parallel. */
  readonly operationId: string;
  readonly name: string | undefined;
  readonly kind: "map" | "parallel";
  /** The option `nesting`. Without effect on a map with batches. */
  readonly nesting: "NESTED" | "FLAT";
  readonly batchItems: number | undefined;
  /** The number of all items. While items are still being read, this is the number of items that have been read. */
  readonly total: number;
  readonly isTotalKnown: boolean;
  counts(): { succeeded: number; failed: number; running: number };
  /**
   * Lets at most `items` items begin, for a tool that runs a sample. Further items never begin, so the map may never
   * end.
   */
  beginAtMost(items: number): void;
  /**
   * Set by a tool. Called for each item that fails in this invocation before the map ends. `input` is the item's value.
   */
  onFailure?: (item: { readonly index: number; readonly error?: unknown }, name: string, input: unknown) => void;
}

const channel = process.getBuiltinModule("node:diagnostics_channel").channel("durable-fanout:batch");

export function publishFanOut(announcement: FanOutAnnouncement): void {
  if (channel.hasSubscribers) channel.publish(announcement);
}
