/**
 * Writes docs/settings.md: `npm run docs:settings`. Defaults and ranges are those of the tables of settings; what a setting
 * means is the docstring of its option. Docstrings say defaults and ranges too, for editors: where these differ from the
 * table, or where one is missing, no page is made.
 */
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { type Row, type Table, variableOf } from "../src/core/setting.ts";
import { RUNTIME_TABLE } from "../src/core/settings.ts";
import { ENGINE_TABLE } from "../src/service/settings.ts";
import { workersTable } from "../src/workers/settings.ts";

const ROOT = join(import.meta.dirname, "..");
export const PAGE = join(ROOT, "docs/settings.md");

interface Section {
  readonly title: string;
  readonly about: string;
  /** What errors call the table; "" when they name its settings without it. */
  readonly path: string;
  readonly table: Table;
  /** Where defaults are others in Lambda. */
  readonly tableInLambda?: Table;
  /** The interface of the options. */
  readonly options: string;
  /** The constant that is the table, where numbers of others are named in it. */
  readonly constant?: string;
}

const SECTIONS: readonly Section[] = [
  {
    title: "The runtime: `withDurableExecution(handler, { runtime })`",
    about: "Read once, when the handler is made.",
    ...{ path: "runtime", table: RUNTIME_TABLE, options: "RuntimeOptions", constant: "RUNTIME_TABLE" },
  },
  {
    title: "Functions on threads: `workers(url, options)`",
    about:
      "Read once, when `workers` is called. `with` of a function takes `signal`, `timeout` and `retryStrategy` anew.",
    ...{ path: "workers", table: workersTable(false), tableInLambda: workersTable(true), options: "WorkerOptions" },
  },
  {
    title: "The embedded engine: `new LocalEngine(options)`",
    about: "The test runner takes the same. No variable overrides them.",
    ...{ path: "", table: ENGINE_TABLE, options: "LocalSettings", constant: "ENGINE_TABLE" },
  },
];

const ABOUT = `# Settings

Written by \`npm run docs:settings\` in a checkout, not edited.

All settings are optional. An environment variable overrides its option, so that a deployed function is tuned without a
build; an empty variable counts as none. A value that is not allowed is refused before anything runs: the error names the
option or the variable, the value, and what is allowed. A variable that begins with \`DURABLE_FANOUT_\` and that nothing
reads is warned of once, with the nearest name that is read. In a variable, Infinity is the word \`unlimited\`.`;

/** The page as Markdown. @throws Error when a docstring is missing, or says something else than its table */
export function settingsPage(): string {
  return `${[ABOUT, ...SECTIONS.flatMap(renderSection), ...renderEngineObjects(), ...renderEnvironment()].join("\n\n")}\n`;
}

function renderSection(section: Section): string[] {
  const settings = settingsOf(section);
  const hasVariables = settings.some(({ variable }) => variable !== undefined);
  const rows = settings.map(({ path, variable, fallback, allowed, meaning }) => [
    ...[code(path), ...(hasVariables ? [variable === undefined ? "" : code(variable)] : [])],
    ...[fallback, allowed, meaning],
  ]);
  const heads = ["Option", ...(hasVariables ? ["Variable"] : []), "Default", "Allowed", "What it is"];
  const words = settings.flatMap(({ path, words }) =>
    words === undefined ? [] : [`What ${code(path)} may be:`, words],
  );
  const sources = settings.flatMap(({ path, source }) => (source === undefined ? [] : [`- ${code(path)}: ${source}`]));
  const numbers =
    sources.length === 0 ? [] : ["Where numbers come from that are not of this project:", sources.join("\n")];
  return [`## ${section.title}`, section.about, markdownTable(heads, rows), ...words, ...numbers];
}

/** What the engine is given that is no number. */
function renderEngineObjects(): string[] {
  const options = propertiesOf(declarationOf("LocalEngineOptions"), false).map(
    (property) => `- ${code(nameOf(property))} (${code(typeOf(property))}): ${docstringOf(property)}`,
  );
  return ["It takes besides:", options.join("\n")];
}

function renderEnvironment(): string[] {
  const rows = propertiesOf(declarationOf("Environment")).map((property) => [
    ...[code(nameOf(property)), docstringOf(property)],
  ]);
  return ["## Other variables that are read", markdownTable(["Variable", "What it is"], rows)];
}

