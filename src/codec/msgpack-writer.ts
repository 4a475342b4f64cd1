import { EXT, MAX_RECORDS, RECORD, VIEW_CLASSES, VIEW_CODES } from "./msgpack-words.ts";

const FIRST_BYTES = 8 * 1024;
/** The buffer is kept for the next call, unless it has grown beyond this. */
const MAX_KEPT_BYTES = 256 * 1024;

/** Room that is made before a value is written: the longest head of one, a timestamp's, takes 15 bytes. */
const HEAD_BYTES = 16;

/** Up to this length a string of ASCII is faster written here than by Node. */
const MAX_OWN_CHARS = 40;

/**
 * Writes a tree as msgpack, with the records of msgpackr: the keys of an object are written once, further objects with
 * the same keys refer to them. They are told apart by a list of keys; no payload has more than 64 at a time.
 */
export class MsgpackWriter {
  #bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;
  #records: (readonly string[])[] = [];
  #newest = -1;

  /** The bytes of a tree, good until the next call: they lie in a buffer that is used again. */
  pack(tree: unknown): Buffer {
    this.#at = 0;
    this.#write(tree);
    const packed = this.#bytes.subarray(0, this.#at);
    this.#records = [];
    this.#newest = -1;
    if (this.#bytes.length > MAX_KEPT_BYTES) this.#use(Buffer.allocUnsafeSlow(FIRST_BYTES));
    return packed;
  }

  #use(bytes: Buffer): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }

  #makeRoom(count: number): void {
    if (this.#at + count <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#at + count));
    larger.set(this.#bytes.subarray(0, this.#at));
    this.#use(larger);
  }

  #byte(byte: number): void {
    this.#bytes[this.#at++] = byte;
  }

  #write(node: unknown): void {
    this.#makeRoom(HEAD_BYTES);
    switch (typeof node) {
      case "string":
        return this.#writeText(node);
      case "number":
        return this.#writeNumber(node);
      case "boolean":
        return this.#byte(node ? 0xc3 : 0xc2);
      case "undefined":
        return this.#writeExtension(EXT.undefined, 0);
      case "bigint":
        return this.#writeBigInt(node);
      default:
        return node === null ? this.#byte(0xc0) : this.#writeObject(node as object);
    }
  }

