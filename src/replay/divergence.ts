import type { WireOperation } from "../core/wire.ts";
import type { CallSite } from "./call-site.ts";

/** An operation that the code asks for. */
export interface ReachedOperation {
  readonly type: string;
  readonly subType: string;
  readonly name: string | undefined;
  /** Wire id. */
  readonly id: string;
  /** The position in the code: `2-1` is the first operation inside the second operation. */
  readonly path: string;
  /** The line in the user's code that calls the operation. Undefined if the stack does not show the line. */
  readonly site: CallSite | undefined;
}

/** The first difference between the code and the recording. */
export interface Divergence {
  /**
   * - `operation`: the code asks for an operation of another type, name or subtype than the recorded one.
   * - `items`: a map has other items, or an ended context makes its result again and misses an operation.
   * - `unasked`: the handler has ended without asking for a recorded operation.
   */
  readonly kind: "operation" | "items" | "unasked";
  /** A sentence that describes the difference. */
  readonly message: string;
  /** The recorded operation. Undefined if the difference is not about a single operation. */
  readonly recorded: WireOperation | undefined;
  /** The operation for which the code asks. Undefined for `items` and `unasked`. */
  readonly asked: ReachedOperation | undefined;
}
