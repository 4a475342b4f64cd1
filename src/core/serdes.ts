/** The owner of a payload. */
export interface SerdesContext {
  /** The operation's logical id, e.g. `2-1`. */
  entityId: string;
  durableExecutionArn: string;
}

/** A user's own functions that write and read payloads. `undefined` means "no payload". */
export interface Serdes<T> {
  serialize: (value: T | undefined, context: SerdesContext) => Promise<string | undefined>;
  deserialize: (data: string | undefined, context: SerdesContext) => Promise<T | undefined>;
}

// biome-ignore lint/suspicious/noExplicitAny: as in the official type; it fits a serdes of any value.
export type AnySerdes = Serdes<any>;
export type AnySerdesDeserializer = Pick<AnySerdes, "deserialize">;

/** The defaults of a context, and of contexts that are created in the context afterwards. */
export interface SerdesConfig {
  defaultSerdes?: AnySerdes;
  defaultCallbackDeserializer?: AnySerdesDeserializer;
}

/** Plain JSON, with any configured codec. */
export const defaultSerdes: AnySerdes = {
  serialize: async (value) => (value === undefined ? undefined : JSON.stringify(value)),
  deserialize: async (data) => (data === undefined ? undefined : JSON.parse(data)),
};
