/** The operation to which a payload belongs. */
export interface SerdesContext {
  /** The path of the operation, such as `2-1`. */
  entityId: string;
  durableExecutionArn: string;
}

/**
 * A user's own functions that write and read payloads. `undefined` means "no payload". If a function fails, the
 * invocation rejects and the service starts another one. But the operation fails if a value that JSON cannot write
 * gives a `TypeError` in `serialize`.
 */
export interface Serdes<T> {
  serialize: (value: T | undefined, context: SerdesContext) => Promise<string | undefined>;
  deserialize: (data: string | undefined, context: SerdesContext) => Promise<T | undefined>;
}

// biome-ignore lint/suspicious/noExplicitAny: as in the official type; it fits a serdes of any value.
export type AnySerdes = Serdes<any>;
export type AnySerdesDeserializer = Pick<AnySerdes, "deserialize">;

/** The default serdes of a context. A context that is created inside this context afterwards has the same defaults. */
export interface SerdesConfig {
  defaultSerdes?: AnySerdes;
  defaultCallbackDeserializer?: AnySerdesDeserializer;
}

/** Writes and reads plain JSON. The codec changes this JSON only in batches. Rejects with the errors of `JSON`. */
export const defaultSerdes: AnySerdes = {
  serialize: async (value) => (value === undefined ? undefined : JSON.stringify(value)),
  deserialize: async (data) => (data === undefined ? undefined : JSON.parse(data)),
};
