import type { Environment } from "./environment.ts";
import { DurableError } from "./errors.ts";

/** A row of a table of settings. `docs/settings.ts` fails when a table and the docstrings of its options differ. */
export type Row<T> = NumberRow<T> | ValueRow<T> | OwnRow<T>;

interface AnyRow<T> {
  /** The default of the setting. Undefined if the code that uses the setting decides. */
  readonly fallback: T;
  /** The environment variable without its prefix; "" if there is none. Without this member, the path gives the name. */
  readonly variable?: string;
}

export interface NumberRow<T> extends AnyRow<T> {
  readonly least: number;
  readonly most: number;
  /** Whether Infinity, or the word "unlimited", is allowed too. */
  readonly unlimited?: boolean;
}

/** A setting with a list of allowed values. The environment variable contains the value as a text. */
export interface ValueRow<T> extends AnyRow<T> {
  readonly values: readonly T[];
}

export interface OwnRow<T> extends AnyRow<T> {
  /**
   * Converts the value, or throws. `where` names the option or variable. `isText`: the value comes from the variable.
   */
  readonly read: (raw: unknown, where: string, isText: boolean) => T;
  /** The allowed values, for the page of settings. Without this text, the page shows the type of the option. */
  readonly allowed?: string;
}

/** A table of settings, in the same groups as the options. */
export type Table = { readonly [key: string]: Row<unknown> | Table };

export type SettingsOf<Group> = {
  readonly [Key in keyof Group]: Group[Key] extends { readonly fallback: infer Value } ? Value : SettingsOf<Group[Key]>;
};

export const PREFIX = "DURABLE_FANOUT_";

export function whole<T>(fallback: T, least: number, most: number, unlimited?: boolean): NumberRow<number | T> {
  return { fallback, least, most, unlimited };
}

export function oneOf<T>(fallback: T, values: readonly T[]): ValueRow<T> {
  return { fallback, values };
}

const isRow = (row: Row<unknown> | Table): row is Row<unknown> => "fallback" in row;

/** The rows of a table with their paths, such as `runtime.checkpoint.maxBytes` in the table `runtime`. */
export function rowsOf(table: Table, path: string): (readonly [path: string, row: Row<unknown>])[] {
  return Object.entries(table).flatMap(([key, row]) => {
    const inner = `${path}.${key}`;
    return isRow(row) ? [[inner, row] as const] : rowsOf(row, inner);
  });
}

/** `DURABLE_FANOUT_CHECKPOINT_MAX_BYTES` for the path `runtime.checkpoint.maxBytes`. Undefined without a variable. */
export function variableOf(path: string, { variable }: Row<unknown>): `${typeof PREFIX}${string}` | undefined {
  if (variable === "") return undefined;
  const words = path.replace("runtime.", "").replace("quotas", "quota").replaceAll(/[A-Z]/g, "_$&").replace(".", "_");
  return `${PREFIX}${variable ?? words.toUpperCase()}`;
}

/**
 * Reads the settings of a table. A variable that is not empty replaces the option. `path` is the start of names in
 * errors.
 * @throws DurableError `ERR_SETTING_INVALID` or `ERR_SETTING_UNKNOWN`, or the error that `read` of a row throws
 */
export function readTable<T extends Table>(
  table: T,
  path: string,
  given: unknown,
  variables: Environment,
): SettingsOf<T> {
  checkMembers(given, path, Object.keys(table));
  const read = Object.entries(table).map(([key, row]) => {
    const inner = `${path}.${key}`;
    const member = (given as Record<string, unknown> | undefined)?.[key];
    return [key, isRow(row) ? readRow(row, inner, member, variables) : readTable(row, inner, member, variables)];
  });
  return Object.fromEntries(read);
}

function readRow(row: Row<unknown>, path: string, given: unknown, variables: Environment): unknown {
  const variable = variableOf(path, row);
  const text = variable && variables[variable];
  const raw = text || given;
  if (raw === undefined) return row.fallback;
  return readValue(row, raw, text ? `Environment variable ${variable}` : path, Boolean(text));
}

export function readValue<T>(row: Row<T>, raw: unknown, where: string, isText: boolean): T {
  if ("read" in row) return row.read(raw, where, isText);
  if ("values" in row) {
    const found = row.values.find((value) => (isText ? String(value) : value) === raw);
    if (found !== undefined) return found;
    throw invalidSetting(where, raw, row.values.join(", "));
  }
  const { least, most, unlimited } = row;
  if (unlimited && (raw === "unlimited" || raw === Number.POSITIVE_INFINITY)) return Number.POSITIVE_INFINITY as T;
  const value = isText ? parseNumber(raw as string) : raw;
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return value as T;
  throw invalidSetting(
    where,
    raw,
    `a whole number from ${least} to ${most}${unlimited ? ', or Infinity ("unlimited")' : ""}`,
  );
}

export function invalidSetting(where: string, value: unknown, allowed: string): DurableError {
  return new DurableError("ERR_SETTING_INVALID", `${where} is ${describeValue(value)}; allowed: ${allowed}.`);
}

/** Describes a value in a message: `"abc"`, `1.5`, `2n`, `an array`, `an object with a, b`, `a Promise`. */
export function describeValue(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value).slice(0, 100);
  if (typeof value === "function") return "a function";
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) return "an array";
  const type = Object.prototype.toString.call(value).slice("[object ".length, -1);
  return type === "Object" ? `an object with ${Object.keys(value).join(", ") || "nothing in it"}` : `a ${type}`;
}

export function checkMembers(value: unknown, where: string, known: readonly string[]): void {
  if (value === undefined) return;
  if (typeof value !== "object" || value === null) throw invalidSetting(where, value, "an object");
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  throw new DurableError("ERR_SETTING_UNKNOWN", `${where} has no setting "${unknown}"; it has ${known.join(", ")}.`);
}

/** A blank text gives NaN. `Number` alone would return 0. */
function parseNumber(text: string): number {
  return text.trim() === "" ? Number.NaN : Number(text);
}
