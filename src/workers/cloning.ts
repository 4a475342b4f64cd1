import { types } from "node:util";
import { textOf } from "./errors.ts";

/** `copyPlain` copies at most this many values, because a look at more values takes too long. */
const MAX_MEMBERS = 1_000;
/** `findUncloneable` looks no deeper than this, because it clones the rest of the value at each level. */
const MAX_DEPTH = 200;

/** Stands for the copy of a value that is not plain, or is too large. */
const NOT_PLAIN = Symbol("not plain");

export interface Copy {
  readonly value: unknown;
}

/**
 * The same copy as `structuredClone` makes, in less time; but only of a value that has few members and consists of
 * primitive values, arrays, dates and objects without a class. Undefined: unknown, only a real clone shows whether the
 * value can be cloned.
 */
export function copyPlain(value: unknown): Copy | undefined {
  try {
    const copy = new PlainCopier().copy(value);
    return copy === NOT_PLAIN ? undefined : { value: copy };
  } catch {
    return undefined; // A getter threw.
  }
}

class PlainCopier {
  /** How many more values may be copied. */
  #room = MAX_MEMBERS;
  /** An object that is a member twice is copied once, as by `structuredClone`. */
  #copies: Map<object, object> | undefined;

  copy(value: unknown): unknown {
    if (--this.#room < 0) return NOT_PLAIN;
    switch (typeof value) {
      case "string":
      case "number":
      case "boolean":
      case "undefined":
      case "bigint":
        return value;
      case "object":
        return value === null ? null : (this.#copies?.get(value) ?? this.#copyObject(value));
      default:
        return NOT_PLAIN;
    }
  }

  #copyObject(value: object): unknown {
    if (types.isProxy(value)) return NOT_PLAIN;
    if (Array.isArray(value)) return this.#copyArray(value);
    if (types.isDate(value)) return this.#keep(value, new Date(value));
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) return NOT_PLAIN;
    const keys = Object.keys(value);
    if (keys.length > this.#room) return NOT_PLAIN;
    // Spread is faster than a new object to which each member is added.
    const copy: Record<string, unknown> = this.#keep(value, { ...value });
    for (const key of keys) {
      const member = copy[key];
      const copied = this.copy(member);
      if (copied === NOT_PLAIN) return NOT_PLAIN;
      if (copied !== member) copy[key] = copied;
    }
    return copy;
  }

  #copyArray(array: readonly unknown[]): unknown {
    const copy: unknown[] = this.#keep(array, []);
    for (let at = 0; at < array.length; at++) {
      const member = this.copy(array[at]);
      // A missing element is no plain member: it has to stay missing.
      if (member === NOT_PLAIN || (member === undefined && !(at in array))) return NOT_PLAIN;
      copy.push(member);
    }
    return hasOtherMembers(array) ? NOT_PLAIN : copy;
  }

  #keep<T extends object>(value: object, copy: T): T {
    this.#copies ??= new Map();
    this.#copies.set(value, copy);
    return copy;
  }
}

/** Whether an array has members that are no elements. */
function hasOtherMembers(array: readonly unknown[]): boolean {
  // `Object.keys` lists the elements first. So the last key is the index of the last element, or another member. This is
  // faster than a look at each key.
  const last = Object.keys(array).at(-1);
  return last !== undefined && last !== String(array.length - 1);
}

/** A copy of any value that `structuredClone` accepts. Undefined if it refuses the value. */
export function copyOf(value: unknown): Copy | undefined {
  const copy = copyPlain(value);
  if (copy !== undefined) return copy;
  try {
    return { value: structuredClone(value) };
  } catch {
    return undefined;
  }
}

export interface Uncloneable {
  /** The position of the member, for example `order.items[3].price`. */
  readonly path: string;
  /** The type of the member, for example `a function` or `a Promise`. */
  readonly what: string;
}

/**
 * Finds the first member that `structuredClone` refuses, or the value itself if no member is refused. Members in `moved`
 * are moved, not cloned. Undefined if the value can be cloned or is in `moved`, and if the search fails, for example
 * because the member is nested too deeply. Slow: many members are cloned.
 */
export function findUncloneable(value: unknown, path: string, moved: readonly unknown[]): Uncloneable | undefined {
  try {
    return search(value, path, new Set(moved), 0);
  } catch {
    return undefined;
  }
}

function search(value: unknown, path: string, visited: Set<unknown>, depth: number): Uncloneable | undefined {
  if (depth > MAX_DEPTH) throw new RangeError("The value is nested too deeply.");
  if (copyOf(value) !== undefined || visited.has(value)) return undefined;
  visited.add(value);
  if (typeof value === "object" && value !== null && !types.isProxy(value)) {
    for (const { name, member, getter } of membersOf(value)) {
      if (getter !== undefined) return { path: `${path}${name}`, what: getter };
      const found = search(member, `${path}${name}`, visited, depth + 1);
      if (found !== undefined) return found;
    }
  }
  return { path, what: describe(value) };
}

/** The reason, for an error message, why a value could not be cloned. Members in `moved` are moved, not cloned. */
export function whyUncloneable(value: unknown, path: string, moved: readonly unknown[], refusal: unknown): string {
  const found = findUncloneable(value, path, moved);
  return found === undefined ? textOf(refusal) : `${found.path} is ${found.what}`;
}

interface Member {
  readonly name: string;
  readonly member?: unknown;
  /** What its getter did, if it threw. */
  readonly getter?: string;
}

function* membersOf(value: object): Generator<Member> {
  if (value instanceof Map) {
    for (const [key, member] of value) {
      yield { name: ".keys()", member: key };
      yield { name: `.get(${typeof key === "string" ? JSON.stringify(key) : textOf(key)})`, member };
    }
  } else if (value instanceof Set) {
    for (const member of value) yield { name: ".values()", member };
  }
  for (const key of Object.keys(value)) {
    const name = Array.isArray(value) ? `[${key}]` : /^[\w$]+$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
    yield readMember(value as Record<string, unknown>, key, name);
  }
}

function readMember(value: Readonly<Record<string, unknown>>, key: string, name: string): Member {
  try {
    return { name, member: value[key] };
  } catch (thrown) {
    return { name, getter: `a getter that threw ${textOf(thrown)}` };
  }
}

function describe(value: unknown): string {
  if (typeof value !== "object" || value === null) return `a ${typeof value}`;
  if (types.isProxy(value)) return "a Proxy";
  const name: unknown = value.constructor?.name;
  return typeof name === "string" && name !== "" && name !== "Object" ? `a ${name}` : "an object of the system";
}
