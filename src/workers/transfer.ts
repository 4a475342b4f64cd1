import { isMarkedAsUntransferable, type Transferable } from "node:worker_threads";

const TRANSFER = Symbol.for("durable-fanout.transfer");

interface Transfer {
  readonly [TRANSFER]: readonly Transferable[];
  readonly value: unknown;
}

/**
 * Marks a whole argument or the whole result of a worker function. The objects in `moved` are moved to the other thread
 * and not copied. The sender cannot use a moved buffer afterwards. So create the buffer inside the step that sends it:
 * another attempt of the step then creates a new buffer. Use the returned mark only as the argument or the result; a
 * mark inside of another value arrives as the object `{ value }`. If an object cannot be moved, the call fails with
 * `ERR_WORKER_UNCLONEABLE`.
 *
 * ```ts
 * const pixels = await ctx.step("blur", () => images.blur(transfer(readPixels())));
 * ```
 *
 * @param moved the objects to move. Default: the value itself if it is an ArrayBuffer; the whole buffer of a typed
 * array, DataView or Buffer; otherwise none. A small Buffer of Node shares its memory with other Buffers, so it is
 * copied.
 */
export function transfer<T>(value: T, moved: readonly Transferable[] = ownBuffers(value)): T {
  const marked: Transfer = { [TRANSFER]: moved, value };
  return marked as T;
}

function ownBuffers(value: unknown): Transferable[] {
  const buffer = ArrayBuffer.isView(value) ? value.buffer : value;
  return buffer instanceof ArrayBuffer && !isMarkedAsUntransferable(buffer) ? [buffer] : [];
}

export function unwrapTransfer(value: unknown): { readonly value: unknown; readonly moved: readonly Transferable[] } {
  if (typeof value !== "object" || value === null || !(TRANSFER in value)) return { value, moved: NOTHING };
  const marked = value as Transfer;
  return { value: marked.value, moved: marked[TRANSFER] };
}

const NOTHING: readonly Transferable[] = [];
