import { fileURLToPath } from "node:url";

/** A line of the user's code. */
export interface CallSite {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A frame in a file. Node's own parts have the scheme `node:` and slashes too, so the whole place is matched. */
const FRAME = /(?:^at (?:async )?|\()((?:file:|[A-Za-z]:[\\/]|\/)[^()]*?):(\d+):(\d+)\)?$/;
/** Other copies of this package, and the official one. */
const PACKAGES = /[\\/]node_modules[\\/](?:durable-fanout|@aws[\\/]durable-execution-sdk-js)[\\/]/;
/** The last part of a path, and the folder of this file where the package runs from its sources. */
const LAST_PARTS = /(?:[\\/]replay)?[\\/][^\\/]*$/;

/**
 * The line from which an operation was called: the first of the stack in the handler's own file, or else the first that is
 * neither this package's nor Node's; undefined where the stack has none. The stack begins in a file of this package.
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