  #writeObject(node: object): void {
    if (Array.isArray(node)) {
      this.#writeHead(node.length, 0x90, 16, 0xdc);
      for (let i = 0; i < node.length; i++) this.#write(node[i]);
    } else if (node instanceof Map) {
      this.#writeHead(node.size, 0x80, 16, 0xde);
      for (const [key, value] of node) {
        this.#write(key);
        this.#write(value);
      }
    } else if (node instanceof Date) this.#writeDate(node);
    else if (node instanceof ArrayBuffer) this.#writeView(new Uint8Array(node), VIEW_CODES.buffer);
    else if (Buffer.isBuffer(node)) this.#writeBytes(node);
    else if (node instanceof DataView) this.#writeView(node, VIEW_CODES.dataView);
    else if (ArrayBuffer.isView(node)) this.#writeView(node, VIEW_CLASSES.indexOf(node.constructor as never));
    else this.#writeRecord(node as Record<string, unknown>);
  }

  #writeRecord(record: Record<string, unknown>): void {
    const keys = Object.keys(record);
    const known = this.#find(keys);
    if (known >= 0) this.#byte(RECORD + known);
    else {
      this.#newest = (this.#newest + 1) % MAX_RECORDS;
      this.#records[this.#newest] = keys;
      this.#byte(0xd4);
      this.#byte(EXT.record);
      this.#byte(RECORD + this.#newest);
      this.#write(keys);
    }
    for (const key of keys) this.#write(record[key]);
  }

  #find(keys: readonly string[]): number {
    for (let at = this.#records.length - 1; at >= 0; at--) {
      const known = this.#records[at] as readonly string[];
      if (known.length !== keys.length) continue;
      let same = 0;
      while (same < keys.length && keys[same] === known[same]) same++;
      if (same === keys.length) return at;
    }
    return -1;
  }

  /** The head of what has a length: in one byte below `limit`, or after a byte that says how long the length is. */
  #writeHead(length: number, short: number, limit: number, long: number): void {
    if (length < limit) this.#byte(short | length);
    else if (length < 0x10000) {
      this.#byte(long);
      this.#view.setUint16(this.#at, length);
      this.#at += 2;
    } else {
      this.#byte(long + 1);
      this.#view.setUint32(this.#at, length);
      this.#at += 4;
    }
  }

  #writeText(text: string): void {
    const { length } = text;
    this.#makeRoom(length * 3 + HEAD_BYTES);
    if (length <= MAX_OWN_CHARS && this.#writeAscii(text)) return;
    const byteLength = Buffer.byteLength(text);
    if (byteLength >= 32 && byteLength < 0x100) {
      this.#byte(0xd9);
      this.#byte(byteLength);
    } else this.#writeHead(byteLength, 0xa0, 32, 0xda);
    this.#at += this.#bytes.write(text, this.#at);
  }

  /** False, and nothing written, if the text is not ASCII. */
  #writeAscii(text: string): boolean {
    const bytes = this.#bytes;
    const { length } = text;
    let at = this.#at + (length < 32 ? 1 : 2);
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 127) return false;
      bytes[at++] = code;
    }
    if (length < 32) bytes[this.#at] = 0xa0 | length;
    else {
      bytes[this.#at] = 0xd9;
      bytes[this.#at + 1] = length;
    }
    this.#at = at;
    return true;
  }

  #writeNumber(number: number): void {
    if (number >>> 0 === number) {
      // From 0x40 on, a byte would be a record's.
      if (number < RECORD) this.#byte(number);
      else if (number < 0x100) {
        this.#byte(0xcc);
        this.#byte(number);
      } else if (number < 0x10000) {
        this.#byte(0xcd);
        this.#byte(number >> 8);
        this.#byte(number);
      } else {
        this.#byte(0xce);
        this.#view.setUint32(this.#at, number);
        this.#at += 4;
      }
    } else if (number >> 0 === number) {
      if (number >= -0x20) this.#byte(number);
      else if (number >= -0x80) {
        this.#byte(0xd0);
        this.#byte(number);
      } else if (number >= -0x8000) {
        this.#byte(0xd1);
        this.#byte(number >> 8);
        this.#byte(number);
      } else {
        this.#byte(0xd2);
        this.#view.setInt32(this.#at, number);
        this.#at += 4;
      }
    } else {
      this.#byte(0xcb);
      this.#view.setFloat64(this.#at, number);
      this.#at += 8;
    }
  }

  #writeBigInt(integer: bigint): void {
    if (BigInt.asIntN(64, integer) === integer) {
      this.#byte(0xd3);
      this.#view.setBigInt64(this.#at, integer);
      this.#at += 8;
    } else if (BigInt.asUintN(64, integer) === integer) {
      this.#byte(0xcf);
      this.#view.setBigUint64(this.#at, integer);
      this.#at += 8;
    } else {
      // Two's complement in whole 64 bits, the first of which is the sign.
      const digits = (integer < 0n ? ~integer : integer).toString(16);
      const length = Math.floor(digits.length / 16 + 1) * 16;
      const fits = digits.length % 16 === 0 && (digits[0] as string) < "8";
      const bytes = Buffer.from(digits.padStart(fits ? digits.length : length, "0"), "hex");
      if (integer < 0n) for (let i = 0; i < bytes.length; i++) bytes[i] = ~(bytes[i] as number);
      this.#writeExtensionHead(bytes.length, EXT.bigint);
      this.#append(bytes);
    }
  }

  #writeDate(date: Date): void {
    const ms = date.getTime();
    if (Number.isNaN(ms)) return this.#writeExtension(EXT.date, 0xff);
    const seconds = Math.floor(ms / 1000);
    const nanoseconds = (ms - seconds * 1000) * 1_000_000;
    if (seconds >= 0 && seconds < 2 ** 32 && nanoseconds === 0) {
      this.#byte(0xd6);
      this.#byte(EXT.date);
    } else if (ms > 0 && seconds < 2 ** 32) {
      this.#byte(0xd7);
      this.#byte(EXT.date);
      this.#view.setUint32(this.#at, nanoseconds * 4);
      this.#at += 4;
    } else {
      this.#writeExtensionHead(12, EXT.date);
      this.#view.setUint32(this.#at, nanoseconds);
      this.#view.setBigInt64(this.#at + 4, BigInt(seconds));
      this.#at += 12;
      return;
    }
    this.#view.setUint32(this.#at, seconds);
    this.#at += 4;
  }

  #writeBytes(bytes: Uint8Array): void {
    if (bytes.length < 0x100) {
      this.#byte(0xc4);
      this.#byte(bytes.length);
    } else this.#writeHead(bytes.length, 0, 0, 0xc5);
    this.#append(bytes);
  }

  #writeView(view: ArrayBufferView, code: number): void {
    this.#writeExtensionHead(view.byteLength + 1, EXT.view);
    this.#byte(code);
    this.#append(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
  }

  #append(bytes: Uint8Array): void {
    this.#makeRoom(bytes.length + HEAD_BYTES);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** An extension of one byte. */
  #writeExtension(type: number, body: number): void {
    this.#byte(0xd4);
    this.#byte(type);
    this.#byte(body);
  }

  #writeExtensionHead(length: number, type: number): void {
    const fixed = FIXED_EXTENSIONS.indexOf(length);
    if (fixed >= 0 && type !== EXT.view) this.#byte(0xd4 + fixed);
    else if (length < 0x100) {
      this.#byte(0xc7);
      this.#byte(length);
    } else this.#writeHead(length, 0, 0, 0xc8);
    this.#byte(type);
  }
}

/** Lengths of extensions that have a head of one byte, from 0xd4 on. */
const FIXED_EXTENSIONS = [1, 2, 4, 8, 16];
