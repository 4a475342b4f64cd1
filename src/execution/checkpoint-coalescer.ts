import type { DurableExecutionClient } from "../client/client.ts";
import { MAX_STATE_PAGE_ITEMS } from "../core/limits.ts";
import { logVerbose } from "../core/verbose.ts";
import type { GetDurableExecutionStateResponse, OperationUpdate, WireOperation } from "../core/wire.ts";
import type { DurableLogger } from "./logger.ts";
import { readOperations } from "./state.ts";
import { updateBytes } from "./update-bytes.ts";

interface Entry {
  readonly update: OperationUpdate;
  readonly bytes: number;
  readonly acknowledged: (() => void) | undefined;
}

export interface CoalescerOptions {
  readonly client: DurableExecutionClient;
  readonly arn: string;
  readonly token: string;
  /** The logger to which the client writes failures of requests. */
  readonly logger?: DurableLogger;
  readonly maxBytes: number;
  readonly maxUpdates: number;
  /** Milliseconds for which an update may wait for other updates. */
  readonly maxDelayMs: number;
  /** Gets the operations that a request changed. The acknowledgements wait for the returned promise. */
  readonly onChanged: (operations: readonly WireOperation[]) => Promise<unknown> | undefined;
  /** Called when nothing is queued or in flight, and no poll is wanted. */
  readonly onIdle: () => void;
  /** Called when a request, or the handling of its answer, has failed. Nothing more is sent. */
  readonly onFailure: (error: unknown) => void;
  /** Called when the service accepted a request and gave no next token, although updates may be left to send. */
  readonly onClosed: () => void;
}

/** The number of bytes around the updates of a request, as the official client counts them. */
const ENVELOPE_BYTES = 100;

/**
 * Collects updates and sends them together, in requests.
 *
 * C1  At most one request is in flight, because each request needs the token from the previous answer.
 * C2  Updates are sent in the order in which they were queued.
 * C3  When no request is in flight, an update is sent at the end of the tick in which it was queued, with all other
 *     updates of this tick. With `maxDelayMs` the update waits for up to this time instead. The wait ends early when a
 *     request is full, the service is polled, or the invocation drains or ends.
 * C4  A request has at most `maxUpdates` updates and `maxBytes` bytes. A single update over `maxBytes` is sent alone.
 * C5  A deferred START is queued right before the first update that requires it: an update of an operation inside the
 *     context, or an update of the operation itself that is not the end. The end replaces the START. A START that is
 *     still deferred when the invocation ends is never sent. Its operation has no record, so the next invocation
 *     begins the operation again.
 * C6  After `close`, after a failure, and after the service has closed the invocation, no update is accepted, and no
 *     acknowledgement is called.
 * C7  When an answer arrives and the queued updates fill a further request, this request is sent before the
 *     acknowledgements are called. Code that waits for the acknowledgements could add nothing to a full request.
 * C8  All pages of an answer are read before any acknowledgement is called.
 */
export class Coalescer {
  readonly #options: CoalescerOptions;
  #token: string;
  #queue: Entry[] = [];
  #cursor = 0;
  #polls: (() => void)[] = [];
  readonly #deferred = new Map<string, OperationUpdate>();
  #queuedBytes = 0;
  #scheduled = false;
  #window: ReturnType<typeof setTimeout> | undefined;
  #hurried = false;
  #inFlight = false;
  #open = true;
  #sealed = false;
  #onAllSent: (() => void) | undefined;

  constructor(options: CoalescerOptions) {
    this.#options = options;
    this.#token = options.token;
  }

  get idle(): boolean {
    return !this.#scheduled && !this.#inFlight;
  }

