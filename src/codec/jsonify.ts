type AnyFunction = ((...args: never[]) => unknown) | (abstract new (...args: never[]) => unknown);
/** Values that JSON leaves out of objects, and writes as null in arrays. */
type Dropped = undefined | symbol | AnyFunction;
/** Types that JSON does not change. `Jsonify` tests them first, because recursive types would otherwise have no end. */
type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };
type IsAny<T> = 0 extends 1 & T ? true : false;

/** Types that JSON writes as `{}`. */
type Emptied = ReadonlyMap<unknown, unknown> | ReadonlySet<unknown> | WeakMap<WeakKey, unknown> | RegExp | ArrayBuffer;

/**
 * The type of `JSON.parse(JSON.stringify(value))` for a value of type `T`. With the codecs `compact` (the default) and
 * `json` and without a serdes, the result of a step, item, branch or child context has this type. A Date becomes a
 * string. A Map or a Set becomes `{}`. An object of a class becomes a plain object without methods. An Error loses its
 * name, message, stack and cause. Members that may be undefined become optional. Functions and symbols are left out of
 * objects. In arrays they become null, as undefined does. An object with a `toJSON` becomes the result of this method.
 * BigInt becomes `never`, because JSON cannot write it. Two changes are not visible in this type: JSON leaves out the
 * getters of a class, and writes NaN, infinities and invalid Dates as null.
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

/** The keys of members that always exist (`IsOptional` is false) or may be missing (`IsOptional` is true). */
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
 * Converts a value to the value that JSON stores, with the type of this value. Use it for the results of steps, items,
 * branches and child contexts: the codecs `compact` and `json` store only this value. Undefined for undefined, a
 * function and a symbol. Throws the errors of `JSON.stringify`, such as a `TypeError` for BigInt.
 *
 * ```ts
 * const order = await ctx.step("load", async () => asJson(await loadOrder()));
 * order.paidAt; // a string, although the Order of loadOrder has a Date
 * ```
 */
export function asJson<T>(value: T): Jsonify<T> {
  const text = JSON.stringify(value) as string | undefined;
  return (text === undefined ? undefined : JSON.parse(text)) as Jsonify<T>;
}
