import type { Codec } from "../../codec/codec.ts";
import { isLongerThan } from "../../core/limits.ts";

/** The approximate number of bytes around one record in the payload of an operation. */
const FRAME_BYTES = 512;

/**
 * Writes and reads the payloads of records in a batch. They are not packed, because the batch packs all its records
 * together when it writes them. Exceptions are a value that only the codec `typed` can store, and a payload over
 * `maxPayloadBytes`.
 */
export class RecordCodec {
  /** The number of bytes that the payload of one record may take. */
  readonly maxPayloadBytes: number;
  readonly #codec: Codec;

  /** `maxBytes` is the number of bytes that the payload of one operation may take. `items` is the size of the batch. */
  constructor(codec: Codec, maxBytes: number, items: number) {
    this.#codec = codec;
    this.maxPayloadBytes = Math.max(maxBytes / 2, maxBytes - items - FRAME_BYTES);
  }

  roundTrip(value: unknown): { readonly payload: string | undefined; readonly value: unknown } {
    const plain = this.#codec.roundTrip(value, Number.POSITIVE_INFINITY);
    const payload = plain.payload && this.packIfLarge(plain.payload);
    return payload === plain.payload ? plain : { payload, value: plain.value };
  }

  packIfLarge(payload: string): string {
    return isLongerThan(payload, this.maxPayloadBytes) ? this.#codec.pack(payload) : payload;
  }

  decode(payload: string | undefined): unknown {
    return this.#codec.decode(payload);
  }
}
