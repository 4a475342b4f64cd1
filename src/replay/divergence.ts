import type { WireOperation } from "../core/wire.ts";
import type { CallSite } from "./call-site.ts";

/** An operation that the code asks for. */
export interface ReachedOperation {
  readonly type: string;
  readonly subType: string;
  readonly name: string | undefined;
  /** Wire id. */
  readonly id: string;
  /** Where it stands in the code: `2-1` is the first operation of the second context. */
  readonly path: string;
  /** The line in the user's code that calls it, where the stack tells. */
  readonly site: CallSite | undefined;
}

/** Where the code and the recording part. */
export interface Divergence {
  /**
   * `operation`: the code asks for an operation of another type, name or subtype. `items`: a map has other items, or an
   * operation is missing where a finished context rebuilds its result. `unasked`: the handler has ended without asking for
   * what is recorded.
   */
  readonly kind: "operation" | "items" | "unasked";
  /** One sentence of what differs. */
  readonly message: string;
  /** What is recorded there; undefined where that is no single operation. */
  readonly recorded: WireOperation | undefined;
  /** What the code asks for there; undefined when it has ended without asking, or where that is no single operation. */
  readonly asked: ReachedOperation | undefined;
}
