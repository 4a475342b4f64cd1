/**
 * The message on Node's diagnostics channel `durable-fanout:batch`. It is published in each invocation in which a map
 * or parallel begins to run. Only this message tells tools the number of items, because no request to the service has
 * it.
 */
export interface FanOutAnnouncement {
  readonly executionArn: string;
  /** The id of the map or parallel at the service. */
  readonly operationId: string;
  readonly name: string | undefined;
  readonly kind: "map" | "parallel";
  /**
   * NESTED: each item has an operation of its own, and the item's operations are inside it. FLAT: items have no
   * operations of their own.
   */
  readonly nesting: "NESTED" | "FLAT";
  /** The number of items that share an operation. Undefined if the map has no batches. */
  readonly batchItems: number | undefined;
  /**
   * The number of all items or branches. If the items are still being read, the number of items that have been read.
   */
  readonly total: number;
  /** False while items are still being read. */
  readonly isTotalKnown: boolean;
  /** Returns the current numbers of items. Call this function whenever progress is shown. */
  counts(): { succeeded: number; failed: number; running: number };
  /**
   * For a tool that runs only a sample of the items. At most `items` items begin. The map does not end then, because
   * the other items have not ended.
   */
  beginAtMost(items: number): void;
  /**
   * A tool may set this function. The map calls it for each item that fails in this invocation, with the item, the
   * item's name, and the item's input value.
   */
  onFailure?: (item: { readonly index: number; readonly error?: unknown }, name: string, input: unknown) => void;
}

const channel = process.getBuiltinModule("node:diagnostics_channel").channel("durable-fanout:batch");

export function publishFanOut(announcement: FanOutAnnouncement): void {
  if (channel.hasSubscribers) channel.publish(announcement);
}
