import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { PAGE, readDocstring, settingsPage } from "../docs/settings.ts";
import { oneOf, type Row, rowsOf, variableOf, whole } from "../src/core/setting.ts";
import { RUNTIME_TABLE } from "../src/core/settings.ts";
import { ENGINE_TABLE } from "../src/service/settings.ts";
import { workersTable } from "../src/workers/settings.ts";

test("docs/settings.md is what the tables and the docstrings of the options give: npm run docs:settings writes it", () => {
  expect(readFileSync(PAGE, "utf8")).toBe(settingsPage());
});

test("the page has a line with a sentence for every setting, with its variable", () => {
  const lines = readFileSync(PAGE, "utf8").split("\n");
  const rows = [
    ...rowsOf(RUNTIME_TABLE, "runtime"),
    ...rowsOf(workersTable(false), "workers"),
    ...rowsOf(ENGINE_TABLE, "engine"),
  ];
  expect(rows.length).toBeGreaterThan(40);
  for (const [path, row] of rows) {
    const option = path.slice(path.indexOf(".") + 1);
    const variable = variableOf(path, row);
    const line = lines.find(
      (one) => one.startsWith(`| \`${option}\` |`) && (variable === undefined || one.includes(`\`${variable}\``)),
    );
    expect(line, path).toMatch(/\| [A-Z][^|]+\. \|$/);
  }
});

describe("a docstring", () => {
  const row = whole(32, 0, 60_000, true);
  const read = (docstring: string, of: Row<unknown> = row, inLambda?: Row<unknown>) =>
    readDocstring(docstring, "runtime.tickMs", of, inLambda);

  test("says what a setting is, what is allowed, the default and the variable", () => {
    const said = 'Milliseconds in a row. 0 to 60,000, or Infinity ("unlimited"). Default 32. `DURABLE_FANOUT_TICK_MS`';
    expect(read(said)).toEqual({
      meaning: "Milliseconds in a row.",
      allowed: '0 to 60,000, or Infinity ("unlimited")',
      fallback: "32",
      variable: "DURABLE_FANOUT_TICK_MS",
    });
  });

  test("says the default of Lambda too, where that is another", () => {
    const said = "Milliseconds. 0 to 9. Default 1; in Lambda 2. `DURABLE_FANOUT_TICK_MS`";
    expect(read(said, whole(1, 0, 9), whole(2, 0, 9)).fallback).toBe("1; in Lambda 2");
  });

  test("tells a default that is not in the table", () => {
    const said = "Milliseconds. 0 to 9. Default: a tenth of the time. `DURABLE_FANOUT_TICK_MS`";
    expect(read(said, whole(undefined, 0, 9)).fallback).toBe("a tenth of the time");
  });

  test.each([
    ["another default", "Milliseconds. 0 to 9. Default 31. `DURABLE_FANOUT_TICK_MS`", 'must say "Default 32."'],
    [
      "a told default for a number",
      "Milliseconds. 0 to 9. Default: 32. `DURABLE_FANOUT_TICK_MS`",
      'must say "Default 32."',
    ],
    ["another range", "Milliseconds. 0 to 8. Default 32. `DURABLE_FANOUT_TICK_MS`", 'must say "0 to 9."'],
    [
      "another variable",
      "Milliseconds. 0 to 9. Default 32. `DURABLE_FANOUT_TICK`",
      'must say "`DURABLE_FANOUT_TICK_MS`"',
    ],
    ["no sentence", "0 to 9. Default 32. `DURABLE_FANOUT_TICK_MS`", "must say what it is"],
    ["no unit", "How long. 0 to 9. Default 32. `DURABLE_FANOUT_TICK_MS`", "must name its unit, milliseconds"],
  ])("with %s is refused", (_, docstring, message) => {
    expect(() => read(docstring, whole(32, 0, 9))).toThrow(message);
  });

  test("names the values of a setting that has some", () => {
    const colours = oneOf("red", ["red", "blue", "green"]);
    const said = "A colour. `red`, `blue` or `green`. Default `red`. `DURABLE_FANOUT_TICK_MS`";
    expect(read(said, colours)).toMatchObject({ meaning: "A colour.", allowed: "`red`, `blue` or `green`" });
    expect(() => read(said.replace("blue", "black"), colours)).toThrow('must say "`red`, `blue` or `green`."');
  });
});
