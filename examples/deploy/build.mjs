// What is deployed: `dist` for template.yaml, `dist-verify` for verify/template.yaml. Nothing else goes along.
import { rmSync } from "node:fs";
import { durableFanout } from "durable-fanout/esbuild";
import { build } from "esbuild";

const options = {
  ...{ bundle: true, platform: "node", target: "node22", format: "cjs", outExtension: { ".js": ".cjs" } },
  ...{ minify: true, keepNames: true, sourcemap: "linked", logLevel: "warning" },
};

for (const folder of ["dist", "dist-verify"]) rmSync(folder, { recursive: true, force: true });
await build({ ...options, entryPoints: ["src/handler.ts"], outdir: "dist", plugins: [durableFanout()] });
await build({ ...options, entryPoints: ["verify/probe.ts"], outdir: "dist-verify" });
