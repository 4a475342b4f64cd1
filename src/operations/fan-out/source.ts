import { UnrecoverableExecutionError } from "../../core/errors.ts";
import { operationLabel } from "../checks.ts";

/** Items that are read once, in order: a generator, the lines of a file, a paged interface. */
export type ItemStream<T> = Iterable<T> | AsyncIterable<T>;

/** The next items of a source. */
export interface ItemSlice {
  readonly values: readonly unknown[];
  /** A digest of the items, where they must be the same at each read. */
  readonly fingerprint: string | undefined;
}

/** The source of a map's items. */
export interface ItemSource {
  /** The number of items in total; undefined until the end has been read. */
  readonly total: number | undefined;
  /** The next items. The list is shorter than `count` only at the end. */
  read(count: number): ItemSlice | Promise<ItemSlice>;
  /** Ends the reading. */
  close(): void;
}

/** Items that are all present. A replay does not check them: it takes the records for their indexes. */
export class ArraySource implements ItemSource {
  readonly total: number;
  readonly #items: readonly unknown[];
  #position = 0;

  constructor(items: readonly unknown[]) {
    this.#items = items;
    this.total = items.length;
  }

  read(count: number): ItemSlice {
    const end = Math.min(this.total, this.#position + count);
    const isAll = this.#position === 0 && end === this.#items.length;
    const values = isAll ? this.#items : this.#items.slice(this.#position, end);
    this.#position = end;
    return { values, fingerprint: undefined };
  }

  close(): void {}
}

/** Items that are read when they are needed, and read again on replay. */
export class StreamSource implements ItemSource {
  readonly #iterator: Iterator<unknown> | AsyncIterator<unknown>;
  #position = 0;
  #total: number | undefined;

  constructor(stream: ItemStream<unknown>) {
    this.#iterator =
      Symbol.asyncIterator in stream
        ? stream[Symbol.asyncIterator]()
        : (stream as Iterable<unknown>)[Symbol.iterator]();
  }

  get total(): number | undefined {
    return this.#total;
  }

  async read(count: number): Promise<ItemSlice> {
    const values: unknown[] = [];
    while (values.length < count && this.#total === undefined) {
      const next = this.#iterator.next();
      const { done, value } = next instanceof Promise ? await next : await Promise.resolve(next);
      if (done === true) this.#total = this.#position + values.length;
      else values.push(value);
    }
    this.#position += values.length;
    return { values, fingerprint: digestOf(values) };
  }

  close(): void {
    if (this.#total !== undefined) return;
    this.#total = this.#position;
    // A failure in the source's own clean-up changes no result.
    void Promise.resolve(this.#iterator.return?.()).catch(() => {});
  }
}

/** 16 hex digits made from the values' JSON. Throws the errors of `JSON.stringify`. */
export function digestOf(values: readonly unknown[]): string {
  return process.getBuiltinModule("node:crypto").hash("md5", JSON.stringify(values), "hex").slice(0, 16);
}

/** Whether a value is no array and gives its items one after the other. */
export function isStream(value: unknown): value is ItemStream<unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Symbol.asyncIterator in value || Symbol.iterator in value;
}

/** The error when the items are not the recorded ones. */
export function sourceChanged(mapName: string | undefined, what: string): UnrecoverableExecutionError {
  return new UnrecoverableExecutionError(
    "NonDeterministicExecutionError",
    `The items of ${operationLabel("map", mapName)} have changed since the execution began: ${what}. ` +
      "Items must be the same, in the same order, whenever the handler runs.",
  );
}