  /** `acknowledged` is called when the update is recorded, and never if the service then gives no next token. */
  enqueue(update: OperationUpdate, acknowledged?: () => void): void {
    if (!this.#open || this.#sealed) return; // C6
    if (this.#deferred.size > 0) this.#release(update);
    this.#push(update, acknowledged);
    this.#schedule();
  }

  #push(update: OperationUpdate, acknowledged?: () => void): void {
    const bytes = updateBytes(update);
    this.#queuedBytes += bytes;
    this.#queue.push({ update, bytes, acknowledged });
  }

  /** From now on no update waits for `maxDelayMs`. */
  hurry(): void {
    this.#hurried = true;
    if (this.#window !== undefined) this.#schedule();
  }

  /** Keeps the START of a new step or context until another update requires the START. */ // C5
  defer(start: OperationUpdate): void {
    if (!this.#open || this.#sealed || start.Id === undefined) return; // C6
    this.#deferred.set(start.Id, start);
  }

  #release(update: OperationUpdate): void {
    if (update.Id !== undefined && (update.Action === "SUCCEED" || update.Action === "FAIL")) {
      this.#deferred.delete(update.Id);
    } else this.#releaseStart(update.Id);
    this.#releaseStart(update.ParentId);
  }

  /** Queues a deferred START after the deferred STARTs of the contexts around the operation. */
  #releaseStart(id: string | undefined): void {
    const start = id === undefined ? undefined : this.#deferred.get(id);
    if (id === undefined || start === undefined) return;
    this.#deferred.delete(id);
    this.#releaseStart(start.ParentId);
    this.#push(start);
  }

  /** The next request, which may be empty, asks for changed operations. If it fails, `answered` is never called. */
  poll(answered: () => void): void {
    if (!this.#open || this.#sealed) return; // C6
    this.#polls.push(answered);
    this.#schedule();
  }

  /** From now on, accepts no update, except by `sendLast`, and no poll. Queued updates are still sent. */
  seal(): void {
    this.#sealed = true;
    this.#deferred.clear(); // C5
    this.#polls = [];
    if (this.#window !== undefined) this.#schedule();
  }

  /** Accepts nothing more. Resolves when the queued updates are recorded, or when they can no longer be recorded. */
  async sendRemaining(): Promise<void> {
    this.seal();
    if (!this.#open || this.idle) return;
    await new Promise<void>((resolve) => {
      this.#onAllSent = resolve;
    });
  }

  /** Sends an update after `sendRemaining`. Resolves when the update is recorded, or can no longer be recorded. */
  async sendLast(update: OperationUpdate): Promise<void> {
    if (!this.#open) return;
    this.#push(update);
    this.#schedule();
    await this.sendRemaining();
  }

  #schedule(): void {
    if (this.#inFlight || (this.#scheduled && this.#window === undefined)) return;
    const waits = this.#mayWait;
    if (this.#scheduled && waits) return;
    this.#scheduled = true;
    clearTimeout(this.#window);
    this.#window = undefined;
    if (waits) this.#window = setTimeout(() => void this.#send(), this.#options.maxDelayMs);
    else setImmediate(() => void this.#send()); // C3
  }

  get #mayWait(): boolean {
    if (this.#options.maxDelayMs === 0 || this.#sealed || this.#hurried || this.#polls.length > 0) return false;
    return !this.#isFull;
  }

  get #isFull(): boolean {
    const { maxUpdates, maxBytes } = this.#options;
    return this.#queue.length - this.#cursor >= maxUpdates || this.#queuedBytes >= maxBytes;
  }

  async #send(): Promise<void> {
    this.#scheduled = false;
    this.#window = undefined;
    if (!this.#open) return;
    this.#inFlight = true;
    const sent = this.#nextRequest();
    const updates = sent.map(({ update }) => update);
    const polls = this.#polls;
    this.#polls = [];
    logVerbose(() => `checkpoint of ${updates.length} updates, ${this.#queue.length - this.#cursor} more wait`);
    let isLast: boolean;
    try {
      const request = { DurableExecutionArn: this.#options.arn, CheckpointToken: this.#token, Updates: updates };
      const response = await this.#options.client.checkpoint(request, this.#options.logger);
      if (!this.#open) return;
      const { Operations, NextMarker: marker } = response.NewExecutionState ?? {};
      const first = readOperations("the answer to a checkpoint", Operations);
      const changed =
        marker && response.CheckpointToken ? await this.#readOn(first, marker, response.CheckpointToken) : first;
      if (!this.#open) return;
      const noticed = changed.length > 0 ? this.#options.onChanged(changed) : undefined;
      if (noticed !== undefined) {
        await noticed;
        if (!this.#open) return;
      }
      this.#inFlight = false;
      isLast = response.CheckpointToken === undefined;
      this.#token = response.CheckpointToken ?? this.#token;
      if (!isLast && this.#isFull) void this.#send(); // C7
      // Without a next token nothing more can be recorded. So the code that waits for the acknowledgements must not
      // continue.
      if (!isLast) {
        for (const { acknowledged } of sent) acknowledged?.();
        for (const answered of polls) answered();
      }
    } catch (error) {
      if (this.#open) this.#fail(error);
      return;
    }
    if (isLast) this.#closedByService(updates);
    else if (this.#cursor < this.#queue.length || this.#polls.length > 0) this.#schedule();
    else if (this.idle) this.#settle();
  }

  // C8
  async #readOn(first: readonly WireOperation[], from: string, token: string): Promise<readonly WireOperation[]> {
    const { client, arn, logger } = this.#options;
    const changed = [...first];
    for (let marker: string | undefined = from; marker && this.#open; ) {
      const request = {
        DurableExecutionArn: arn,
        CheckpointToken: token,
        Marker: marker,
        MaxItems: MAX_STATE_PAGE_ITEMS,
      };
      const page: GetDurableExecutionStateResponse = await client.getExecutionState(request, logger);
      changed.push(...readOperations("a page of the answer to a checkpoint", page.Operations));
      marker = page.NextMarker;
    }
    return changed;
  }

  // C2, C4
  #nextRequest(): Entry[] {
    const { maxBytes, maxUpdates } = this.#options;
    const entries: Entry[] = [];
    let bytes = ENVELOPE_BYTES + this.#token.length;
    while (this.#cursor < this.#queue.length && entries.length < maxUpdates) {
      const entry = this.#queue[this.#cursor] as Entry;
      if (entries.length > 0 && bytes + entry.bytes > maxBytes) break;
      bytes += entry.bytes;
      this.#queuedBytes -= entry.bytes;
      entries.push(entry);
      this.#queue[this.#cursor] = SENT;
      this.#cursor++;
    }
    this.#forgetSent();
    return entries;
  }

  /** Drops sent entries only when they are more than half of the queue, because dropping copies all other entries. */
  #forgetSent(): void {
    if (this.#cursor === this.#queue.length) this.#queue = [];
    else if (this.#cursor * 2 > this.#queue.length) this.#queue = this.#queue.slice(this.#cursor);
    else return;
    this.#cursor = 0;
  }

  #settle(): void {
    this.#onAllSent?.();
    if (this.#open) this.#options.onIdle();
  }

  #fail(error: unknown): void {
    this.close();
    this.#options.onFailure(error);
  }

  #closedByService(updates: readonly OperationUpdate[]): void {
    const unsent = this.#cursor < this.#queue.length || !this.#sealed;
    this.close();
    // If the last update ends the execution, a missing token does not mean that updates are lost.
    if (unsent && updates.at(-1)?.Type !== "EXECUTION") this.#options.onClosed();
  }

  /** Sends nothing more. Drops the queued updates and their acknowledgements. */
  close(): void {
    this.#open = false;
    this.#deferred.clear();
    this.#inFlight = false;
    this.#queue = [];
    this.#cursor = 0;
    this.#polls = [];
    clearTimeout(this.#window);
    this.#onAllSent?.();
  }
}

const SENT: Entry = { update: {} as OperationUpdate, bytes: 0, acknowledged: undefined };
