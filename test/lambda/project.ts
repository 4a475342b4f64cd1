import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BuildOptions, build } from "esbuild";
import type { EsbuildPlugin } from "../../src/bundling/esbuild-plugin.ts";

const root = join(import.meta.dirname, "../..");

export type Format = "esm" | "cjs";

export interface BundleOptions extends BuildOptions {
  /** Relative to the project, or absolute. */
  readonly entry: string;
  readonly format: Format;
  /** Whether this package's plugin takes part. Default true. */
  readonly hasPlugin?: boolean;
}

/**
 * A project as a user has it: this package, built, in its `node_modules`, beside sources of its own. Bundles are moved
 * out of it, into folders where nothing else is.
 */
export class BundlingProject {
  readonly folder = mkdtempSync(join(tmpdir(), "durable-fanout-lambda-"));
  #bundles = 0;

  constructor() {
    const modules = join(this.folder, "node_modules");
    const own = join(modules, "durable-fanout");
    mkdirSync(own, { recursive: true });
    execFileSync("npx", ["tsdown", "--config", ".tsdown.config.ts", "--no-dts", "--out-dir", join(own, "dist")], {
      cwd: root,
      stdio: "pipe",
    });
    cpSync(join(root, "package.json"), join(own, "package.json"));
    for (const name of ["@aws-sdk", "@smithy", "@aws", "piscina", "esbuild", "typescript"]) {
      symlinkSync(join(root, "node_modules", name), join(modules, name));
    }
    writeFileSync(join(this.folder, "package.json"), '{"name":"functions","private":true}');
  }

  /** Copies sources into the project, under a folder of this name. */
  copy(from: string, name: string): void {
    cpSync(from, join(this.folder, name), {
      recursive: true,
      filter: (path) => !path.includes("node_modules"),
    });
  }

  /** Bundles with this package's plugin, as the docs say, and returns the folder that would be deployed. */
  async bundle({ entry, format, hasPlugin = true, ...options }: BundleOptions): Promise<string> {
    const outdir = join(this.folder, "out", `${++this.#bundles}`);
    const { durableFanout } = createRequire(join(this.folder, "package.json"))("durable-fanout/esbuild") as {
      durableFanout: () => EsbuildPlugin;
    };
    await build({
      ...{ absWorkingDir: this.folder, entryPoints: [entry], outdir, bundle: true, platform: "node", target: "node22" },
      ...{ format, outExtension: { ".js": format === "esm" ? ".mjs" : ".cjs" }, minify: true, logLevel: "error" },
      plugins: hasPlugin ? [durableFanout() as never] : [],
      ...options,
    });
    const deployed = mkdtempSync(join(tmpdir(), "durable-fanout-task-"));
    rmSync(deployed, { recursive: true });
    renameSync(outdir, deployed);
    this.#deployed.push(deployed);
    return deployed;
  }

  readonly #deployed: string[] = [];

  close(): void {
    for (const folder of [this.folder, ...this.#deployed]) rmSync(folder, { recursive: true, force: true });
  }
}
