type AnyFunction = ((...args: never[]) => unknown) | (abstract new (...args: never[]) => unknown);
/** What JSON leaves out of objects, and makes null in arrays. */
type Dropped = undefined | symbol | AnyFunction;
/** What stays as it is: said first, so that types which refer to themselves end. */
type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };
type IsAny<T> = 0 extends 1 & T ? true : false;

/** What has no members that JSON would write. */
type Emptied = ReadonlyMap<unknown, unknown> | ReadonlySet<unknown> | WeakMap<WeakKey, unknown> | RegExp | ArrayBuffer;

/**
 * What `JSON.parse(JSON.stringify(value))` makes of a `T`, and so what a step, item, branch or child context gives
 * whose result the codecs `compact` (the default) and `json` store: a Date becomes a string, a Map or Set `{}`, an
 * object of a class a plain one without its methods; members that may be undefined become optional; functions and
 * symbols are left out; what has a `toJSON` becomes what that gives. BigInt, which JSON refuses, is `never`. Getters of
 * a class cannot be told from its fields, and stay.
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

/** Members that are always there, or those that may be missing. */
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
 * Turns a value into what the codecs `compact` and `json` make of it anyway, so that its type says so: for what a step,
 * item, branch or child context returns. Throws what `JSON.stringify` throws.
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
