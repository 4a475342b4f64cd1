/** Which fields a preview begins with. */
export const PreviewMode = {
  /** All, less what `exclude` names. */
  INCLUDE_ALL: "INCLUDE_ALL",
  /** None but what `include` and `mask` name. */
  EXCLUDE_ALL: "EXCLUDE_ALL",
} as const;
export type PreviewMode = (typeof PreviewMode)[keyof typeof PreviewMode];

/** What the name of a `PreviewField` is compared with. */
export const FieldMatchMode = {
  /** Every field name on the way from the root: the field so named, at any depth, and all inside it. */
  ANYWHERE: "ANYWHERE",
  /** The whole path from the root, joined by dots: that one field. */
  PATH: "PATH",
} as const;
export type FieldMatchMode = (typeof FieldMatchMode)[keyof typeof FieldMatchMode];

export interface PreviewField {
  /** A field name, or with `PATH` a dotted path; array positions are no part of a path. */
  name: string;
  /** Default `ANYWHERE`. */
  match?: FieldMatchMode;
}

export interface PreviewConfig {
  mode: PreviewMode;
  /** Shown, unless excluded. */
  include?: PreviewField[];
  /** Never shown, nor anything inside. Wins over `include` and `mask`. */
  exclude?: PreviewField[];
  /** Shown as `maskString`, whatever is inside. Wins over `include`. */
  mask?: PreviewField[];
  /** Default `***`. */
  maskString?: string;
  /**
   * The fields stop before the first one with which the preview, written as flat JSON (`{"a.b":1,}`), is larger.
   * Default 4,096.
   */
  maxPreviewBytes?: number;
}

/**
 * An excerpt of `value` that may be shown to people: selected fields, in their nesting, some of them masked.
 *
 * Elements of an array are laid over one another, as one object in the array's place; a later field wins. Fields
 * whose name has a dot, and `__proto__`, `constructor` and `prototype`, are left out, and so is what cannot be read:
 * an object inside itself, a getter that throws. A BigInt is shown as its digits. Returns undefined when `value` is
 * not an object or nothing of it is shown; does not throw for any value.
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
      // Of what contains a shown field only ANYWHERE makes its content shown as well.
      walk.enter(item, path, field.shown || included.hasName(name));
    } else if (shown && !preview.add(path, typeof item === "bigint" ? String(item) : item)) break;
  }
  return preview.result();
}

/** One list of the configuration, made to be asked for each field. */
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
    // Looking a path up hashes all of it: in deep values that is kept to those that can match.
    return this.#names.has(name) || (path.length <= this.#longestPath && this.#paths.has(path));
  }
}

interface Field {
  readonly path: string;
  readonly name: string;
  readonly item: unknown;
  /** It is shown because of what contains it. */
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

/** Visits fields depth first, without recursion: a value may be nested deeper than the call stack. */
class Walk {
  readonly #levels: Level[] = [];
  /** The objects of `#levels`. One that turns up inside itself is passed over. */
  readonly #open = new Set<object>();
  readonly #showAll: boolean;

  constructor(root: unknown, showAll: boolean) {
    this.#showAll = showAll;
    if (typeof root === "object" && root !== null) this.enter(root, "", showAll);
  }

  /** Visit what is inside `source` next. */
  enter(source: object, path: string, shown: boolean): void {
    if (this.#open.has(source)) return;
    try {
      const names = Array.isArray(source) ? undefined : Object.keys(source);
      const length = names === undefined ? (source as unknown[]).length : names.length;
      // An empty path is how the root is written, and what lies below a field named "" cannot be told from it.
      this.#levels.push({ source, names, length, path, shown: path === "" ? this.#showAll : shown, cursor: 0 });
      this.#open.add(source);
    } catch {
      // A proxy that refuses to be looked at has no fields.
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

/** The fields found so far, nested again. */
class Preview {
  readonly #maxBytes: number;
  readonly #root: Record<string, unknown> = {};
  #bytes = 2;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** False, and nothing done, when the field does not fit. */
  add(path: string, value: unknown): boolean {
    // What JSON cannot say counts as the word `undefined`; a function is not asked, for it may have a toJSON.
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
