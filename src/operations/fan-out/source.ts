import { UnrecoverableExecutionError } from "../../core/errors.ts";
import { operationLabel } from "../checks.ts";

/** Items that are read once, in order: a generator, a file's lines, a paged interface. */
export type ItemStream<T> = Iterable<T> | AsyncIterable<T>;

/** The next items of a source. */
export interface ItemSlice {
  readonly values: readonly unknown[];
  /** What the items were, where they must be the same whenever they are read. */
  readonly fingerprint: string | undefined;
}

/** Where a map's items come from. */
export interface ItemSource {
  /** Items in all; undefined until the end has been read. */
  readonly total: number | undefined;
  /** The next items: fewer than `count` only at the end. */
  read(count: number): ItemSlice | Promise<ItemSlice>;
  /** Nothing more is read. */
  close(): void;
}

/** Items that are all there. A replay does not check them: it takes what was recorded for their indexes. */
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

/** Items that are read as they are needed, and read again on replay. */
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
    // Its own clean-up is its own business: a failure there changes no result.
    void Promise.resolve(this.#iterator.return?.()).catch(() => {});
  }
}

/** 16 hex digits made of the values' JSON. Throws what `JSON.stringify` throws. */
export function digestOf(values: readonly unknown[]): string {
  return process.getBuiltinModule("node:crypto").hash("md5", JSON.stringify(values), "hex").slice(0, 16);
}

/** Whether a value is something other than an array whose items can be read one after the other. */
export function isStream(value: unknown): value is ItemStream<unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Symbol.asyncIterator in value || Symbol.iterator in value;
}

/** The items are not those of which something is recorded. */
export function sourceChanged(mapName: string | undefined, what: string): UnrecoverableExecutionError {
  return new UnrecoverableExecutionError(
    "NonDeterministicExecutionError",
    `The items of ${operationLabel("map", mapName)} have changed since the execution began: ${what}. ` +
      "Items must be the same, in the same order, whenever the handler runs.",
  );
}
