import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { expect, test } from "vitest";
import { compile } from "../support/compiler.ts";
import { ROOT, readPage } from "./pages.ts";

const ENTRIES = ["index", "testing", "workers", "esbuild"];

test("API by task names every export", () => {
  const imports = ENTRIES.map((entry) => `import type * as ${entry} from "../../src/${entry}.ts";`);
  const { program, file } = compile(imports.join("\n"));
  const checker = program.getTypeChecker();
  const named = new Set(readPage("docs/api.md").match(/\w+/g));
  const modules = file.statements.filter((statement) => ts.isImportDeclaration(statement));
  const missing = modules.flatMap(({ moduleSpecifier }) => {
    const symbol = checker.getSymbolAtLocation(moduleSpecifier) as ts.Symbol;
    const names = checker.getExportsOfModule(symbol).map(({ name }) => name);
    expect(names.length).toBeGreaterThan(1);
    return names.filter((name) => !named.has(name)).map((name) => `${moduleSpecifier.getText(file)}: ${name}`);
  });
  expect(missing).toEqual([]);
}, 180_000);

/** Codes of Node's own errors, which the sources compare with. */
const OF_NODE = [
  "ERR_BUFFER_TOO_LARGE",
  "ERR_MODULE_NOT_FOUND",
  "ERR_UNKNOWN_FILE_EXTENSION",
  "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX",
  "ERR_VM_DYNAMIC_IMPORT_CALLBACK_MISSING_FLAG",
];

const sources = globSync(["src/**/*.ts", "workers/**/*.ts"], { cwd: ROOT }).map((file) =>
  readFileSync(join(ROOT, file), "utf8"),
);

test("Troubleshooting lists every error code of the sources", () => {
  const listed = readPage("docs/troubleshooting.md");
  const codes = new Set(sources.flatMap((source) => source.match(/\bERR_[A-Z_]*[A-Z]\b/g) ?? []));
  expect(codes.size).toBeGreaterThan(60);
  const missing = [...codes].filter((code) => !OF_NODE.includes(code) && !new RegExp(`\`${code}\``).test(listed));
  expect(missing.sort()).toEqual([]);
});

test("Troubleshooting lists no error code that there is not", () => {
  const all = sources.join("\n");
  const listed = new Set(readPage("docs/troubleshooting.md").match(/\bERR_[A-Z_]*[A-Z]\b/g));
  // Made of a word: `ERR_${noun}_UNREADABLE`.
  const made = ["ERR_RESULT_UNREADABLE", "ERR_ERROR_UNREADABLE"];
  expect([...listed].filter((code) => !all.includes(code) && !made.includes(code))).toEqual([]);
});

test("Observability lists every code of a warning", () => {
  const codes = new Set(
    sources.flatMap((source) => source.match(/"DURABLE_FANOUT_(?:UNKNOWN|LOSSY|STAND|STALL)\w+"/g) ?? []),
  );
  expect(codes.size).toBeGreaterThan(3);
  const page = readPage("docs/observability.md");
  expect([...codes].filter((code) => !page.includes(`\`${code.slice(1, -1)}\``))).toEqual([]);
});
