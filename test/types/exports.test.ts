import * as official from "@aws/durable-execution-sdk-js";
import ts from "typescript";
import { describe, expect, test } from "vitest";
import * as ours from "../../src/index.ts";
import { comparable, compile } from "../support/compiler.ts";

interface Exported {
  readonly isType: boolean;
  readonly isValue: boolean;
  /** What to put in place of each type parameter. */
  readonly parameters: readonly string[];
}

const IMPORTS = `
import type * as official from "@aws/durable-execution-sdk-js";
import type * as ours from "../../src/index.ts";
`;

function exportsOf(program: ts.Program, file: ts.SourceFile, specifier: "official" | "ours"): Map<string, Exported> {
  const checker = program.getTypeChecker();
  const imported = file.statements
    .filter((statement) => ts.isImportDeclaration(statement))
    .find(({ importClause }) => {
      const bindings = importClause?.namedBindings;
      return bindings !== undefined && ts.isNamespaceImport(bindings) && bindings.name.text === specifier;
    });
  const module = checker.getSymbolAtLocation(imported?.moduleSpecifier as ts.Expression) as ts.Symbol;
  return new Map(
    checker.getExportsOfModule(module).map((symbol) => {
      const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
      const declared = (target.declarations ?? []).flatMap(
        (declaration) => (declaration as ts.InterfaceDeclaration).typeParameters ?? [],
      );
      const parameters = declared.map(({ constraint }) => {
        const [, bound] = /(DurableLogger|DurableInstrumentationPlugin)/.exec(constraint?.getText() ?? "") ?? [];
        return bound === undefined ? "Row" : `official.${bound}`;
      });
      return [
        symbol.name,
        {
          isType: (target.flags & ts.SymbolFlags.Type) !== 0,
          isValue: (target.flags & ts.SymbolFlags.Value) !== 0,
          parameters,
        },
      ];
    }),
  );
}

/** Whether each type of one package can be given where the other one expects it; the compiler's reason if not. */
function assignability(types: readonly [name: string, parameters: readonly string[]][]): Map<string, string> {
  const lines = types.flatMap(([name, parameters]) => {
    const given = parameters.length === 0 ? "" : `<${parameters.join(", ")}>`;
    return [
      `declare const official_${name}: official.${name}${given}; declare const ours_${name}: ours.${name}${given};`,
      `export const to_ours_${name}: ours.${name}${given} = official_${name};`,
      `export const to_official_${name}: official.${name}${given} = ours_${name};`,
    ];
  });
  const { program, file } = compile(`${IMPORTS}interface Row { id: number }\n${lines.join("\n")}`, comparable);
  const refused = new Map<string, string>();
  for (const diagnostic of program.getSemanticDiagnostics(file)) {
    const at = file.text.slice(0, diagnostic.start).split("\n").length - 1;
    const line = file.text.split("\n")[at] ?? "";
    const [, direction = "compiler", name = line] = /const to_(ours|official)_(\w+)/.exec(line) ?? [];
    refused.set(`${name} to ${direction}`, ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n"));
  }
  return refused;
}

/** What cannot be handed over, and why that does not matter to somebody who changes the import. */
const WIDER = "our context can do more, so what wants it cannot be given the official one";
const NOT_ASSIGNABLE: Record<string, string> = {
  "DurableExecutionApiClient to ours": "it has private members; where one is taken, any DurableExecutionClient will do",
  "DurableContext to ours": WIDER,
  "ConcurrentExecutor to official": WIDER,
  "DurableExecutionHandler to official": WIDER,
  "MapFunc to official": WIDER,
  "RetryableFunc to official": WIDER,
  "StepFunc to official": WIDER,
  "WaitForConditionCheckFunc to official": WIDER,
};

describe("everything that the official package exports", () => {
  const { program, file } = compile(IMPORTS, comparable);
  const theirs = exportsOf(program, file, "official");
  const own = exportsOf(program, file, "ours");

  test("is here, as the same kind of thing, with as many type parameters", () => {
    expect(theirs.size).toBeGreaterThan(120);
    const missing = [...theirs].filter(([name, { isType, isValue, parameters }]) => {
      const found = own.get(name);
      if (found === undefined || (isValue && !found.isValue) || (isType && !found.isType)) return true;
      return isType && found.parameters.length !== parameters.length;
    });
    expect(missing).toEqual([]);
  });

  test("has the same values at run time", () => {
    for (const [name, value] of Object.entries(official)) {
      const counterpart = (ours as Record<string, unknown>)[name];
      expect([name, typeof counterpart]).toEqual([name, typeof value]);
      if (typeof value === "object" && !Object.values(value).some((member) => typeof member === "function")) {
        expect([name, counterpart]).toEqual([name, value]);
      }
      if (typeof value === "string" || typeof value === "number") expect([name, counterpart]).toEqual([name, value]);
    }
  });

  test("has types that can be handed over, both ways", () => {
    const types = [...theirs]
      .filter(([, { isType }]) => isType)
      .map(([name, { parameters }]) => [name, parameters] as const);
    const refused = assignability(types.map(([name, parameters]) => [name, parameters]));
    const unexpected = [...refused].filter(([what]) => NOT_ASSIGNABLE[what] === undefined);
    expect(Object.fromEntries(unexpected)).toEqual({});
    expect([...refused.keys()].toSorted()).toEqual(Object.keys(NOT_ASSIGNABLE).toSorted());
  });

  test("is checked by something that notices: a narrower member is refused", () => {
    const { program: broken, file: text } = compile(
      `${IMPORTS}
      interface Narrow extends Omit<ours.MapConfig<number, number>, "maxConcurrency"> { maxConcurrency: 5 }
      declare const theirs: official.MapConfig<number, number>;
      export const narrow: Narrow = theirs;`,
      comparable,
    );
    expect(broken.getSemanticDiagnostics(text)).toHaveLength(1);
  });
}, 60_000);
