import type { ResultOwner } from "../client/client.ts";

/** A part of a value that JSON does not keep. */
interface Loss {
  /** The position of the part in the value: `.items[3].at`. Empty for the value itself. */
  readonly at: string;
  readonly what: string;
  readonly becomes: string;
  /** Whether the `typed` codec stores the part unchanged. */
  readonly typedKeeps: boolean;
}

/** At most this number of values inside a result are checked, so that large results do not slow the engine down. */
const MAX_LOOKS = 1_000;
/** The greatest number of warnings in a process, because a handler may give each of its steps another name. */
const MAX_WARNED = 20;

const warned = new Set<string>();

export function warnOfLoss({ subType, name }: ResultOwner, value: unknown): void {
  const label = name === undefined ? subType : `${subType} "${name}"`;
  if (warned.size >= MAX_WARNED || warned.has(label)) return;
  const loss = findLoss(value, "", { left: MAX_LOOKS, inside: new Set() });
  if (loss === undefined) return;
  warned.add(label);
  const where = loss.at === "" ? "" : ` (result${loss.at})`;
  const keep = loss.typedKeeps
    ? 'set `runtime.codec` to "typed", or give the operation a `serdes`'
    : "give the operation a `serdes`";
  process.emitWarning(
    `${label} returned ${loss.what}${where}, which JSON does not keep: ${loss.becomes}. ` +
      `To keep it, ${keep}. For a type that shows the change, return \`asJson(value)\`.`,
    { code: "DURABLE_FANOUT_LOSSY_RESULT" },
  );
}

interface Search {
  left: number;
  /** The objects that contain the current value. They are not entered again, because an object may contain itself. */
  readonly inside: Set<object>;
}

function findLoss(value: unknown, at: string, search: Search): Loss | undefined {
  if (--search.left < 0) return undefined;
  switch (typeof value) {
    case "bigint":
      return { at, what: "a BigInt", becomes: "the operation fails", typedKeeps: true };
    case "number":
      if (Number.isFinite(value)) return undefined;
      return { at, what: String(value), becomes: "it comes back as null", typedKeeps: true };
    case "function":
    case "symbol":
      return { at, what: `a ${typeof value}`, becomes: "it is left out", typedKeeps: false };
    case "object":
      return value === null || search.inside.has(value) ? undefined : findInObject(value, at, search);
  }
  return undefined;
}

function findInObject(value: object, at: string, search: Search): Loss | undefined {
  search.inside.add(value);
  try {
    if (Array.isArray(value)) {
      for (let index = 0; index < value.length && search.left > 0; index++) {
        const loss = findLoss(value[index], `${at}[${index}]`, search);
        if (loss !== undefined) return loss;
      }
      return undefined;
    }
    if (!isPlain(value)) return lossOfClass(value, at);
    for (const [key, member] of Object.entries(value)) {
      if (search.left <= 0) return undefined;
      const loss = findLoss(member, `${at}.${key}`, search);
      if (loss !== undefined) return loss;
    }
    return undefined;
  } finally {
    search.inside.delete(value);
  }
}

function lossOfClass(value: object, at: string): Loss {
  // `instanceof` is false for an object of another realm (a global scope with its own classes), as in test runners.
  const brand = Object.prototype.toString.call(value).slice(8, -1);
  const name = (value.constructor as { name?: string } | undefined)?.name || brand;
  const what = `${/^[AEIO]/.test(name) ? "an" : "a"} ${name}`;
  if (brand === "Date") return { at, what, becomes: "it comes back as a string", typedKeeps: true };
  if (brand === "Map" || brand === "Set" || brand === "RegExp" || brand === "ArrayBuffer") {
    return { at, what, becomes: "it comes back as {}", typedKeeps: true };
  }
  if (brand === "Error")
    return { at, what, becomes: "it comes back without name, message and stack", typedKeeps: true };
  if (ArrayBuffer.isView(value)) return { at, what, becomes: "it comes back as a plain object", typedKeeps: true };
  const becomes = "toJSON" in value ? "it comes back as what its toJSON gives" : "it comes back as a plain object";
  return { at, what, becomes, typedKeeps: false };
}

/** The prototype is not compared with `Object.prototype`, because an object of another realm has another prototype. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
