import { unreadable } from "./format.ts";
import { EXT, MAX_RECORDS, RECORD, VIEW_CLASSES, VIEW_CODES } from "./msgpack-words.ts";

/** Up to this length a string of ASCII is faster read here than by Node. */
const MAX_OWN_CHARS = 12;

/**
 * Reads the msgpack that `MsgpackWriter`, and msgpackr before it, wrote. Maps are read as Map, which is how a tree says
 * that a node is special. Bytes of a hostile writer are not run, and what they become is bounded by their number.
 * Each method throws: `RangeError` beyond the bytes, or `ERR_PAYLOAD_UNREADABLE`.
 */
export class MsgpackReader {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  #at = 0;
  /** Items that arrays and maps may still have: each takes a byte, so that no more memory is set aside than that. */
  #itemsLeft: number;
  readonly #records: string[][] = [];

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#itemsLeft = bytes.length;
  }

  /** The one value that the bytes hold. */
  readAll(): unknown {
    const value = this.#read();
    if (this.#at !== this.#bytes.length) throw damaged();
    return value;
  }

  #read(): unknown {
    const byte = this.#view.getUint8(this.#at++);
    if (byte < RECORD || byte >= 0xe0) return (byte << 24) >> 24;
    if (byte < RECORD + MAX_RECORDS) {
      const keys = this.#records[byte - RECORD];
      return keys === undefined ? byte : this.#readRecord(keys);
    }
    if (byte < 0x90) return this.#readMap(byte & 0x0f);
    if (byte < 0xa0) return this.#readArray(byte & 0x0f);
    if (byte < 0xc0) return this.#readText(byte & 0x1f);
    switch (byte) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this.#take(this.#length(byte - 0xc4));
      case 0xc7:
      case 0xc8:
      case 0xc9:
        return this.#readExtension(this.#length(byte - 0xc7));
      case 0xca:
        return this.#view.getFloat32(this.#skip(4));
      case 0xcb:
        return this.#view.getFloat64(this.#skip(8));
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.#length(byte - 0xcc);
      case 0xcf:
        return this.#view.getBigUint64(this.#skip(8));
      case 0xd0:
        return this.#view.getInt8(this.#skip(1));
      case 0xd1:
        return this.#view.getInt16(this.#skip(2));
      case 0xd2:
        return this.#view.getInt32(this.#skip(4));
      case 0xd3:
        return this.#view.getBigInt64(this.#skip(8));
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return this.#readExtension(1 << (byte - 0xd4));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#readText(this.#length(byte - 0xd9));
      case 0xdc:
      case 0xdd:
        return this.#readArray(this.#length(byte - 0xdb));
      case 0xde:
      case 0xdf:
        return this.#readMap(this.#length(byte - 0xdd));
      default:
        throw foreign();
    }
  }

  /** Where the next `count` bytes begin, which are left behind. */
  #skip(count: number): number {
    const at = this.#at;
    this.#at += count;
    return at;
  }

  /** An unsigned integer of one, two or four bytes. */
  #length(size: number): number {
    if (size === 0) return this.#view.getUint8(this.#skip(1));
    return size === 1 ? this.#view.getUint16(this.#skip(2)) : this.#view.getUint32(this.#skip(4));
  }

  #take(count: number): Buffer {
    const start = this.#skip(count);
    if (this.#at > this.#bytes.length) throw damaged();
    return this.#bytes.subarray(start, this.#at);
  }

  #count(items: number): void {
    this.#itemsLeft -= items;
    if (this.#itemsLeft < 0) throw damaged();
  }

  #readText(length: number): string {
    const start = this.#skip(length);
    if (this.#at > this.#bytes.length) throw damaged();
    if (length > MAX_OWN_CHARS) return this.#bytes.toString("utf8", start, this.#at);
    let text = "";
    for (let at = start; at < this.#at; at++) {
      const byte = this.#bytes[at] as number;
      if (byte > 127) return this.#bytes.toString("utf8", start, this.#at);
      text += String.fromCharCode(byte);
    }
    return text;
  }

  #readArray(length: number): unknown[] {
    this.#count(length);
    const items = new Array<unknown>(length);
    for (let i = 0; i < length; i++) items[i] = this.#read();
    return items;
  }

  #readMap(size: number): Map<unknown, unknown> {
    this.#count(size * 2);
    const map = new Map<unknown, unknown>();
    for (let i = 0; i < size; i++) map.set(this.#read(), this.#read());
    return map;
  }

  #readRecord(keys: readonly string[]): Record<string, unknown> {
    const record: Record<string, unknown> = {};
    for (const key of keys) record[key] = this.#read();
    return record;
  }

  #readExtension(length: number): unknown {
    const type = this.#view.getUint8(this.#skip(1));
    const body = this.#take(length);
    switch (type) {
      case EXT.undefined:
        return undefined;
      case EXT.record:
        return this.#defineRecord((body[0] as number) & (MAX_RECORDS - 1));
      case EXT.date:
        return readDate(body);
      case EXT.bigint:
        return BigInt.asIntN(body.length * 8, BigInt(`0x${body.toString("hex") || "0"}`));
      case EXT.view:
        return readView(body);
      default:
        throw FOREIGN_TYPES.has(type) ? foreign() : damaged();
    }
  }

  #defineRecord(id: number): Record<string, unknown> {
    const keys = this.#read();
    if (!Array.isArray(keys) || !keys.every((key) => typeof key === "string")) throw damaged();
    // Assigned to, `__proto__` would change the prototype. No release has written such a key.
    const safe = keys.map((key) => (key === "__proto__" ? "__proto_" : key));
    this.#records[id] = safe;
    return this.#readRecord(safe);
  }
}

function readDate(body: Buffer): Date {
  switch (body.length) {
    case 4:
      return new Date(body.readUInt32BE(0) * 1000);
    case 8: {
      const head = body.readUInt32BE(0);
      return new Date(Math.floor(head / 4) / 1_000_000 + ((head % 4) * 2 ** 32 + body.readUInt32BE(4)) * 1000);
    }
    case 12:
      return new Date(body.readUInt32BE(0) / 1_000_000 + Number(body.readBigInt64BE(4)) * 1000);
    default:
      return new Date(Number.NaN);
  }
}

function readView(body: Buffer): ArrayBufferView | ArrayBuffer {
  const code = body[0] as number;
  // A buffer of its own, since the classes ask for a place that suits them.
  const { buffer } = new Uint8Array(body.subarray(1));
  if (code === VIEW_CODES.buffer) return buffer;
  if (code === VIEW_CODES.dataView) return new DataView(buffer);
  const Class = VIEW_CLASSES[code];
  if (Class === undefined) throw damaged();
  return new Class(buffer);
}

/** Extensions that msgpackr has for sets, errors and regular expressions: a tree has tags for them instead. */
const FOREIGN_TYPES: ReadonlySet<number> = new Set([0x65, 0x73, 0x78]);

function foreign(): Error {
  return unreadable("it holds an object of an unknown class, or what is no data");
}

function damaged(): Error {
  return unreadable("its msgpack is damaged");
}
