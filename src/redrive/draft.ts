import { decodePayload } from "../codec/codec.ts";
import { detailsOf, hasEnded, isFanOut, type Operation } from "../core/wire.ts";
import type { Rehearsal } from "../replay/rehearsal.ts";
import { Changes } from "./changes.ts";
import { type FailedItems, failedItemsOf } from "./failed-items.ts";
import { textsOf } from "./marks.ts";
import { hasFailed } from "./operation-tree.ts";

/** What may have made the handler fail: a failed operation, a map with failed items, or a context around a failure. */
export interface Cause {
  readonly operation: Operation;
  readonly messages: readonly string[];
  /** Changes the draft so that the operation runs again: of a map its failed items, of another context its code. */
  readonly apply: () => void;
}

export class Draft extends Changes {
  readonly again: Operation[] = [];
  failedItems = 0;
  readonly #handled = new Set<string>();

  add({ removed, reopened, retried, payloads, failedCount }: FailedItems): void {
    for (const id of removed) this.removed.add(id);
    for (const id of reopened) this.reopened.add(id);
    for (const [id, payload] of retried) this.retried.set(id, payload);
    for (const [id, payload] of payloads) this.payloads.set(id, payload);
    this.failedItems += failedCount;
  }

  /**
   * Lets an operation, and all operations after it in the code, begin anew, except other items of a map. The contexts
   * around the operation count as not ended, because their results may change.
   */
  goBack(operation: Operation): void {
    this.remove(operation);
    for (const behind of this.tree.behind(operation)) this.remove(behind);
    for (const context of this.tree.around(operation)) {
      for (const behind of this.tree.behind(context)) this.remove(behind);
      this.reopen(context);
    }
  }

  /**
   * The recorded operations that may have made the handler fail, in the order in which the code reached them. Their
   * messages are searched in the thrown error, and then in its causes. The first text with a recorded message decides.
   * If no text has a recorded message, the answer is the last reached operation, or empty if this operation cannot be a
   * cause.
   */
  causesOf(rehearsal: Rehearsal): readonly Cause[] {
    const { claimed, error } = rehearsal;
    const carriers = new Set<Operation>();
    for (const path of claimed.values()) {
      const operation = this.tree.at(path);
      if (operation === undefined) continue;
      const carrier = this.#carrierOf(operation);
      // The code may reach the same carrier (see `#carrierOf`) several times. The last time decides the order.
      carriers.delete(carrier);
      carriers.add(carrier);
    }
    const text = error?.ErrorMessage ?? "";
    const causes = [...carriers].flatMap((carrier) => this.#causeAt(carrier) ?? this.#resultWith(text, carrier) ?? []);
    for (const thrown of textsOf(rehearsal)) {
      const matching = causes.flatMap((cause) => {
        const messages = cause.messages.filter((message) => message !== "" && thrown.includes(message));
        return messages.length === 0 ? [] : [{ ...cause, messages }];
      });
      if (matching.length > 0) return matching;
    }
    const last = [...carriers].at(-1);
    // The handler probably threw an error of its own because its last operation failed.
    return causes.filter(({ operation }) => operation === last);
  }

  /**
   * The operation whose outcome the handler sees: the outermost map or parallel, or else the outermost context that
   * counts as ended, or else `operation` itself.
   */
  #carrierOf(operation: Operation): Operation {
    const around = [...this.tree.around(operation), operation];
    return (
      around.find(({ SubType: subType }) => isFanOut(subType)) ??
      around.find((context) => this.#isClosed(context)) ??
      operation
    );
  }

  #causeAt(carrier: Operation): Cause | undefined {
    const id = carrier.Id as string;
    if (this.removed.has(id) || this.#handled.has(id)) return undefined;
    if (isFanOut(carrier.SubType)) return this.#itemsOf(carrier);
    if (!hasFailed(carrier)) return undefined;
    const messages = [detailsOf(carrier)?.Error?.ErrorMessage ?? ""];
    const isWhole = carrier.Type !== "CONTEXT" || carrier.SubType === "WaitForCallback";
    const apply = (): void => {
      this.#handled.add(id);
      if (!isWhole) return this.reopen(carrier);
      this.again.push(carrier);
      this.remove(carrier);
    };
    return { operation: carrier, messages, apply };
  }

  /**
   * A context can succeed although its result contains the failure, as with `allSettled`. The context must run again
   * too, because its result will change.
   */
  #resultWith(text: string, carrier: Operation): Cause | undefined {
    if (text === "" || !this.#isClosed(carrier) || carrier.Status !== "SUCCEEDED") return undefined;
    const result = readable(carrier.ContextDetails?.Result);
    if (!result.includes(JSON.stringify(text))) return undefined;
    const apply = (): void => {
      this.reopen(carrier);
      for (const operation of this.tree.all) {
        const message = detailsOf(operation)?.Error?.ErrorMessage;
        if (operation.ParentId !== carrier.ParentId || !message || !hasFailed(operation)) continue;
        if (result.includes(JSON.stringify(message))) this.#causeAt(operation)?.apply();
      }
    };
    return { operation: carrier, messages: [text], apply };
  }

  #itemsOf(fanOut: Operation): Cause | undefined {
    const found = failedItemsOf(this.tree, fanOut);
    if (found === undefined) return undefined;
    const apply = (): void => {
      this.#handled.add(fanOut.Id as string);
      this.add(found);
      this.again.push(fanOut);
    };
    return { operation: fanOut, messages: found.messages, apply };
  }

  #isClosed(operation: Operation): boolean {
    return operation.Type === "CONTEXT" && hasEnded(operation) && !this.reopened.has(operation.Id as string);
  }
}

/**
 * A recorded result as JSON text. Empty if there is no result, or if the payload cannot be read. A user's serdes may
 * write such a payload.
 */
function readable(payload: string | undefined): string {
  try {
    return JSON.stringify(decodePayload(payload)) ?? "";
  } catch {
    return "";
  }
}
