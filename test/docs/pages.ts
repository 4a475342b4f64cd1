import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const ROOT = join(import.meta.dirname, "../..");

/** README and the pages of `docs`, as paths from the project's folder. */
export const PAGES: readonly string[] = ["README.md", ...globSync("docs/*.md", { cwd: ROOT }).sort()];

export const readPage = (page: string): string => readFileSync(join(ROOT, page), "utf8");

/** A fenced block of a page. */
export interface Block {
  readonly page: string;
  readonly line: number;
  readonly language: string;
  readonly text: string;
  /** The file that its first line names: `// handler.ts`. */
  readonly file: string | undefined;
}

/** The blocks of one page, or of all of them, in one language. */
export function blocksIn(language: string, pages = PAGES): Block[] {
  return pages.flatMap((page) => {
    const source = readPage(page);
    return Array.from(
      source.matchAll(/^( *)```(\w+)\n([\s\S]*?)^ *```$/gm),
      ({ 0: all, 2: found, 3: text, index }) => ({
        ...{ page, language: found as string, text: text as string },
        line: source.slice(0, index).split("\n").length,
        file: all === undefined ? undefined : /^\/\/ ([\w.-]+\.[a-z]+)\b/.exec(text as string)?.[1],
      }),
    ).filter((block) => block.language === language);
  });
}

export const titleOf = ({ page, line, file }: Block): string => `${page}:${line}${file ? ` (${file})` : ""}`;

/** What stands between backticks, outside of fenced blocks. */
export function inlineCode(page: string): string[] {
  const source = readPage(page).replaceAll(/^ *```[\s\S]*?^ *```$/gm, "");
  return Array.from(source.matchAll(/`([^`\n]+)`/g), ([, code]) => code as string);
}