interface Setting {
  readonly path: string;
  readonly variable: string | undefined;
  readonly fallback: string;
  readonly allowed: string;
  readonly meaning: string;
  /** What each of several words means, if their type says it. */
  readonly words: string | undefined;
  /** Where its default comes from, if that is a limit of somebody else. */
  readonly source: string | undefined;
}

function settingsOf({ path, table, tableInLambda = table, options, constant }: Section): Setting[] {
  const read = (group: Table, inLambda: Table, owner: ts.Node, around: readonly string[]): Setting[] => {
    const properties = propertiesOf(owner);
    const other = properties.map(nameOf).find((name) => !(name in group));
    if (other !== undefined) throw new Error(`The option ${[...around, other].join(".")} has no row in its table.`);
    return Object.entries(group).flatMap(([key, row]) => {
      const keys = [...around, key];
      const property = properties.find((one) => nameOf(one) === key);
      if (property?.type === undefined) throw new Error(`The setting ${keys.join(".")} is no option of ${options}.`);
      if (!("fallback" in row)) {
        const { type } = property;
        const inner = ts.isTypeReferenceNode(type) ? declarationOf(type.getText()) : type;
        return read(row, inLambda[key] as Table, inner, keys);
      }
      const full = [path, ...keys].filter(Boolean).join(".");
      const said = readDocstring(docstringOf(property), full, row as Row<unknown>, inLambda[key] as Row<unknown>);
      const words = "values" in row ? wordsOf(property.type) : undefined;
      const source = constant === undefined ? undefined : sourceOf(constant, keys);
      return [{ ...said, path: keys.join("."), words, source, allowed: said.allowed || code(typeOf(property)) }];
    });
  };
  return read(table, tableInLambda, declarationOf(options), []);
}

const UNITS: readonly (readonly [RegExp, string])[] = [
  [/Ms\b/, "milliseconds"],
  [/Bytes\b/i, "bytes"],
  [/Micros\b/, "microseconds"],
  [/Mb\b/, "megabytes"],
];

/**
 * Reads what a docstring says of a setting, in this order: sentences that say what it is; what is allowed; the default;
 * the variable.
 * @throws Error when it does not say what the row does
 */
export function readDocstring(docstring: string, path: string, row: Row<unknown>, inLambda = row) {
  let rest = docstring;
  const takeEnd = (end: string): void => {
    if (!rest.endsWith(end))
      throw new Error(`The docstring of ${path} must say "${end}", where it ends "${rest.slice(-60)}".`);
    rest = rest.slice(0, -end.length).trimEnd();
  };
  const variable = variableOf(path, row);
  if (variable !== undefined) takeEnd(code(variable));
  // What is decided elsewhere can only be told.
  const told =
    row.fallback === undefined || Array.isArray(row.fallback) ? /Default: (.+)\.$/.exec(rest)?.[1] : undefined;
  const [here, there] = [show(row.fallback), show(inLambda.fallback)];
  const fallback = told ?? (here === there ? here : `${here}; in Lambda ${there}`);
  takeEnd(`Default${told === undefined ? "" : ":"} ${fallback}.`);
  const allowed = allowedBy(row);
  if (allowed !== "" && allowed !== BOOLEAN) takeEnd(`${allowed.charAt(0).toUpperCase()}${allowed.slice(1)}.`);
  if (!rest.endsWith(".")) throw new Error(`The docstring of ${path} must say what it is, in a sentence.`);
  const unit = UNITS.find(([pattern]) => pattern.test(path))?.[1];
  if (unit !== undefined && "least" in row && !rest.toLowerCase().includes(unit)) {
    throw new Error(`The docstring of ${path} must name its unit, ${unit}.`);
  }
  return { variable, fallback, allowed, meaning: rest };
}

const BOOLEAN = "true or false";

