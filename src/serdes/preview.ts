/** Which fields a preview shows. */
export const PreviewMode = {
  /** The preview shows all fields, except the fields in `exclude` and the content of the fields in `mask`. */
  INCLUDE_ALL: "INCLUDE_ALL",
  /** The preview shows only the fields in `include` and `mask`. */
  EXCLUDE_ALL: "EXCLUDE_ALL",
} as const;
export type PreviewMode = (typeof PreviewMode)[keyof typeof PreviewMode];

/** Says what the name of a `PreviewField` is compared with. */
export const FieldMatchMode = {
  /** The name is compared with the name of each field, at any depth. A match includes the fields inside the field. */
  ANYWHERE: "ANYWHERE",
  /**
   * The name is compared with the whole path of each field: the names from the root, joined by dots. In `include`, a
   * match does not include the fields inside the field.
   */
  PATH: "PATH",
} as const;
export type FieldMatchMode = (typeof FieldMatchMode)[keyof typeof FieldMatchMode];

export interface PreviewField {
  /** The name of a field, or with `PATH` a path such as `user.email`. A path leaves out positions in arrays. */
  name: string;
  /** Default `ANYWHERE`. */
  match?: FieldMatchMode;
}

export interface PreviewConfig {
  mode: PreviewMode;
  /** These fields are shown, unless `exclude` or `mask` has them. */
  include?: PreviewField[];
  /** These fields and all fields inside them are never shown, even if `include` or `mask` has them. */
  exclude?: PreviewField[];
  /** These fields are shown as `maskString` in place of their content, unless `exclude` has them. */
  mask?: PreviewField[];
  /** The text that is shown for a masked field. Default `***`. */
  maskString?: string;
  /**
   * The greatest size of the preview in bytes, as JSON with paths as keys (`{"a.b":1,}`). The preview ends before the
   * first field that exceeds this size. Default 4,096.
   */
  maxPreviewBytes?: number;
}

/**
 * Makes an object with selected fields of `value`, so that people may see them. The fields keep their nesting. Some of
 * them may be masked. Returns undefined if `value` is not an object, or if no field is shown. Never throws, whatever
 * `value` is.
 *
 * The objects in an array are merged into one object, and a later field replaces an earlier one. These are left out:
 * elements of an array that are not objects, objects without enumerable fields (a `Date`, a `Map`), fields with a dot
 * in their name, `__proto__`, `constructor`, `prototype`, an object inside itself, and a field whose getter throws. A
 * BigInt is shown as its digits.
 *
 * ```ts
 * buildPreview(order, { mode: "EXCLUDE_ALL", include: [{ name: "id" }], mask: [{ name: "email" }] });
 * // { id: "order-123", user: { email: "***" } }
 * ```
 */
export function buildPreview(value: unknown, config: PreviewConfig): Record<string, unknown> | undefined {
  const included = new Selection(config.include);
  const excluded = new Selection(config.exclude);
  const masked = new Selection(config.mask);
  const maskString = config.maskString ?? "***";
  const preview = new Preview(config.maxPreviewBytes ?? 4_096);
  const walk = new Walk(value, config.mode === PreviewMode.INCLUDE_ALL);
  for (let field = walk.next(); field !== undefined; field = walk.next()) {
    const { path, name, item } = field;
    if (excluded.has(path, name)) continue;
    if (masked.has(path, name)) {
      if (!preview.add(path, maskString)) break;
      continue;
    }
    const shown = field.shown || included.has(path, name);
    if (typeof item === "object" && item !== null) {
      // If `include` has the name of an object, the fields inside the object are shown too. If `include` has only the
      // path of an object, the fields inside are not shown.
      walk.enter(item, path, field.shown || included.hasName(name));
    } else if (shown && !preview.add(path, typeof item === "bigint" ? String(item) : item)) break;
  }
  return preview.result();
}

class Selection {
  readonly #names = new Set<string>();
  readonly #paths = new Set<string>();
  #longestPath = -1;

  constructor(fields: readonly PreviewField[] | undefined) {
    for (const { name, match } of fields ?? []) {
      if (match === FieldMatchMode.PATH) {
        this.#paths.add(name);
        this.#longestPath = Math.max(this.#longestPath, name.length);
      } else {
        this.#names.add(name);
      }
    }
  }

