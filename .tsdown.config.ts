import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { defineConfig } from "tsdown";

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

// Comments stand in the types, where editors look for them; in the code they are a fifth of the time that Node takes to
// compile it, whenever a process begins.
const comments = { legal: true, annotation: true, jsdoc: false };

const common = { platform: "node", target: "node22", clean: false, plugins: [msgpackrOnDemand] } as const;
const bundled = { alwaysBundle: ["p-limit", "yocto-queue"] };

export default defineConfig([
  {
    ...common,
    entry: { index: "src/index.ts", testing: "src/testing.ts", workers: "src/workers.ts", esbuild: "src/esbuild.ts" },
    format: ["esm", "cjs"],
    dts: true,
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
