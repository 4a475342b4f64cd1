/**
 * What is published on Node's diagnostics channel `durable-fanout:batch` when a map or parallel begins to run (in each
 * invocation anew). How many items there are is not on the wire, so this is where a tool learns it.
 */
export interface BatchAnnouncement {
  readonly executionArn: string;
  /** The map's or parallel's wire id. */
  readonly operationId: string;
  readonly name: string | undefined;
  readonly kind: "map" | "parallel";
  /** Whether each item has an operation of its own, around those that it makes. */
  readonly nesting: "NESTED" | "FLAT";
  /** Items that share an operation; undefined where they do not. */
  readonly batchItems: number | undefined;
  /** Items or branches in all; of items that are read one after the other, those read so far. */
  readonly total: number;
  /** False while items are still to be read, one after the other. */
  readonly isTotalKnown: boolean;
  /** As they are now: read it whenever progress is to be shown. */
  counts(): { succeeded: number; failed: number; running: number };
  /** Whoever looks on may set it: called with each item that fails in this invocation, and what the item was. */
  onFailure?: (item: { readonly index: number; readonly error?: unknown }, name: string, input: unknown) => void;
}

const batches = process.getBuiltinModule("node:diagnostics_channel").channel("durable-fanout:batch");

export function announceBatch(announcement: BatchAnnouncement): void {
  if (batches.hasSubscribers) batches.publish(announcement);
}
