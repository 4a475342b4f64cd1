import type { WireOperation } from "../core/wire.ts";
import type { CallSite } from "./call-site.ts";

/** An operation that the code asks for. */
export interface ReachedOperation {
  readonly type: string;
  readonly subType: string;
  readonly name: string | undefined;
  /** The id of the operation at the service. */
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
   * - `items`: a map has other items, or an ended context makes its result again and a recorded operation is missing.
   * - `unasked`: the handler has ended without asking for a recorded operation.
   */
  readonly kind: "operation" | "items" | "unasked";
  readonly message: string;
  /** The recorded operation. Undefined for `items`. */
  readonly recorded: WireOperation | undefined;
  /** The operation for which the code asks. Undefined for `items` and `unasked`. */
  readonly asked: ReachedOperation | undefined;
}
