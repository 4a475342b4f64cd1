import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { beforeAll, expect, test } from "vitest";
import * as main from "../../src/index.ts";
import * as testing from "../../src/testing.ts";
import * as threads from "../../src/workers.ts";
import { type Block, blocksIn, ROOT, titleOf } from "./pages.ts";

const blocks = blocksIn("ts");
const here = import.meta.dirname;

/** Where the compiler sees a block: the files of a page lie in one folder, so that they find each other. */
const placeOf = (block: Block): string =>
  join(here, "code", block.page.replaceAll(/\W/g, "-"), block.file ?? `line-${block.line}.ts`);

const SURROUNDINGS = readFileSync(join(here, "surroundings.ts"), "utf8");
const SURROUNDING_NAMES = Array.from(
  SURROUNDINGS.matchAll(/^export (?:declare (?:const|function)|interface) (\w+)/gm),
  ([, name]) => name as string,
);

/** What a fragment uses and does not import itself, by where it is from. */
const SOURCES: readonly (readonly [file: string, names: readonly string[]])[] = [
  [join(here, "surroundings.ts"), SURROUNDING_NAMES],
  [join(ROOT, "src/index.ts"), Object.keys(main)],
  [join(ROOT, "src/testing.ts"), Object.keys(testing).filter((name) => !(name in main))],
  [join(ROOT, "src/workers.ts"), Object.keys(threads)],
];

/** A block that exports something, or that names its file, is a module; another one is what stands in some function. */
const isModule = ({ text, file }: Block): boolean => file !== undefined || /^export /m.test(text);

/** The block as a module; a fragment stands in a function, and has what is around it imported. */
function moduleOf(block: Block): string {
  if (isModule(block)) return block.text;
  // Without the comment behind one: all of them stand in one line, so that lines are those of the page.
  const imports = (block.text.match(/^import .*$/gm) ?? []).map((line) => line.replace(/;.*$/, ";"));
  const words = new Set(block.text.match(/\w+/g));
  const given = SOURCES.map(([file, names]) => {
    const used = names.filter((name) => words.has(name) && !imports.some((line) => line.includes(name)));
    return used.length === 0 ? "" : `import { ${used.join(", ")} } from ${JSON.stringify(file)};`;
  });
  const body = block.text.replaceAll(/^import .*$/gm, "");
  return `${[...given, ...imports].join(" ")} export async function fragment() {\n${body}\n}`;
}

/** The parts of the AWS CDK that a page shows; that package is not among ours. */
const CDK = `
declare module "aws-cdk-lib" { export class Stack { constructor(scope: unknown, id: string); } }
declare module "aws-cdk-lib/aws-lambda" {
  export class Function { constructor(scope: unknown, id: string, props: FunctionProps); }
  export interface FunctionProps { runtime: Runtime; handler: string; code: Code; memorySize?: number }
  export class Runtime { static readonly NODEJS_24_X: Runtime; private constructor(); }
  export class Code { static fromAsset(path: string): Code; private constructor(); }
}`;

const OPTIONS: ts.CompilerOptions = {
  ...{ module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext },
  ...{ target: ts.ScriptTarget.ES2024, strict: true, noUncheckedIndexedAccess: false, types: ["node"] },
  ...{ allowImportingTsExtensions: true, noEmit: true, skipLibCheck: true },
  paths: { "durable-fanout": [join(ROOT, "src/index.ts")], "durable-fanout/*": [join(ROOT, "src/*.ts")] },
};

const virtual = new Map<string, string>([
  [join(here, "code/cdk.d.ts"), CDK],
  ...blocks.map((block): [string, string] => [placeOf(block), moduleOf(block)]),
]);
let program: ts.Program;

beforeAll(() => {
  const host = ts.createCompilerHost(OPTIONS);
  const { fileExists, readFile, getSourceFile } = host;
  // A page that says nothing of the module for threads means the one beside this test.
  const textOf = (path: string): string | undefined =>
    virtual.get(path) ??
    (path.endsWith("/score.ts") && path.includes("/docs/code/") ? readFile(join(here, "score.ts")) : undefined);
  host.fileExists = (path) => textOf(path) !== undefined || fileExists(path);
  host.readFile = (path) => textOf(path) ?? readFile(path);
  host.directoryExists = () => true;
  host.getSourceFile = (path, ...rest) => {
    const text = textOf(path);
    return text === undefined ? getSourceFile(path, ...rest) : ts.createSourceFile(path, text, rest[0]);
  };
  program = ts.createProgram([...virtual.keys()], OPTIONS, host);
  // The first look at a file takes what it imports along.
  for (const block of blocks) program.getSemanticDiagnostics(program.getSourceFile(placeOf(block)));
}, 180_000);

test("there is code in the documentation", () => {
  expect(blocks.length).toBeGreaterThan(25);
});

test.each(blocks.map((block) => [titleOf(block), block] as const))("the code at %s compiles", (_, block) => {
  const file = program.getSourceFile(placeOf(block)) as ts.SourceFile;
  const diagnostics = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
  const offset = isModule(block) ? 0 : -1;
  const problems = diagnostics.map(({ start = 0, messageText }) => {
    const line = block.line + offset + file.text.slice(0, start).split("\n").length;
    return `${block.page}:${line}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`;
  });
  expect(problems).toEqual([]);
});
