import type { Serdes } from "../core/serdes.ts";

/**
 * Makes a serdes that keeps the class of a value. Reading returns a `new cls()` to which the recorded members are
 * assigned. Undefined stays undefined, and null becomes an instance without recorded members.
 *
 * The constructor is called without arguments, on every read. Only members that JSON can store are recorded, so
 * `#private` members are lost. An inner object becomes a plain object, and a `Date` becomes a text.
 *
 * ```ts
 * class User { name = ""; greet() { return `Hello, ${this.name}`; } }
 * const user = await context.step("user", createUser, { serdes: createClassSerdes(User) });
 * user.greet();
 * ```
 */
export function createClassSerdes<T extends object>(cls: new () => T): Serdes<T> {
  return createClassSerdesWithDates(cls, []);
}

/**
 * Makes a serdes that works as `createClassSerdes` does, and that also makes a `Date` of each member in `dateProps`.
 *
 * A member is given by its path (`metadata.createdAt`, `lines.0.shippedAt`). A member that is missing, null, false,
 * zero or empty is not changed. A text that is no date becomes an invalid `Date`.
 */
export function createClassSerdesWithDates<T extends object>(cls: new () => T, dateProps: string[]): Serdes<T> {
  const paths = dateProps.map((path) => path.split("."));
  return {
    serialize: async (value) => (value === undefined ? undefined : JSON.stringify(value)),
    deserialize: async (data) => {
      if (data === undefined) return undefined;
      const instance = assignMembers(new cls(), JSON.parse(data));
      for (const path of paths) reviveDate(instance, path);
      return instance;
    },
  };
}

/** `Object.assign` is not used, because a recorded `__proto__` would change the class. */
function assignMembers<T extends object>(instance: T, recorded: unknown): T {
  const target = instance as Record<string, unknown>;
  for (const [name, value] of Object.entries(recorded ?? {})) if (name !== "__proto__") target[name] = value;
  return instance;
}

/** Through these members, a path would change objects that all instances share. */
const SHARED = new Set(["__proto__", "constructor", "prototype"]);

function reviveDate(instance: object, path: readonly string[]): void {
  if (path.some((name) => SHARED.has(name))) return;
  let holder = instance as Record<string, unknown>;
  for (const name of path.slice(0, -1)) {
    const inner = holder[name];
    if (typeof inner !== "object" || inner === null) return;
    holder = inner as Record<string, unknown>;
  }
  const name = path.at(-1) ?? "";
  const value = holder[name];
  if (value && typeof value !== "function") holder[name] = new Date(value as string | number);
}
