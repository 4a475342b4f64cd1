import { fileURLToPath } from "node:url";

/** A line of the user's code. */
export interface CallSite {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Files of this package: sources, build, and other copies of it. */
const OWN = /[\\/]node_modules[\\/](?:durable-fanout|@aws[\\/]durable-execution-sdk-js)[\\/]/;
const HERE = import.meta.url.slice(0, import.meta.url.lastIndexOf("/"));
/** The folder of the sources; of the build, whose files lie in one folder, the build's. */
const ROOT = fileURLToPath(HERE.endsWith("/replay") ? HERE.slice(0, -"/replay".length) : HERE);

/**
 * The line from which an operation was called: the first of the stack in the handler's own file, or else the first that is
 * neither this package's nor Node's; undefined where the stack has none.
 */
export function callSite(stack: string | undefined, handlerFile: string | undefined): CallSite | undefined {
  const sites = (stack ?? "").split("\n").flatMap((line) => {
    const [, place, row, column] = /\(?((?:file:|[A-Za-z]:[\\/]|\/)[^()]*?):(\d+):(\d+)\)?$/.exec(line.trim()) ?? [];
    if (place === undefined) return [];
    const file = toPath(place);
    return file === undefined ? [] : [{ file, line: Number(row), column: Number(column) }];
  });
  const isForeign = ({ file }: CallSite) =>
    !OWN.test(file) && !file.startsWith(`${ROOT}/`) && !file.startsWith(`${ROOT}\\`);
  return sites.find(({ file }) => file === handlerFile) ?? sites.find(isForeign);
}

function toPath(place: string): string | undefined {
  const bare = place.replace(/^.*?(?=file:)/, "").replace(/[?#].*$/, "");
  try {
    return bare.startsWith("file:") ? fileURLToPath(bare) : bare;
  } catch {
    return undefined;
  }
}