/** Empty for a row of another kind that does not say it. */
function allowedBy(row: Row<unknown>): string {
  if ("read" in row) return row.allowed ?? "";
  if ("values" in row) {
    const words = [...row.values].map(show);
    return `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
  }
  return `${show(row.least)} to ${show(row.most)}${row.unlimited ? ', or Infinity ("unlimited")' : ""}`;
}

function show(value: unknown): string {
  if (typeof value === "number" && Number.isFinite(value)) return value.toLocaleString("en-US");
  return typeof value === "string" ? code(value) : String(value);
}

const code = (text: string): string => `\`${text}\``;

function markdownTable(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(heads), `|${"---|".repeat(heads.length)}`, ...rows.map(line)].join("\n");
}

const sources = globSync("src/**/*.ts", { cwd: ROOT }).map((file) => readFileSync(join(ROOT, file), "utf8"));
const parsed = new Map<string, ts.SourceFile>();

function* statements(mark: string): Generator<ts.Statement> {
  for (const source of sources.filter((text) => text.includes(mark))) {
    const file = parsed.get(source) ?? ts.createSourceFile("source.ts", source, ts.ScriptTarget.Latest, true);
    parsed.set(source, file);
    yield* file.statements;
  }
}

type TypeDeclaration = ts.InterfaceDeclaration | ts.TypeAliasDeclaration;

function declarationOf(name: string): TypeDeclaration {
  for (const statement of statements(` ${name} `)) {
    const isType = ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement);
    if (isType && statement.name.text === name) return statement;
  }
  throw new Error(`There is no type ${name} in the sources.`);
}

/** In the order of the sources, those that an interface inherits first. */
function propertiesOf(owner: ts.Node, inherited = true): ts.PropertySignature[] {
  if (ts.isInterfaceDeclaration(owner)) {
    const parents = (owner.heritageClauses ?? []).flatMap(({ types }) => [...types]);
    const above = inherited ? parents.flatMap((type) => propertiesOf(declarationOf(type.getText()))) : [];
    return [...above, ...owner.members.filter(ts.isPropertySignature)];
  }
  return ts.isTypeLiteralNode(owner) ? owner.members.filter(ts.isPropertySignature) : [];
}

const nameOf = (property: ts.PropertySignature): string => property.name.getText();
const typeOf = (property: ts.PropertySignature): string => property.type?.getText() ?? "unknown";

/** As one line. */
function docstringOf(node: ts.Node, of = node.getText().split("\n")[0]): string {
  const text = commentOf(node).replaceAll(/\s+/g, " ");
  if (text === "") throw new Error(`There is no docstring for: ${of}`);
  return text;
}

function commentOf(node: ts.Node): string {
  const comment = ts.getJSDocCommentsAndTags(node).find(ts.isJSDoc)?.comment;
  return ts.getTextOfJSDocComment(comment)?.trim() ?? "";
}

function wordsOf(type: ts.TypeNode): string | undefined {
  if (!ts.isTypeReferenceNode(type)) return undefined;
  const comment = commentOf(declarationOf(type.getText()));
  const list = `\n${comment}`.indexOf("\n- ");
  return list < 0 ? undefined : comment.slice(list);
}

/** What is said of the constant that is the default in a table, unless that is the table's own. */
function sourceOf(table: string, keys: readonly string[]): string | undefined {
  let value: ts.Node | undefined = constantOf(table);
  const file = value?.getSourceFile();
  for (const key of keys) {
    if (value === undefined || !ts.isObjectLiteralExpression(value)) return undefined;
    const member: ts.ObjectLiteralElementLike | undefined = value.properties.find(
      (property) => property.name?.getText() === key,
    );
    value = member !== undefined && ts.isPropertyAssignment(member) ? member.initializer : undefined;
  }
  const fallback = value !== undefined && ts.isCallExpression(value) ? value.arguments[0] : undefined;
  if (fallback === undefined || !ts.isIdentifier(fallback) || fallback.text === "undefined") return undefined;
  const constant = constantOf(fallback.text);
  return constant.getSourceFile() === file ? undefined : docstringOf(constant.parent.parent.parent, fallback.text);
}

function constantOf(name: string): ts.Expression {
  for (const statement of statements(`const ${name} `)) {
    const declarations = ts.isVariableStatement(statement) ? statement.declarationList.declarations : [];
    const found = declarations.find((declaration) => declaration.name.getText() === name);
    if (found?.initializer !== undefined) return found.initializer;
  }
  throw new Error(`There is no constant ${name} in the sources.`);
}

if (import.meta.main) writeFileSync(PAGE, settingsPage());
