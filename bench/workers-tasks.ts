import { pbkdf2Sync } from "node:crypto";
import { transfer } from "durable-fanout/workers";

/**
 * Computes for so many rounds. The code is native, because a loop in JavaScript may be compiled differently on each
 * thread, and then has another speed.
 */
export function spin(rounds: number): number {
  return pbkdf2Sync("password", "salt", rounds, 4, "sha256").readUInt32LE(0);
}

export function touch(bytes: Uint8Array): Uint8Array {
  bytes[0] = ((bytes[0] ?? 0) + 1) & 0xff;
  return bytes;
}

export function touchAndMove(bytes: Uint8Array): Uint8Array {
  return transfer(touch(bytes));
}
