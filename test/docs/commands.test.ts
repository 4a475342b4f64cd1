import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { startCli } from "../support/cli.ts";
import { blocksIn, inlineCode, PAGES, ROOT, readPage } from "./pages.ts";

/** A command of the command line, as its help tells. */
interface Known {
  /** Options, and whether a value follows. */
  readonly options: ReadonlyMap<string, boolean>;
  /** Arguments beside options: how many there must be, and how many there may be. */
  readonly least: number;
  readonly most: number;
}

const known = new Map<string, Known>();
let help = "";

async function helpOf(...command: string[]): Promise<string> {
  return (await startCli([...command, "--help"]).ended).stdout;
}

function readHelp(text: string): Known {
  const [usage = ""] = /^Usage: .*$/m.exec(text) ?? [];
  const options = Array.from(
    text.matchAll(/^ +(?:-\w, )?(--[\w-]+)( <)?/gm),
    ([, name, value]): [string, boolean] => [...[name as string, value !== undefined]] as [string, boolean],
  );
  const needed = usage.match(/<[^>]+>/g)?.length ?? 0;
  const possible = usage.match(/\[(?!options|command)[^\]]+\]/g)?.length ?? 0;
  return { options: new Map(options), least: needed, most: needed + possible };
}

beforeAll(async () => {
  help = await helpOf();
  known.set("", readHelp(help));
  const names = Array.from(help.matchAll(/^ {2}([a-z]+) \[?/gm), ([, name]) => name as string);
  const texts = await Promise.all(names.filter((name) => name !== "help").map((name) => helpOf(name)));
  for (const text of texts) known.set(/^Usage: durable-fanout (\w+)/.exec(text)?.[1] as string, readHelp(text));
});

/** A command as it is written, up to what is for the shell. Placeholders in brackets are one word. */
function words(line: string): string[] {
  const all = line.match(/'[^']*'|"[^"]*"|<[^>]*>|\[[^\]]*\]|[^\s'"<[]+/g) ?? [];
  const end = all.findIndex((word) => /^(#|\||&&|>|2>)/.test(word));
  return end < 0 ? all : all.slice(0, end);
}

/** What is wrong with the words behind `durable-fanout`. */
function mistakesIn(line: string, isWhole: boolean): string[] {
  const [name = "", ...rest] = words(line);
  const isCommand = !name.startsWith("-");
  const command = name === "<command>" ? known.get("run") : known.get(isCommand ? name : "");
  if (command === undefined) return [`there is no command "${name}"`];
  const mistakes: string[] = [];
  let given = 0;
  const args = isCommand ? rest : [name, ...rest];
  for (let at = 0; at < args.length; at++) {
    const word = args[at] as string;
    if (!word.startsWith("--")) given++;
    else if (!command.options.has(word) && word !== "--help") mistakes.push(`${name} has no option ${word}`);
    else if (command.options.get(word) === true) {
      at++;
      if (args[at] === undefined && isWhole) mistakes.push(`${word} of ${name} has no value`);
    }
  }
  if (isWhole && given < command.least) mistakes.push(`${name} needs an argument`);
  if (given > command.most) mistakes.push(`${name} takes ${command.most} arguments, not ${given}`);
  return mistakes;
}

interface Shown {
  readonly page: string;
  /** What stands behind `durable-fanout`. */
  readonly line: string;
  /** Of a shell's lines; in a sentence only the beginning of a command may be named. */
  readonly isWhole: boolean;
}

const COMMAND = /(?:^|\s)(?:npx )?(?<![./] ?|install |npm:)durable-fanout ((?![>=])[^\n`]+)/g;

const shown: readonly Shown[] = [
  ...blocksIn("sh").flatMap(({ page, text }) => {
    const lines = text.replaceAll(/\\\n\s*/g, "").split("\n");
    const commands = lines.filter((line) => !/^(npm|cp|cd|mkdir) /.test(line));
    return commands.flatMap((line) =>
      Array.from(line.matchAll(COMMAND), ([, found]) => ({ page, line: found as string, isWhole: true })),
    );
  }),
  ...PAGES.flatMap((page) => {
    const codes = inlineCode(page).filter((code) => /^(?:[A-Z_]+=\S+ )?(?:npx )?durable-fanout [a-z<-]/.test(code));
    return codes.map((code) => ({ page, line: code.replace(/^.*?durable-fanout /, ""), isWhole: false }));
  }),
];

test("there are commands in the documentation", () => {
  expect(shown.filter(({ isWhole }) => isWhole).length).toBeGreaterThan(25);
  expect(shown.filter(({ isWhole }) => !isWhole).length).toBeGreaterThan(15);
});

test("every command of the documentation is one that the command line takes", () => {
  const mistakes = shown.flatMap(({ page, line, isWhole }) =>
    mistakesIn(line, isWhole).map((mistake) => `${page}: durable-fanout ${line}: ${mistake}`),
  );
  expect(mistakes).toEqual([]);
});

test("a wrong command is noticed", () => {
  expect(mistakesIn("run handler.ts --evnt '{}'", true)).toEqual([
    "run has no option --evnt",
    "run takes 1 arguments, not 2",
  ]);
  expect(mistakesIn("run --event '{}'", true)).toEqual(["run needs an argument"]);
  expect(mistakesIn("start", true)).toEqual(['there is no command "start"']);
  expect(mistakesIn("run handler.ts --name", true)).toEqual(["--name of run has no value"]);
});

test("every script of the documentation is one of the project, or of the folder to deploy", () => {
  const scriptsOf = (file: string) => Object.keys(JSON.parse(readFileSync(join(ROOT, file), "utf8")).scripts);
  const scripts = new Set([...scriptsOf("package.json"), ...scriptsOf("examples/deploy/package.json")]);
  const named = PAGES.flatMap((page) =>
    Array.from(readPage(page).matchAll(/npm run ([\w:]+)/g), ([, name]) => name as string),
  );
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((name) => !scripts.has(name))).toEqual([]);
});

describe("the page of the command line", () => {
  const page = "docs/command-line.md";

  test("has every command and every option", () => {
    const named = new Set(inlineCode(page).flatMap((code) => code.match(/--[\w-]+|^durable-fanout \w+/g) ?? []));
    const missing = [...known].flatMap(([name, { options }]) => [
      ...(name === "" || named.has(`durable-fanout ${name}`) ? [] : [name]),
      ...[...options.keys()].filter((option) => !named.has(option) && option !== "--version"),
    ]);
    expect(missing).toEqual([]);
  });

  test("has every exit code with the meaning that the help gives", () => {
    const rows = readPage(page);
    const codes = Array.from(help.matchAll(/^ +(\d+) {2}(.+)$/gm), ([, code, meaning]) => [code, meaning] as const);
    expect(codes.length).toBeGreaterThan(10);
    // The two signals share a row.
    const alone = codes.filter(([code]) => Number(code) < 128);
    expect(alone.filter(([code, meaning]) => !rows.includes(`| ${code} | ${meaning} |`))).toEqual([]);
    expect(rows).toContain("| 130, 143 |");
  });
});