  hasName(name: string): boolean {
    return this.#names.has(name);
  }

  has(path: string, name: string): boolean {
    // A path longer than all paths in the list is not looked up, because a look-up takes time for each character.
    return this.#names.has(name) || (path.length <= this.#longestPath && this.#paths.has(path));
  }
}

interface Field {
  readonly path: string;
  readonly name: string;
  readonly item: unknown;
  /** True if the object that contains the field is shown. */
  readonly shown: boolean;
}

interface Level {
  readonly source: object;
  /** Undefined if `source` is an array. */
  readonly names: readonly string[] | undefined;
  readonly length: number;
  readonly path: string;
  readonly shown: boolean;
  cursor: number;
}

const UNNAMEABLE = new Set(["__proto__", "constructor", "prototype"]);

/** Not recursive, because a value may have more levels than the call stack. */
class Walk {
  readonly #levels: Level[] = [];
  readonly #open = new Set<object>();
  readonly #showAll: boolean;

  constructor(root: unknown, showAll: boolean) {
    this.#showAll = showAll;
    if (typeof root === "object" && root !== null) this.enter(root, "", showAll);
  }

  /** The next calls of `next` return the fields of `source`. An object inside itself is left out. */
  enter(source: object, path: string, shown: boolean): void {
    if (this.#open.has(source)) return;
    try {
      const names = Array.isArray(source) ? undefined : Object.keys(source);
      const length = names === undefined ? (source as unknown[]).length : names.length;
      // The path is empty for the root, for objects in a root array, and for the content of a field with the name "".
      // Then only `mode` decides whether all fields of `source` are shown.
      this.#levels.push({ source, names, length, path, shown: path === "" ? this.#showAll : shown, cursor: 0 });
      this.#open.add(source);
    } catch {
      // A proxy that throws when it is read has no fields in the preview.
    }
  }

  next(): Field | undefined {
    for (let level = this.#levels.at(-1); level !== undefined; level = this.#levels.at(-1)) {
      if (level.cursor === level.length) {
        this.#open.delete(level.source);
        this.#levels.pop();
        continue;
      }
      const position = level.cursor++;
      const name = level.names === undefined ? position : (level.names[position] as string);
      if (typeof name === "string" && (name.includes(".") || UNNAMEABLE.has(name))) continue;
      let item: unknown;
      try {
        item = (level.source as Record<string | number, unknown>)[name];
      } catch {
        continue;
      }
      if (typeof name === "string") {
        return { path: level.path === "" ? name : `${level.path}.${name}`, name, item, shown: level.shown };
      }
      if (typeof item === "object" && item !== null) this.enter(item, level.path, level.shown);
    }
    return undefined;
  }
}

class Preview {
  readonly #maxBytes: number;
  readonly #root: Record<string, unknown> = {};
  #bytes = 2;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Adds a field. Returns false and adds nothing if the preview would become too large. */
  add(path: string, value: unknown): boolean {
    // A value that JSON cannot store counts as 9 bytes (`undefined`). Functions are not given to JSON, because a
    // function may have a `toJSON`.
    const written = typeof value === "function" ? "undefined" : String(JSON.stringify(value));
    // 4 bytes: two quotes, a colon and a comma.
    this.#bytes += Buffer.byteLength(path) + 4 + Buffer.byteLength(written);
    if (this.#bytes > this.#maxBytes) return false;
    let holder = this.#root;
    let start = 0;
    for (let dot = path.indexOf("."); dot !== -1; dot = path.indexOf(".", start)) {
      const name = path.slice(start, dot);
      const inner = Object.hasOwn(holder, name) ? holder[name] : undefined;
      if (typeof inner === "object" && inner !== null) {
        holder = inner as Record<string, unknown>;
      } else {
        const created: Record<string, unknown> = {};
        holder[name] = created;
        holder = created;
      }
      start = dot + 1;
    }
    holder[path.slice(start)] = value;
    return true;
  }

  result(): Record<string, unknown> | undefined {
    return Object.keys(this.#root).length === 0 ? undefined : this.#root;
  }
}
