import { Cell } from "./protocol.ts";

/** Calls of a message whose numbers fit in a piece. */
const CALLS = 256;
const PIECE = Cell.UNWANTED + CALLS;
/** A thread that is being ended may still write for a moment. */
const LAST_WRITE_MS = 1_000;

/** Numbers that both threads see while a message is at work. */
export interface TakenCells {
  readonly cells: Int32Array<SharedArrayBuffer>;
  /** What is sent of them: where they are in the memory that every thread has, or the memory itself. */
  readonly sent: number | Int32Array<SharedArrayBuffer>;
}

/**
 * Memory that a pool shares with its threads from their start on, a piece for each message. To send shared memory with a
 * message costs more than all the rest of it.
 */
export class SharedCells {
  readonly buffer: SharedArrayBuffer;
  readonly #free: number[];

  constructor(messages: number) {
    this.buffer = new SharedArrayBuffer(messages * PIECE * Int32Array.BYTES_PER_ELEMENT);
    this.#free = Array.from({ length: messages }, (_, piece) => piece * PIECE);
  }

  /** For a message of so many calls; all zero. */
  take(calls: number): TakenCells {
    const at = calls > CALLS ? undefined : this.#free.pop();
    if (at === undefined) {
      const cells = new Int32Array(new SharedArrayBuffer((Cell.UNWANTED + calls) * Int32Array.BYTES_PER_ELEMENT));
      return { cells, sent: cells };
    }
    return { cells: piece(this.buffer, at).fill(0), sent: at };
  }

  /** The message is no longer at work; its thread may be ending. */
  giveBack({ sent }: TakenCells, isThreadLost: boolean): void {
    if (typeof sent !== "number") return;
    if (isThreadLost) setTimeout(() => this.#free.push(sent), LAST_WRITE_MS).unref();
    else this.#free.push(sent);
  }
}

/** The numbers of a message, as its thread finds them. */
export function findCells(
  buffer: SharedArrayBuffer,
  sent: number | Int32Array<SharedArrayBuffer>,
): Int32Array<SharedArrayBuffer> {
  return typeof sent === "number" ? piece(buffer, sent) : sent;
}

function piece(buffer: SharedArrayBuffer, at: number): Int32Array<SharedArrayBuffer> {
  return new Int32Array(buffer, at * Int32Array.BYTES_PER_ELEMENT, PIECE);
}
