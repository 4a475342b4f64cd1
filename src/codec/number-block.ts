import { Buffer } from "node:buffer";

/**
 * Numbers as float64, little-endian, stored by byte position: first every number's first byte, then every second
 * byte. Signs and exponents vary little, so side by side they compress; in place they are lost among the mantissas.
 */
export function writeNumberBlock(numbers: readonly number[]): Buffer {
  const count = numbers.length;
  const block = Buffer.allocUnsafe(count * 8);
  const cell = new DataView(new ArrayBuffer(8));
  for (let i = 0; i < count; i++) {
    cell.setFloat64(0, numbers[i] as number, true);
    const low = cell.getUint32(0, true);
    const high = cell.getUint32(4, true);
    block[i] = low;
    block[count + i] = low >>> 8;
    block[count * 2 + i] = low >>> 16;
    block[count * 3 + i] = low >>> 24;
    block[count * 4 + i] = high;
    block[count * 5 + i] = high >>> 8;
    block[count * 6 + i] = high >>> 16;
    block[count * 7 + i] = high >>> 24;
  }
  return block;
}

/** Undoes `writeNumberBlock`; `block` has `count * 8` bytes. */
export function readNumberBlock(block: Uint8Array, count: number): number[] {
  const numbers = new Array<number>(count);
  const cell = new DataView(new ArrayBuffer(8));
  const byte = (position: number) => block[position] as number;
  for (let i = 0; i < count; i++) {
    for (let part = 0; part < 8; part++) cell.setUint8(part, byte(count * part + i));
    numbers[i] = cell.getFloat64(0, true);
  }
  return numbers;
}
