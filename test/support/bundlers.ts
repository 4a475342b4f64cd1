import { basename, dirname } from "node:path";
import commonjs from "@rollup/plugin-commonjs";
import json from "@rollup/plugin-json";
import { nodeResolve } from "@rollup/plugin-node-resolve";
import * as esbuild from "esbuild";
import { rolldown } from "rolldown";
import { type Plugin, type RollupBuild, rollup } from "rollup";
import webpack from "webpack";

// Their types are those of CommonJS, what Node imports is not.
const [readCommonJs, readJson] = [commonjs, json] as unknown as [() => Plugin, () => Plugin];

export type BundleFormat = "esm" | "cjs";

/** What is to be bundled: minified, for Node, with everything inside but what is external. */
export interface BundleOrder {
  readonly entry: string;
  readonly format: BundleFormat;
  readonly outfile: string;
  /** Packages that stay outside, with what is below them. */
  readonly external?: readonly string[];
}

export type Bundler = (order: BundleOrder) => Promise<void>;

const esbuildOptions = ({ entry, format, external = [] }: BundleOrder): esbuild.BuildOptions => ({
  ...{ entryPoints: [entry], format, bundle: true, minify: true, platform: "node", logLevel: "silent" },
  external: external.map((name) => `${name}/*`),
});

const isExternal =
  (external: readonly string[] = []) =>
  (id: string): boolean =>
    /^node:/.test(id) || external.some((name) => id.startsWith(`${name}/`));

const minifyByEsbuild: webpack.WebpackPluginInstance = {
  apply({ hooks }: webpack.Compiler) {
    hooks.compilation.tap("minify", (compilation) => {
      const stage = webpack.Compilation.PROCESS_ASSETS_STAGE_OPTIMIZE_SIZE;
      compilation.hooks.processAssets.tapPromise({ name: "minify", stage }, async (assets) => {
        for (const [file, asset] of Object.entries(assets)) {
          const { code } = await esbuild.transform(asset.source().toString(), { minify: true, target: "node22" });
          compilation.updateAsset(file, new webpack.sources.RawSource(code));
        }
      });
    });
  },
};

const builds = new Map<string, Promise<RollupBuild>>();

/** What both formats are written from. */
function rolledUp(entry: string, external: readonly string[]): Promise<RollupBuild> {
  const key = JSON.stringify([entry, external]);
  const known = builds.get(key);
  if (known !== undefined) return known;
  const plugins = [nodeResolve({ preferBuiltins: true }), readCommonJs(), readJson()];
  const build = rollup({ input: entry, external: isExternal(external), logLevel: "silent", plugins });
  builds.set(key, build);
  return build;
}

/** The bundlers that people use for Lambda, each as its documentation says for Node. A warning of theirs is an error here. */
export const BUNDLERS = {
  esbuild: async (order) => {
    const { warnings } = await esbuild.build({ ...esbuildOptions(order), outfile: order.outfile });
    if (warnings.length > 0) throw new Error(warnings.map(({ text }) => text).join("\n"));
  },
  webpack: ({ entry, format, outfile, external = [] }) =>
    new Promise((resolve, reject) => {
      const config: webpack.Configuration = {
        ...{ mode: "production", target: "node22", entry, context: dirname(entry) },
        output: {
          ...{ path: dirname(outfile), filename: basename(outfile) },
          library: { type: format === "esm" ? "module" : "commonjs2" },
        },
        // terser, which webpack takes otherwise, needs a quarter of a minute.
        optimization: { minimizer: [minifyByEsbuild] },
        experiments: { outputModule: format === "esm" },
        externals: ({ request = "" }, tell) => {
          const kind = format === "esm" ? "module" : "commonjs";
          tell(undefined, isExternal(external)(request) ? `${kind} ${request}` : undefined);
        },
      };
      webpack(config, (error, stats) => {
        if (error !== null && error !== undefined) reject(error);
        else if (stats?.hasErrors() || stats?.hasWarnings())
          reject(new Error(stats.toString({ all: false, errors: true, warnings: true })));
        else resolve();
      });
    }),
  rollup: async ({ entry, format, outfile, external = [] }) => {
    const bundle = await rolledUp(entry, external);
    const minify = {
      name: "minify",
      renderChunk: async (code: string) => (await esbuild.transform(code, { minify: true, target: "node22" })).code,
    };
    await bundle.write({ file: outfile, format, inlineDynamicImports: true, plugins: [minify] });
  },
  rolldown: async ({ entry, format, outfile, external }) => {
    const bundle = await rolldown({
      ...{ input: entry, external: isExternal(external), platform: "node", logLevel: "silent" },
    });
    await bundle.write({ file: outfile, format, codeSplitting: false, minify: true });
    await bundle.close();
  },
} satisfies Record<string, Bundler>;
