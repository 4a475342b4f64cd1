import { createCodec } from "../codec/codec.ts";
import { detailsOf, hasEnded, isFanOut, type Operation } from "../core/wire.ts";
import type { Rehearsal } from "../replay/rehearsal.ts";
import type { Amendment } from "../service/redrive.ts";
import { type FailedItems, failedItemsOf, isOpenCallback } from "./failed-items.ts";
import { textsOf } from "./marks.ts";
import type { OperationTree } from "./operation-tree.ts";

/** What may have made the handler fail: a failed operation, a context around one, or a map with failed items. */
export interface Cause {
  readonly operation: Operation;
  readonly messages: readonly string[];
  /** Lets it run again. */
  readonly apply: () => void;
}

/** What is to be otherwise in an execution that takes over, as far as that is found. */
export class Draft {
  readonly removed = new Set<string>();
  readonly reopened = new Set<string>();
  readonly retried = new Map<string, string>();
  readonly payloads = new Map<string, string>();
  /** What has failed and runs again. */
  readonly again: Operation[] = [];
  /** Failed items of maps that run again. */
  failedItems = 0;
  readonly #operations: readonly Operation[];
  readonly #tree: OperationTree;
  readonly #handled = new Set<string>();

  constructor(operations: readonly Operation[], tree: OperationTree) {
    this.#operations = operations;
    this.#tree = tree;
    for (const operation of tree.all) if (isOpenCallback(operation)) this.remove(operation);
  }

  get amendment(): Amendment {
    const { removed, reopened, retried, payloads } = this;
    return { removed, reopened, retried, payloads };
  }

  /** Lets failed items run again. */
  add({ removed, reopened, retried, payloads, failedCount }: FailedItems): void {
    for (const id of removed) this.removed.add(id);
    for (const id of reopened) this.reopened.add(id);
    for (const [id, payload] of retried) this.retried.set(id, payload);
    for (const [id, payload] of payloads) this.payloads.set(id, payload);
    this.failedItems += failedCount;
  }

  remove(operation: Operation): void {
    for (const { Id: id } of this.#tree.within(operation)) this.removed.add(id as string);
  }

  /** Lets an operation begin anew with all that stands behind it: the contexts around it have not ended then. */
  goBack(operation: Operation): void {
    this.remove(operation);
    for (const behind of this.#tree.behind(operation)) this.remove(behind);
    for (const context of this.#tree.around(operation)) {
      for (const behind of this.#tree.behind(context)) this.remove(behind);
      this.#reopen(context);
    }
  }

  /**
   * What may have made the handler fail in a rehearsal, in the order in which the code came to it: each has a message
   * that is in the thrown error, or in the first of its causes for which there is one. Empty for nothing of what is
   * recorded.
   */
  causesOf(rehearsal: Rehearsal): readonly Cause[] {
    const { claimed, error } = rehearsal;
    const carriers = new Set<Operation>();
    for (const path of claimed.values()) {
      const operation = this.#tree.at(path);
      if (operation === undefined) continue;
      const carrier = this.#carrierOf(operation);
      // In the order in which the code came to each of them last.
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
    // What the handler throws after its last operation, in words of its own, is about that one.
    return causes.filter(({ operation }) => operation === last);
  }

  /** By whose outcome the handler learns how an operation ended: a map around it, or a context that has ended. */
  #carrierOf(operation: Operation): Operation {
    const around = [...this.#tree.around(operation), operation];
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
      if (!isWhole) return this.#reopen(carrier);
      this.again.push(carrier);
      this.remove(carrier);
    };
    return { operation: carrier, messages, apply };
  }

  /** A context that succeeded with a failure in its result, as `allSettled` does: other outcomes make another result. */
  #resultWith(text: string, carrier: Operation): Cause | undefined {
    if (text === "" || !this.#isClosed(carrier) || carrier.Status !== "SUCCEEDED") return undefined;
    const result = readable(carrier.ContextDetails?.Result);
    if (!result.includes(JSON.stringify(text))) return undefined;
    const apply = (): void => {
      this.#reopen(carrier);
      for (const operation of this.#tree.all) {
        const message = detailsOf(operation)?.Error?.ErrorMessage;
        if (operation.ParentId !== carrier.ParentId || !message || !hasFailed(operation)) continue;
        if (result.includes(JSON.stringify(message))) this.#causeAt(operation)?.apply();
      }
    };
    return { operation: carrier, messages: [text], apply };
  }

  #itemsOf(fanOut: Operation): Cause | undefined {
    const found = failedItemsOf(this.#operations, fanOut.Id as string);
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

  #reopen(operation: Operation): void {
    if (hasEnded(operation)) this.reopened.add(operation.Id as string);
  }
}

// It reads every format.
const json = createCodec("json");

/** A recorded result as JSON text; empty where nobody but the user's serdes can read it. */
function readable(payload: string | undefined): string {
  try {
    return JSON.stringify(json.decode(payload)) ?? "";
  } catch {
    return "";
  }
}

export function hasFailed(operation: Operation): boolean {
  return hasEnded(operation) && operation.Status !== "SUCCEEDED" && operation.Type !== "WAIT";
}
