/** Extensions of msgpack, by the numbers that msgpackr gave them: payloads of earlier releases are its. */
export const EXT = {
  undefined: 0x00,
  /** Two's complement, the highest byte first. */
  bigint: 0x42,
  /** The id of a record; an array of its keys follows, and then the values of the first object with these keys. */
  record: 0x72,
  /** A byte that says of which class, see `VIEW_CODES`, and the bytes. */
  view: 0x74,
  /** A timestamp as msgpack has it, of 4, 8 or 12 bytes; of one byte, a Date that is none. */
  date: 0xff,
} as const;

/** The id of the first record. Ids are bytes up to 0x7f that stand where a value's first byte would. */
export const RECORD = 0x40;
export const MAX_RECORDS = 0x40;

/** Classes of views by their codes: places in this list. A Buffer has a form of its own. */
export const VIEW_CLASSES = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
] as const;

/** Codes beyond `VIEW_CLASSES`. */
export const VIEW_CODES = { buffer: 0x10, dataView: 0x11 } as const;
