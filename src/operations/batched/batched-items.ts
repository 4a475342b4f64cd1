import type { AnySerdes } from "../../core/serdes.ts";
import type { CompletionConfig } from "../completion.ts";
import type { Collect } from "./collector.ts";
import type { Item } from "./item.ts";
import type { ItemSource } from "./source.ts";

/** The items of a batched map, and how one is run. */
export interface BatchedItems {
  readonly source: ItemSource;
  /** The name of an item; without a value when only its index matters. */
  readonly nameOf: (index: number, value?: unknown) => string;
  readonly run: (item: Item) => Promise<unknown>;
}

export interface BatchedMapOptions {
  readonly name: string | undefined;
  /** Items whose code runs at once. */
  readonly permits: number;
  readonly maxItems: number;
  /** Bytes that one operation may hold. */
  readonly maxBytes: number;
  /** Updates that may be on their way: what is finished, but would run again after a crash. */
  readonly maxUnacknowledged: number;
  readonly completionConfig: CompletionConfig | undefined;
  readonly itemSerdes: AnySerdes | undefined;
  readonly collect: Collect | undefined;
  /** Called with the bytes of each payload in which a batch's outcomes were written. */
  readonly onPacked: (bytes: number) => void;
}
