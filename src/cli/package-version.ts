import { existsSync, readFileSync } from "node:fs";

/** The package's root is one folder up from the build, two from the sources. */
export function packageVersion(): string {
  const manifest = ["../package.json", "../../package.json"]
    .map((path) => new URL(path, import.meta.url))
    .find(existsSync);
  if (manifest === undefined) return "unknown";
  return (JSON.parse(readFileSync(manifest, "utf8")) as { version: string }).version;
}
