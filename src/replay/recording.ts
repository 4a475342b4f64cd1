import type { WireOperation } from "../core/wire.ts";

/** What is recorded of one execution, wherever that was read. */
export interface Recording {
  /** The handler's input as JSON text; undefined for none. */
  readonly input: string | undefined;
  /** Without the execution itself, in the order of their start. */
  readonly operations: readonly WireOperation[];
  /** Ids of operations whose result or error the recording has cut, so that nothing after them can be told. */
  readonly truncated?: ReadonlySet<string>;
  /** Name of the function that was recorded. Default `rehearsal`. */
  readonly functionName?: string | undefined;
}
