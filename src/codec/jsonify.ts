type AnyFunction = ((...args: never[]) => unknown) | (abstract new (...args: never[]) => unknown);
/** Values that JSON leaves out of objects, and writes as null in arrays. */
type Dropped = undefined | symbol | AnyFunction;
/** Types that stay unchanged. They come first, so that recursive types end. */
type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };
type IsAny<T> = 0 extends 1 & T ? true : false;

/** Types without members that JSON would write. */
type Emptied = ReadonlyMap<unknown, unknown> | ReadonlySet<unknown> | WeakMap<WeakKey, unknown> | RegExp | ArrayBuffer;

/**
 * The type that `JSON.parse(JSON.stringify(value))` gives for a `T`. A step, item, branch or child context gives this
 * type when the codec is `compact` (the default) or `json`. A Date becomes a string, a Map or Set becomes `{}`, and an
 * object of a class becomes a plain object without its methods. Members that may be undefined become optional.
 * Functions and symbols are left out. An object with a `toJSON` becomes the result of that method. BigInt, which JSON
 * cannot write, is `never`. The type cannot distinguish a class's getters from its fields, so getters stay.
 */
export type Jsonify<T> =
  IsAny<T> extends true
    ? T
    : unknown extends T
      ? T
      : T extends JsonValue | undefined
        ? T
        : T extends bigint
          ? never
          : T extends Dropped
            ? undefined
            : T extends { toJSON(...args: never[]): infer Json }
              ? Jsonify<Json>
              : T extends Emptied
                ? Record<string, never>
                : T extends readonly unknown[]
                  ? { [Index in keyof T]: JsonItem<T[Index]> }
                  : T extends Error
                    ? JsonObject<Omit<T, keyof Error>>
                    : T extends object
                      ? JsonObject<T>
                      : T;

type JsonItem<T> = IsAny<T> extends true ? T : T extends Dropped ? null : Jsonify<T>;

type JsonMember<T> = IsAny<T> extends true ? T : Jsonify<Exclude<T, Dropped>>;

/** The keys of members that always exist, or of members that may be missing. */
type Keys<T, IsOptional extends boolean> = keyof {
  [Key in keyof T as Key extends symbol
    ? never
    : IsAny<T[Key]> extends true
      ? IsOptional extends false
        ? Key
        : never
      : [Exclude<T[Key], Dropped>] extends [never]
        ? never
        : [Extract<T[Key], Dropped>] extends [never]
          ? IsOptional extends false
            ? Key
            : never
          : IsOptional extends true
            ? Key
            : never]: unknown;
};

type JsonObject<T> = Flat<
  { [Key in keyof Pick<T, Keys<T, false> & keyof T>]: JsonMember<T[Key]> } & {
    [Key in Keys<T, true> & keyof T]?: JsonMember<T[Key]>;
  }
>;

type Flat<T> = { [Key in keyof T]: T[Key] };

/**
 * Converts a value to the form that the codecs `compact` and `json` give anyway, so that its type is right. For the
 * results of steps, items, branches and child contexts. Throws the errors of `JSON.stringify`.
 *
 * ```ts
 * const order = await ctx.step("load", async () => asJson(await loadOrder()));
 * order.paidAt; // a string, where the Order of loadOrder has a Date
 * ```
 */
export function asJson<T>(value: T): Jsonify<T> {
  const text = JSON.stringify(value) as string | undefined;
  return (text === undefined ? undefined : JSON.parse(text)) as Jsonify<T>;
}
