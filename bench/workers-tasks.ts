import { pbkdf2Sync } from "node:crypto";
import { transfer } from "durable-fanout/workers";

/**
 * Computes for so many rounds. Native code, since the same loop in JavaScript is compiled to code of another speed from
 * thread to thread.
 */
export function spin(rounds: number): number {
  return pbkdf2Sync("password", "salt", rounds, 4, "sha256").readUInt32LE(0);
}

/** Looks at one byte, and gives the buffer back. */
export function touch(bytes: Uint8Array): Uint8Array {
  bytes[0] = ((bytes[0] ?? 0) + 1) & 0xff;
  return bytes;
}

/** The same, and moves it back. */
export function touchAndMove(bytes: Uint8Array): Uint8Array {
  return transfer(touch(bytes));
}
