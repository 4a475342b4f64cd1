import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const sourcesOf = (pattern: string) =>
  globSync(pattern, { cwd: root }).map((file) => ({ file, text: readFileSync(join(root, file), "utf8") }));

/** A number, two spaces, and what holds, in a comment: `C1  At most one request is in flight.` */
const DEFINITION = /^\s*(?:\/\/|\*) ([A-Z]{1,3})(\d+) {2}\S/gm;
/** The numbers behind code, or at the end of a comment: `// C1, C2`. */
const RELIANCE = /\/\/ ([A-Z]{1,3}\d+(?:, [A-Z]{1,3}\d+)*)$/gm;
/** The numbers above a test that proves them: `// C1, C2`; or the number at the start of the test's name: `J1: …`. */
const PROOF = /^\s*\/\/ ([A-Z]{1,3}\d+(?:, [A-Z]{1,3}\d+)*)\n\s*test\b|"([A-Z]{1,3}\d+): /gm;

const definitions = sourcesOf("{src,workers,test}/**/*.ts").flatMap(({ file, text }) =>
  [...text.matchAll(DEFINITION)].map(([, letters, digits]) => ({ file, letters, number: `${letters}${digits}` })),
);
const numbers = new Set(definitions.map(({ number }) => number));
const listed = (text: string, pattern: RegExp) =>
  [...text.matchAll(pattern)].flatMap(([, list, single]) => (list ?? single ?? "").split(", "));

test("each invariant has a number of its own, and each file letters of its own", () => {
  expect(numbers.size).toBeGreaterThan(60);
  expect(definitions.length).toBe(numbers.size);
  const fileOf = new Map(definitions.map(({ letters, file }) => [letters, file]));
  expect(definitions.filter(({ letters, file }) => fileOf.get(letters) !== file)).toEqual([]);
});

test("code and tests name no invariant that does not exist", () => {
  const named = sourcesOf("{src,workers,test}/**/*.ts").flatMap(({ file, text }) =>
    [...listed(text, RELIANCE), ...listed(text, PROOF)].map((number) => ({ file, number })),
  );
  expect(named.filter(({ number }) => !numbers.has(number))).toEqual([]);
});

/** Not yet named by their tests. */
const WITHOUT_PROOF = ["src/workers/", "src/cli/"];

test("each invariant of the sources is named by a test that proves it", () => {
  const proven = new Set(sourcesOf("test/{**/*.test,suites/*}.ts").flatMap(({ text }) => listed(text, PROOF)));
  const owed = definitions.filter(
    ({ file }) => file.startsWith("src/") && !WITHOUT_PROOF.some((folder) => file.startsWith(folder)),
  );
  expect(owed.filter(({ number }) => !proven.has(number))).toEqual([]);
});
