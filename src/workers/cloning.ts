import { types } from "node:util";

/** `isPlain` examines at most this many values, because a look at more values takes too long. */
const MAX_MEMBERS = 1_000;

/** True: `structuredClone` accepts the value, which has few members. False: unknown, only a real clone shows this. */
export function isPlain(value: unknown): boolean {
  return countPlain(value, MAX_MEMBERS) >= 0;
}

/** Returns `room` minus the number of values in `value`; negative if `value` is not plain or too large. */
function countPlain(value: unknown, room: number): number {
  switch (typeof value) {
    case "string":
    case "number":
    case "boolean":
    case "undefined":
    case "bigint":
      return room - 1;
    case "object":
      break;
    default:
      return -1;
  }
  if (value === null) return room - 1;
  if (types.isProxy(value)) return -1;
  let left = room - 1;
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length && left >= 0; at++) left = countPlain(value[at], left);
    return left >= 0 && hasOtherMembers(value) ? -1 : left;
  }
  if (value instanceof Date) return left;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return -1;
  for (const key in value) {
    left = countPlain((value as Record<string, unknown>)[key], left);
    if (left < 0) return left;
  }
  return left;
}

/** Whether an array has members that are no elements. May also be true if the last element is missing. */
function hasOtherMembers(array: readonly unknown[]): boolean {
  // `Object.keys` lists the elements first. So the last key is the index of the last element, or another member. This is
  // faster than a look at each key.
  const last = Object.keys(array).at(-1);
  return last !== undefined && last !== String(array.length - 1);
}

export function isCloneable(value: unknown): boolean {
  if (isPlain(value)) return true;
  try {
    structuredClone(value);
    return true;
  } catch {
    return false;
  }
}

export interface Uncloneable {
  /** The position of the member, for example `order.items[3].price`. */
  readonly path: string;
  /** The type of the member, for example `a function` or `a Promise`. */
  readonly what: string;
}

/**
 * Finds the first member that `structuredClone` refuses, or the value itself if no member is refused. Undefined if the
 * value can be cloned or is in `visited`. Slow: many members are cloned.
 */
export function findUncloneable(value: unknown, path: string, visited = new Set<unknown>()): Uncloneable | undefined {
  if (isCloneable(value) || visited.has(value)) return undefined;
  visited.add(value);
  if (typeof value === "object" && value !== null && !types.isProxy(value)) {
    for (const [name, member] of membersOf(value)) {
      const found = findUncloneable(member, `${path}${name}`, visited);
      if (found !== undefined) return found;
    }
  }
  return { path, what: describe(value) };
}

/** The reason, for an error message, why a value could not be cloned. Members in `moved` are moved, not cloned. */
export function whyUncloneable(value: unknown, path: string, moved: readonly unknown[], refusal: unknown): string {
  const found = findUncloneable(value, path, new Set(moved));
  return found === undefined ? String(refusal) : `${found.path} is ${found.what}`;
}

function* membersOf(value: object): Generator<[name: string, member: unknown]> {
  if (value instanceof Map) {
    for (const [key, member] of value) {
      yield [".keys()", key];
      yield [`.get(${JSON.stringify(key) ?? String(key)})`, member];
    }
  } else if (value instanceof Set) {
    for (const member of value) yield [".values()", member];
  }
  for (const key of Object.keys(value)) {
    const name = Array.isArray(value) ? `[${key}]` : /^[\w$]+$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
    let member: unknown;
    try {
      member = (value as Record<string, unknown>)[key];
    } catch (error) {
      // The getter threw, so `structuredClone` would fail here too. A function stands for the value, because it cannot
      // be cloned either.
      yield [name, () => error];
      continue;
    }
    yield [name, member];
  }
}

function describe(value: unknown): string {
  if (typeof value !== "object" || value === null) return `a ${typeof value}`;
  if (types.isProxy(value)) return "a Proxy";
  const name: unknown = value.constructor?.name;
  return typeof name === "string" && name !== "" && name !== "Object" ? `a ${name}` : "an object of the system";
}
