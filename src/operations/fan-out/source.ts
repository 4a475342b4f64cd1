import { UnrecoverableExecutionError } from "../../core/errors.ts";
import { operationLabel } from "../checks.ts";

/**
 * Items that are read one after the other: an iterable or async iterable object, such as a generator or the lines of a
 * file. A string is no `ItemStream`.
 */
export type ItemStream<T> = Iterable<T> | AsyncIterable<T>;

export interface ItemSlice {
  readonly values: readonly unknown[];
  /** A digest by which a replay notices changed items. Undefined for an array, whose items are not compared. */
  readonly fingerprint: string | undefined;
}

export interface ItemSource {
  /** The number of all items. For a stream, undefined until the stream has been read to its end or closed. */
  readonly total: number | undefined;
  /** Reads the next `count` items. Returns fewer items only at the end of the source. */
  read(count: number): ItemSlice | Promise<ItemSlice>;
  close(): void;
}

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
    // A failure of the source's own clean-up does not change the result of the map, so the failure is ignored.
    void (async () => this.#iterator.return?.())().catch(() => {});
  }
}

/** A digest of 16 hexadecimal digits, made from the JSON of the values. Throws the errors of `JSON.stringify`. */
export function digestOf(values: readonly unknown[]): string {
  return process.getBuiltinModule("node:crypto").hash("md5", JSON.stringify(values), "hex").slice(0, 16);
}

export function isStream(value: unknown): value is ItemStream<unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Symbol.asyncIterator in value || Symbol.iterator in value;
}

export function sourceChanged(mapName: string | undefined, what: string): UnrecoverableExecutionError {
  return new UnrecoverableExecutionError(
    "NonDeterministicExecutionError",
    `The items of ${operationLabel("map", mapName)} have changed since the execution began: ${what}. ` +
      "Items must be the same, in the same order, whenever the handler runs.",
  );
}
