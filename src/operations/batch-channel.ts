import { channel } from "node:diagnostics_channel";

/**
 * What is published on Node's diagnostics channel `durable-fanout:batch` when a map or parallel begins to run (in each
 * invocation anew). How many items there are is not on the wire, so this is where a tool learns it.
 */
export interface BatchAnnouncement {
  readonly executionArn: string;
  /** The map's or parallel's wire id. */
  readonly operationId: string;
  readonly name: string | undefined;
  /** Items or branches in all. */
  readonly total: number;
  /** As they are now: read it whenever progress is to be shown. */
  counts(): { succeeded: number; failed: number; running: number };
}

const batches = channel("durable-fanout:batch");

/** Makes and publishes the announcement if anybody listens; otherwise costs nothing. */
export function announceBatch(announcement: () => BatchAnnouncement): void {
  if (batches.hasSubscribers) batches.publish(announcement());
}
