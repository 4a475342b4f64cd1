import { MAX_STATE_PAGE_ITEMS } from "../core/limits.ts";
import { detailsOf, type Operation } from "../core/wire.ts";
import { copyOperation } from "./operation-table.ts";
import { invalidParameter } from "./service-error.ts";

/** 5 MiB: the greatest size of a page, as in the service's emulators. An event of Lambda has at most 6 MB. */
export const MAX_PAGE_BYTES = 5 * 1024 * 1024;

/** The number of operations on a page if the request has no number, or 0. The service has the same default. */
const DEFAULT_PAGE_ITEMS = 100;

export interface StatePage {
  readonly operations: Operation[];
  readonly nextMarker: string | undefined;
}

/** The operations that one invocation reads. Sizes are estimates. Only a page of one operation exceeds `maxBytes`. */
export class StatePages {
  readonly #operations: readonly Operation[];
  readonly #maxBytes: number;

  constructor(operations: Iterable<Operation>, maxBytes: number) {
    this.#operations = [...operations];
    this.#maxBytes = maxBytes;
  }

  first(maxItems: number): StatePage {
    return this.#page(0, maxItems);
  }

  read(marker: string | undefined, maxItems: number | undefined): StatePage {
    const at = marker ? Number(marker) : 0;
    if (!Number.isInteger(at) || at < 0 || at > this.#operations.length) throw invalidParameter("Invalid marker.");
    const items = maxItems || DEFAULT_PAGE_ITEMS;
    if (!(items > 0 && items <= MAX_STATE_PAGE_ITEMS)) {
      throw invalidParameter(`MaxItems must be between 0 and ${MAX_STATE_PAGE_ITEMS}.`);
    }
    return this.#page(at, items);
  }

  #page(from: number, maxItems: number): StatePage {
    const operations: Operation[] = [];
    let bytes = 0;
    let at = from;
    for (; at < this.#operations.length && operations.length < maxItems; at++) {
      const operation = this.#operations[at] as Operation;
      bytes += operationBytes(operation);
      if (operations.length > 0 && bytes > this.#maxBytes) break;
      // The handler gets a copy. Otherwise the handler could change the record.
      operations.push(copyOperation(operation));
    }
    return { operations, nextMarker: at < this.#operations.length ? String(at) : undefined };
  }
}

/** An estimate of the bytes that the operation needs in a response. */
function operationBytes(operation: Operation): number {
  const { Result: result, Error: error } = detailsOf(operation) ?? {};
  const payload = result ?? operation.ExecutionDetails?.InputPayload ?? "";
  const texts = [payload, error === undefined ? "" : JSON.stringify(error), operation.Name ?? ""];
  return texts.reduce((bytes, text) => bytes + Buffer.byteLength(text), 300);
}
