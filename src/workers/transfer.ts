import { isMarkedAsUntransferable, type Transferable } from "node:worker_threads";

const TRANSFER = Symbol.for("durable-fanout.transfer");

/** A value with what of it is moved. */
interface Transfer {
  readonly [TRANSFER]: readonly Transferable[];
  readonly value: unknown;
}

/**
 * Marks an argument, or a result inside a worker function, whose buffers are to be moved to the other thread instead of
 * copied. The sender cannot use them afterwards: make them where they are sent, so that another attempt has new ones.
 *
 * ```ts
 * const pixels = await ctx.step("blur", () => images.blur(transfer(readPixels())));
 * ```
 *
 * @param moved what is moved; default: the value itself if it is an ArrayBuffer, the buffer of a typed array or Buffer
 * (unless it shares its memory with others, as small Buffers do: these are copied).
 */
export function transfer<T>(value: T, moved: readonly Transferable[] = ownBuffers(value)): T {
  const marked: Transfer = { [TRANSFER]: moved, value };
  return marked as T;
}

function ownBuffers(value: unknown): Transferable[] {
  const buffer = ArrayBuffer.isView(value) ? value.buffer : value;
  return buffer instanceof ArrayBuffer && !isMarkedAsUntransferable(buffer) ? [buffer] : [];
}

/** The value without its mark, and what of it is moved. */
export function unwrapTransfer(value: unknown): { readonly value: unknown; readonly moved: readonly Transferable[] } {
  if (typeof value !== "object" || value === null || !(TRANSFER in value)) return { value, moved: NOTHING };
  const marked = value as Transfer;
  return { value: marked.value, moved: marked[TRANSFER] };
}

const NOTHING: readonly Transferable[] = [];
