/**
 * The message on Node's diagnostics channel `durable-fanout:batch` when a map or parallel begins to run in an
 * invocation. Tools learn the number of items here, because the wire does not have it.
 */
export interface FanOutAnnouncement {
  readonly executionArn: string;
  /** The map's or parallel's wire id. */
  readonly operationId: string;
  readonly name: string | undefined;
  readonly kind: "map" | "parallel";
  /** Whether each item has an operation of its own around its operations. */
  readonly nesting: "NESTED" | "FLAT";
  /** The number of items that share an operation; undefined without batches. */
  readonly batchItems: number | undefined;
  /**
   * The number of items or branches in total. While items are still read one after the other: the number of read items.
   */
  readonly total: number;
  /** False while items are still to be read. */
  readonly isTotalKnown: boolean;
  /** The current counts. Call it whenever progress is shown. */
  counts(): { succeeded: number; failed: number; running: number };
  /** For a tool that wants a sample only: no more than `items` items begin, and the map does not end without the others. */
  beginAtMost(items: number): void;
  /** A tool may set it. Called with each item that fails in this invocation, its name, and the item that was read. */
  onFailure?: (item: { readonly index: number; readonly error?: unknown }, name: string, input: unknown) => void;
}

const channel = process.getBuiltinModule("node:diagnostics_channel").channel("durable-fanout:batch");

export function publishFanOut(announcement: FanOutAnnouncement): void {
  if (channel.hasSubscribers) channel.publish(announcement);
}
