import { types } from "node:util";

/** Members that `isPlain` looks at before it says that it does not know. */
const MAX_MEMBERS = 1_000;

/**
 * Whether a value is small data that the structured clone takes for certain. A false says nothing: the value is large,
 * or of a kind that only the clone itself can judge.
 */
export function isPlain(value: unknown): boolean {
  return countPlain(value, MAX_MEMBERS) >= 0;
}

/** What is left of `room`; negative when the value is not plain, or too large. */
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
    return left;
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

/** Whether the structured clone takes a value. */
export function isCloneable(value: unknown): boolean {
  if (isPlain(value)) return true;
  try {
    structuredClone(value);
    return true;
  } catch {
    return false;
  }
}

/** Where a value cannot be cloned, and what stands there. */
export interface Uncloneable {
  /** `order.items[3].price` */
  readonly path: string;
  /** `a function`, `a Promise` … */
  readonly what: string;
}

/** Finds the first member that the structured clone refuses. To be called when it has refused: it clones a lot. */
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

/** What to say of a value that the structured clone has refused, where `moved` was to be moved. */
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
      // A getter that throws: the clone fails there as well.
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
