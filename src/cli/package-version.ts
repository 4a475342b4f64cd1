import { existsSync, readFileSync } from "node:fs";

/** The version, or "unknown" without package.json. In the build that file is one folder up, in the sources two. */
export function packageVersion(): string {
  const manifest = ["../package.json", "../../package.json"]
    .map((path) => new URL(path, import.meta.url))
    .find(existsSync);
  if (manifest === undefined) return "unknown";
  return (JSON.parse(readFileSync(manifest, "utf8")) as { version: string }).version;
}
