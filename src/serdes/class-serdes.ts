import type { Serdes } from "../core/serdes.ts";

/**
 * Keeps the class of a value: what is read back is a `new cls()` with the recorded members assigned to it.
 *
 * The constructor takes no arguments and runs again on every read. Only what JSON can say is kept: no `#private`
 * members, and objects inside come back as plain ones.
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
 * Keeps the class of a value as `createClassSerdes` does, and makes a `Date` of each member named.
 *
 * A path leads through plain members (`metadata.createdAt`, `lines.0.shippedAt`); what is missing, null, zero or
 * empty stays as it is.
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

/** `Object.assign`, setters included, but a recorded `__proto__` does not take the class away. */
function assignMembers<T extends object>(instance: T, recorded: unknown): T {
  const target = instance as Record<string, unknown>;
  for (const [name, value] of Object.entries(recorded ?? {})) if (name !== "__proto__") target[name] = value;
  return instance;
}

/** Names that lead out of the instance, to what all instances share. */
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
