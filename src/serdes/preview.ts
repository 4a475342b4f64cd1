/** The fields with which a preview begins. */
export const PreviewMode = {
  /** All fields, except those that `exclude` names. */
  INCLUDE_ALL: "INCLUDE_ALL",
  /** No fields, except those that `include` and `mask` name. */
  EXCLUDE_ALL: "EXCLUDE_ALL",
} as const;
export type PreviewMode = (typeof PreviewMode)[keyof typeof PreviewMode];

/** The text that is compared with the name of a `PreviewField`. */
export const FieldMatchMode = {
  /** Every field name on the way from the root: the field with this name, at any depth, and its content. */
  ANYWHERE: "ANYWHERE",
  /** The whole path from the root, joined by dots: one single field. */
  PATH: "PATH",
} as const;
export type FieldMatchMode = (typeof FieldMatchMode)[keyof typeof FieldMatchMode];

export interface PreviewField {
  /** A field name, or with `PATH` a dotted path. Positions in arrays are not part of a path. */
  name: string;
  /** Default `ANYWHERE`. */
  match?: FieldMatchMode;
}

export interface PreviewConfig {
  mode: PreviewMode;
  /** These fields are shown, unless they are excluded. */
  include?: PreviewField[];
  /** These fields, and their content, are never shown. Wins over `include` and `mask`. */
  exclude?: PreviewField[];
  /** These fields are shown as `maskString`, with any content. Wins over `include`. */
  mask?: PreviewField[];
  /** Default `***`. */
  maskString?: string;
  /**
   * The limit for the preview as flat JSON (`{"a.b":1,}`), in bytes. The preview ends before the first field that
   * exceeds the limit. Default 4,096.
   */
  maxPreviewBytes?: number;
}

/**
 * An excerpt of `value` that people may see: selected fields, in their nesting, some of them masked.
 *
 * The elements of an array are merged into one object. A later field wins. Fields whose name has a dot, and
 * `__proto__`, `constructor` and `prototype`, are left out. So are fields that cannot be read: an object inside itself,
 * a getter that throws. A BigInt is shown as its digits. Returns undefined when `value` is not an object, or when no
 * field is shown. Never throws.
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
      // An object that is included by its name shows its content. An object that is included by its path does not.
      walk.enter(item, path, field.shown || included.hasName(name));
    } else if (shown && !preview.add(path, typeof item === "bigint" ? String(item) : item)) break;
  }
  return preview.result();
}

/** One list of the configuration, prepared for a lookup of each field. */
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
    // A lookup of a path hashes the whole path. In deep values only paths that can match are looked up.
    return this.#names.has(name) || (path.length <= this.#longestPath && this.#paths.has(path));
  }
}

interface Field {
  readonly path: string;
  readonly name: string;
  readonly item: unknown;
  /** Shown because the object around it is shown. */
  readonly shown: boolean;
}

interface Level {
  readonly source: object;
  /** Undefined in an array. */
  readonly names: readonly string[] | undefined;
  readonly length: number;
  readonly path: string;
  readonly shown: boolean;
  cursor: number;
}

const UNNAMEABLE = new Set(["__proto__", "constructor", "prototype"]);

/** Visits fields depth first, without recursion, because a value may be nested deeper than the call stack. */
class Walk {
  readonly #levels: Level[] = [];
  /** The objects of `#levels`. An object inside itself is skipped. */
  readonly #open = new Set<object>();
  readonly #showAll: boolean;

  constructor(root: unknown, showAll: boolean) {
    this.#showAll = showAll;
    if (typeof root === "object" && root !== null) this.enter(root, "", showAll);
  }

  /** Visits the content of `source` next. */
  enter(source: object, path: string, shown: boolean): void {
    if (this.#open.has(source)) return;
    try {
      const names = Array.isArray(source) ? undefined : Object.keys(source);
      const length = names === undefined ? (source as unknown[]).length : names.length;
      // The empty path is that of the root. The content of a field named "" has the same path.
      this.#levels.push({ source, names, length, path, shown: path === "" ? this.#showAll : shown, cursor: 0 });
      this.#open.add(source);
    } catch {
      // A proxy that throws when it is read has no fields.
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

/** The fields found so far, in their nesting. */
class Preview {
  readonly #maxBytes: number;
  readonly #root: Record<string, unknown> = {};
  #bytes = 2;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** False, without a change, when the field does not fit. */
  add(path: string, value: unknown): boolean {
    // A value that JSON cannot store counts as the word `undefined`. Functions are not passed to JSON, because they may
    // have a toJSON.
    const written = typeof value === "function" ? "undefined" : String(JSON.stringify(value));
    // Two quotes, a colon and a comma.
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
