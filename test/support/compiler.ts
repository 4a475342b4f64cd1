import { join } from "node:path";
import ts from "typescript";

const OPTIONS: ts.CompilerOptions = {
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  target: ts.ScriptTarget.ES2024,
  strict: true,
  allowImportingTsExtensions: true,
  noEmit: true,
  skipLibCheck: true,
  types: ["node"],
};

/**
 * Enums and private members of two packages never match. What differs beyond that shows when the official enums are what
 * ours are, constants and a union of their texts, and the private members are left out.
 */
export function comparable(declarations: string): string {
  return declarations
    .replace(/^ +private .*;$/gm, "")
    .replace(/export declare enum (\w+) (\{[^}]*\})/g, (_all, name: string, members: string) => {
      const constants = members.replace(/(\w+) = ("[^"]*"),?/g, "readonly $1: $2;");
      return `export declare const ${name}: ${constants}; export type ${name} = (typeof ${name})[keyof typeof ${name}];`;
    });
}

/**
 * Compiles a text as if it were a file of `test/types`; `rewrite` may change the official package's declarations.
 */
export function compile(
  text: string,
  rewrite = (declarations: string) => declarations,
): { program: ts.Program; file: ts.SourceFile } {
  const name = join(import.meta.dirname, "../types/generated.ts");
  const host = ts.createCompilerHost(OPTIONS);
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (path) => path === name || fileExists(path);
  host.readFile = (path) => (path === name ? text : readFile(path));
  host.getSourceFile = (path, version, ...rest) => {
    if (path === name) return ts.createSourceFile(path, text, version);
    if (!path.includes("durable-execution-sdk-js/dist-types")) return getSourceFile(path, version, ...rest);
    return ts.createSourceFile(path, rewrite(readFile(path) ?? ""), version);
  };
  const program = ts.createProgram([name], OPTIONS, host);
  return { program, file: program.getSourceFile(name) as ts.SourceFile };
}

/** The compiler's complaints about a text, with their lines. */
export function problemsOf(text: string): string[] {
  const { program, file } = compile(text);
  return program.getSemanticDiagnostics(file).map(({ start = 0, messageText }) => {
    const line = file.text.slice(0, start).split("\n").length;
    return `line ${line}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`;
  });
}
