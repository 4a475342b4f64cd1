import { transform } from "esbuild";
import { expect, test } from "vitest";
import { withClassNames } from "../../src/bundling/class-names.ts";

/** The names that the exported classes of a module have once it is minified. */
async function namesIn(source: string, isPackage = false): Promise<Record<string, string>> {
  const options = { loader: "ts", format: "esm", minify: true } as const;
  const { code } = await transform(withClassNames(source, isPackage), options);
  const module = (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as Record<string, { name: string }>;
  return Object.fromEntries(Object.entries(module).map(([exported, { name }]) => [exported, name]));
}

test("a minifier takes the names of classes", async () => {
  const { code } = await transform("class OutOfStock extends Error {} export { OutOfStock as it };", { minify: true });
  expect(code).not.toMatch(/class OutOfStock/);
});

test.each([
  ["a class", "class OutOfStock extends Error {}"],
  ["an abstract class", "abstract class OutOfStock extends Error {}"],
  ["a generic class", "class OutOfStock<T> extends Error { item?: T }"],
  ["a class over one of the module", "class Base extends Error {}\nclass OutOfStock extends Base {}"],
  ["a class over one of another object", "const errors = { Base: Error };\nclass OutOfStock extends errors.Base {}"],
  ["a class that a constant holds", "const OutOfStock = class extends Error {};"],
  ["what a compiler made of a class", "var OutOfStock = class Inner extends Error {};"],
])("%s keeps its name", async (_what, source) => {
  expect(await namesIn(`${source}\nexport { OutOfStock as it };`)).toEqual({ it: "OutOfStock" });
});

test("a class that says its name itself keeps what it says", async () => {
  const source = 'class OutOfStock extends Error { static override readonly name = "Empty"; }';
  expect(await namesIn(`${source}\nexport { OutOfStock as it };`)).toEqual({ it: "Empty" });
});

test("classes that exist in comments and strings only harm nothing", async () => {
  const source =
    "/*\nclass Gone extends Error {}\n*/\nconst text = `\nclass Written extends Error {}\n`;\nexport { text };";
  expect(Object.keys(await namesIn(source))).toEqual(["text"]);
});

test("of packages only classes of errors keep their names", async () => {
  const source =
    "class Widget extends Map {}\nclass Throttled extends Error {}\nexport { Widget as a, Throttled as b };";
  const { a, b } = await namesIn(source, true);
  expect([a === "Widget", b]).toEqual([false, "Throttled"]);
});

test("sources without such classes stay as they are", () => {
  expect(withClassNames("export const a = 1;", false)).toBe("export const a = 1;");
});
