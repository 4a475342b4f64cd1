import { fileURLToPath } from "node:url";

/** A line of the user's code. `line` and `column` count from 1. */
export interface CallSite {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A stack frame in a file. Frames of Node itself begin with `node:`, so they do not match. */
const FRAME = /(?:^at (?:async )?|\()((?:file:|[A-Za-z]:[\\/]|\/)[^()]*?):(\d+):(\d+)\)?$/;
/** Files of this package and of the official SDK in `node_modules`. */
const PACKAGES = /[\\/]node_modules[\\/](?:durable-fanout|@aws[\\/]durable-execution-sdk-js)[\\/]/;
/** Without these parts, `src/replay/call-site.ts` becomes `src`, and `dist/testing.mjs` becomes `dist`. */
const LAST_PARTS = /(?:[\\/]replay)?[\\/][^\\/]*$/;

/**
 * The line that called an operation: the first frame in the handler's file, or else the first frame outside of this
 * package, of the official SDK and of Node. Undefined if the stack has neither.
 * @param stack a stack whose first frame is in this package
 */
export function callSite(stack: string | undefined, handlerFile: string | undefined): CallSite | undefined {
  const sites = (stack ?? "").split("\n").flatMap((line) => {
    const [, place, row, column] = FRAME.exec(line.trim()) ?? [];
    const file = place === undefined ? undefined : toPath(place);
    return file === undefined ? [] : [{ file, line: Number(row), column: Number(column) }];
  });
  const root = sites[0]?.file.replace(LAST_PARTS, "");
  const isForeign = ({ file }: CallSite) => !PACKAGES.test(file) && root !== undefined && !isInside(file, root);
  return sites.find(({ file }) => file === handlerFile) ?? sites.find(isForeign);
}

function isInside(file: string, folder: string): boolean {
  return file.startsWith(`${folder}/`) || file.startsWith(`${folder}\\`);
}

function toPath(place: string): string | undefined {
  const bare = place.replace(/^.*?(?=file:)/, "").replace(/[?#].*$/, "");
  try {
    return bare.startsWith("file:") ? fileURLToPath(bare) : bare;
  } catch {
    return undefined;
  }
}
