import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { defineConfig, type UserConfig } from "tsdown";

/**
 * Puts msgpackr into this package's own files, as a function that is compiled when it is first called: its import would
 * take 3 ms of every cold start, and a user's bundle needs no module beside it.
 */
const msgpackrOnDemand = {
  name: "msgpackr-on-demand",
  load(id: string): string | undefined {
    if (!id.replaceAll("\\", "/").endsWith("/src/codec/msgpackr.ts")) return undefined;
    const file = createRequire(import.meta.url).resolve("msgpackr/index-no-eval");
    // Less to look at for whoever compiles what is around it.
    const code = readFileSync(file.replace(/\.cjs$/, ".min.js"), "utf8").replace(/^\/\/# sourceMappingURL=.*$/m, "");
    return `export function loadMsgpackr(): any {\n const exports: any = {}, module = { exports };\n${code}\n return exports;\n}`;
  },
};

/**
 * What is about `require`, which the compiler would replace by one of its own:
 * - The sources' `scopeRequire` becomes the `require` that there is where the code runs, or is not.
 * - CommonJS loads packages by it: at once, in any bundler, and in jest, which refuses `import` in CommonJS.
 */
const plainRequire = {
  name: "plain-require",
  renderChunk(code: string, _chunk: unknown, { format }: { format: string }): string {
    const plain = code.replaceAll(/\bscopeRequire\b/g, "require");
    if (format !== "cjs") return plain;
    return plain.replaceAll(/\bimport\(("[^."][^"]*")\)/g, "Promise.resolve().then(() => require($1))");
  },
};

interface Emitter {
  emitFile(file: { type: "asset"; fileName: string; source: string }): unknown;
}

const BUNDLED = ["msgpackr", "p-limit", "yocto-queue"];

/** Whoever passes on the code of others has to pass on their licenses. */
const licenses = {
  name: "licenses",
  generateBundle(this: Emitter): void {
    const texts = BUNDLED.map((name) => {
      const folder = join(import.meta.dirname, "node_modules", name);
      const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
      if (file === undefined) throw new Error(`${name} has no license file.`);
      return `${name}\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
    });
    const source = `The files of this folder contain code of these packages.\n\n${texts.join("\n---\n\n")}`;
    this.emitFile({ type: "asset", fileName: "THIRD-PARTY-LICENSES.txt", source });
  },
};

/**
 * What bundlers take for `durable-fanout/workers` (the condition "module" of package.json): a bundle in which threads
 * would find nothing to run does not get built, and the import that no bundler resolves says why. The esbuild plugin puts
 * the real file in its place.
 */
const workersInBundles = {
  name: "workers-in-bundles",
  generateBundle(this: Emitter, { format }: { format: string }): void {
    if (format === "cjs") return;
    const why =
      "./durable-fanout/workers can be bundled by esbuild with plugins: [durableFanout()] from durable-fanout/esbuild only; " +
      "otherwise keep durable-fanout out of the bundle";
    const source = `export * from ${JSON.stringify(why)};\n`;
    this.emitFile({ type: "asset", fileName: "workers-in-bundles.mjs", source });
  },
};

// Comments stand in the types, where editors look for them; in the code they are a fifth of the time that Node takes to
// compile it, whenever a process begins.
const comments = { legal: true, annotation: true, jsdoc: false };

const common: UserConfig = {
  ...{ platform: "node", target: "node22", clean: false },
  plugins: [msgpackrOnDemand, plainRequire],
};
const bundled = { alwaysBundle: BUNDLED };

export default defineConfig([
  {
    ...common,
    entry: { index: "src/index.ts", testing: "src/testing.ts", workers: "src/workers.ts", esbuild: "src/esbuild.ts" },
    format: ["esm", "cjs"],
    dts: true,
    plugins: [msgpackrOnDemand, plainRequire, licenses, workersInBundles],
    deps: bundled,
    // One file for whatever entries share: each takes Node half a millisecond to find and open.
    outputOptions: {
      comments,
      codeSplitting: { groups: [{ name: "shared", test: /(?<!\.d)\.ts$/, minShareCount: 2 }] },
    },
  },
  {
    ...common,
    entry: { thread: "workers/thread.ts" },
    format: ["esm", "cjs"],
    dts: false,
    outputOptions: { comments },
  },
  {
    ...common,
    entry: { cli: "src/cli/main.ts" },
    format: ["esm"],
    dts: false,
    deps: bundled,
    outputOptions: { comments },
  },
]);
