import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { packedPackage } from "../support/packed-package.ts";
import { PAGES, ROOT, readPage } from "./pages.ts";

interface Link {
  readonly page: string;
  /** From the project's folder. */
  readonly path: string;
  readonly anchor: string;
}

const links: readonly Link[] = PAGES.flatMap((page) => {
  const source = readPage(page).replaceAll(/^ *```[\s\S]*?^ *```$/gm, "");
  const targets = Array.from(source.matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g), ([, target]) => target as string);
  return targets.map((target) => {
    const [path = "", anchor = ""] = target.split("#");
    return { page, path: path === "" ? page : join(dirname(page), path), anchor };
  });
});

/** The anchors that a page's headings have. */
function anchorsOf(page: string): string[] {
  const source = readPage(page).replaceAll(/^ *```[\s\S]*?^ *```$/gm, "");
  return Array.from(source.matchAll(/^#+ (.+)$/gm), ([, title]) =>
    (title as string)
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

const shown = ({ page, path, anchor }: Link): string => `${page} -> ${path}${anchor === "" ? "" : `#${anchor}`}`;

test("every link of the documentation leads to a file, and to a heading where it names one", () => {
  expect(links.length).toBeGreaterThan(60);
  const broken = links.filter(({ path, anchor }) => {
    if (!existsSync(join(ROOT, path))) return true;
    return anchor !== "" && !anchorsOf(path).includes(anchor);
  });
  expect(broken.map(shown)).toEqual([]);
});

test("what the documentation links to comes along in the package", async () => {
  const { project } = await packedPackage();
  const installed = join(project, "node_modules/durable-fanout");
  expect(links.filter(({ path }) => !existsSync(join(installed, path))).map(shown)).toEqual([]);
}, 180_000);

test("every page is in the README's table of contents", () => {
  const linked = new Set(links.filter(({ page }) => page === "README.md").map(({ path }) => path));
  expect(PAGES.filter((page) => page !== "README.md" && !linked.has(page))).toEqual([]);
});

test("the README is short, and has the commands that try and test the project", () => {
  const readme = readPage("README.md");
  expect(readme.split("\n").length).toBeLessThanOrEqual(200);
  expect(readme).toMatch(/^npm ci && npm start\b/m);
  expect(readme).toMatch(/^npm ci && npm test$/m);
});
