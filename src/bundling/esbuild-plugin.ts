import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, extname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { withClassNames } from "./class-names.ts";
import { moduleUrlsForWorkers, rewriteModuleUrls, usesWorkers } from "./module-urls.ts";

/** The used parts of esbuild's types (0.17 and later). They are copied so that esbuild need not be installed. */
interface BuildOptions {
  bundle?: boolean;
  format?: "iife" | "cjs" | "esm";
  outdir?: string;
  outfile?: string;
  absWorkingDir?: string;
  metafile?: boolean;
  write?: boolean;
  minify?: boolean;
  minifyIdentifiers?: boolean;
  keepNames?: boolean;
  define?: Record<string, string>;
  [option: string]: unknown;
}

interface BuildResult {
  errors: unknown[];
  metafile?: { outputs: Record<string, { inputs: Record<string, unknown>; imports: { path: string }[] }> } | undefined;
}

type Loader = "js" | "jsx" | "ts" | "tsx";

interface LoadResult {
  contents: string;
  loader: Loader;
  resolveDir: string;
  errors?: { text: string }[];
}

interface PluginBuild {
  initialOptions: BuildOptions;
  esbuild: {
    build(options: never): Promise<BuildResult>;
    transform(source: string, options: never): Promise<{ code: string }>;
  };
  onResolve(
    options: { filter: RegExp },
    callback: (args: {
      path: string;
      kind: string;
      importer: string;
      resolveDir: string;
      pluginData?: unknown;
    }) => unknown,
  ): void;
  onLoad(options: { filter: RegExp }, callback: (args: { path: string }) => Promise<LoadResult | undefined>): void;
  onEnd(callback: (result: BuildResult) => Promise<void>): void;
}

/** A plugin for esbuild. */
export interface EsbuildPlugin {
  name: string;
  setup(build: PluginBuild): void;
}

const SCRIPT = /\.[cm]?[jt]sx?$/;
/** The name of the folder with the files for threads, which is beside the bundle. */
const FOLDER = "durable-fanout";
const THREAD = "thread";
const PISCINA = "piscina.cjs";
/** Piscina loads the file of its threads from its own folder, under this name. */
const PISCINA_WORKER = "worker.js";
/** An optional native package of Piscina, for the priority of threads. */
const PISCINA_OPTIONAL = "@napi-rs/nice";

/**
 * Lets esbuild bundle a handler whose functions run on worker threads. A source that imports `durable-fanout/workers`
 * names modules with `new URL("./score.ts", import.meta.url)`. Each module with such a URL becomes a bundle of its
 * own, with everything that a thread needs, in a folder `durable-fanout` beside the handler's bundle. `node_modules`
 * need not be deployed.
 *
 * ```js
 * import { build } from "esbuild";
 * import { durableFanout } from "durable-fanout/esbuild";
 *
 * await build({
 *   ...{ entryPoints: ["handler.ts"], outdir: "dist", bundle: true, platform: "node", format: "esm" },
 *   plugins: [durableFanout()],
 * });
 * ```
 *
 * The modules and the handler are built with the same options. The formats `esm` and `cjs` work. The build fails
 * without `bundle: true`, with `write: false`, or if a module that is given to `workers` does not exist. If identifiers
 * are minified, error classes keep their names, because the main thread finds the class of a thread's error by its
 * name.
 */
export function durableFanout(): EsbuildPlugin {
  return { name: "durable-fanout", setup: (build) => new Bundling(build).setUp() };
}

class Bundling {
  readonly #build: PluginBuild;
  readonly #isEsm: boolean;
  readonly #renames: boolean;
  /** The modules for threads: the names of their bundles, and absolute paths. */
  readonly #modules = new Map<string, string>();
  /** The names of the modules' bundles for each source that uses `workers`, by the absolute path of the source. */
  readonly #namedBy = new Map<string, string[]>();

  constructor(build: PluginBuild) {
    this.#build = build;
    const { format, minify, minifyIdentifiers = minify, keepNames } = build.initialOptions;
    this.#isEsm = format === "esm";
    this.#renames = minifyIdentifiers === true && keepNames !== true;
  }

  setUp(): void {
    const { initialOptions } = this.#build;
    if (initialOptions.bundle !== true)
      throw new Error("The plugin durable-fanout needs esbuild's option bundle: true.");
    if (initialOptions.write === false) throw new Error("The plugin durable-fanout writes files; leave write: true.");
    initialOptions.metafile = true;
    initialOptions.define = {
      ...initialOptions.define,
      DURABLE_FANOUT_THREAD_FILE: JSON.stringify(`./${FOLDER}/${THREAD}${this.#extension}`),
    };
    this.#build.onResolve({ filter: /^piscina$/ }, () => ({ path: `./${FOLDER}/${PISCINA}`, external: true }));
    this.#build.onLoad({ filter: SCRIPT }, ({ path }) => this.#loadForMain(path));
    this.#build.onEnd((result) => this.#emit(result));
  }

  get #extension(): string {
    return this.#isEsm ? ".mjs" : ".cjs";
  }

  get #workingDir(): string {
    return this.#build.initialOptions.absWorkingDir ?? process.cwd();
  }

  /** The code for the URL of the bundle. CommonJS has no `import.meta`. */
  get #bundleUrl(): string {
    return this.#isEsm ? "import.meta.url" : 'require("node:url").pathToFileURL(__filename).href';
  }

  async #load(path: string, rewrite = (source: string) => source): Promise<LoadResult | undefined> {
    const loaded = { loader: loaderFor(path), resolveDir: dirname(path) };
    const real = realWorkers(path);
    if (real !== undefined) return { contents: real, ...loaded };
    const source = await readFile(path, "utf8");
    const contents = this.#withClassNames(path, rewrite(source));
    return contents === source ? undefined : { contents, ...loaded };
  }

  async #loadForMain(path: string): Promise<LoadResult | undefined> {
    const loaded = await this.#load(path, (source) => this.#withModuleUrls(path, source));
    const errors = await this.#faultsIn(path);
    return errors.length === 0 ? loaded : { contents: "", loader: "js", resolveDir: dirname(path), errors };
  }

  /** Errors for the modules that a source gives to `workers`. Comments, and URLs for other uses, cause no error. */
  async #faultsIn(path: string): Promise<{ text: string }[]> {
    if (!this.#namedBy.has(path) || dirname(path) === ownFolder) return [];
    const code = await this.#withoutComments(await readFile(path, "utf8"), loaderFor(path));
    const file = relative(this.#workingDir, path);
    return moduleUrlsForWorkers(code).flatMap(({ path: module, isCommonJs }) => {
      if (isCommonJs && this.#isEsm) {
        const other = `give new URL("${module}", import.meta.url), or bundle with format: "cjs"`;
        return [{ text: `workers() in ${file} is given a URL by __filename, which no ES module has: ${other}.` }];
      }
      if (findSource(resolve(dirname(path), module)) !== undefined) return [];
      return [{ text: `workers() in ${file} is given ${module}: there is no such file.` }];
    });
  }

  async #withoutComments(source: string, loader: Loader): Promise<string> {
    const options = { loader, minifyWhitespace: true, legalComments: "none", logLevel: "silent" };
    try {
      return (await this.#build.esbuild.transform(source, options as never)).code;
    } catch {
      // The build itself reports the syntax error.
      return "";
    }
  }

  #withModuleUrls(path: string, source: string): string {
    const isOurs = dirname(path) === ownFolder;
    if (!usesWorkers(source) && !(isOurs && source.includes("DURABLE_FANOUT_THREAD_FILE"))) return source;
    const named: string[] = [];
    this.#namedBy.set(path, named);
    // In the files of this package, `import.meta.url` after a comma is part of an error message and not code.
    if (isOurs) return source.replaceAll(/(?<!, )import\.meta\.url/g, this.#bundleUrl);
    return rewriteModuleUrls(source, ({ path: relativePath, isCommonJs }) => {
      const module = findSource(resolve(dirname(path), relativePath));
      if (module === undefined || (isCommonJs && this.#isEsm)) return undefined;
      const name = bundleName(module, this.#workingDir);
      this.#modules.set(name, module);
      named.push(name);
      return `new URL("./${FOLDER}/${name}${this.#extension}", ${this.#bundleUrl})`;
    });
  }

  #withClassNames(path: string, source: string): string {
    return this.#renames ? withClassNames(source, /[\\/]node_modules[\\/]/.test(path)) : source;
  }

  async #emit({ errors, metafile }: BuildResult): Promise<void> {
    if (errors.length > 0 || metafile === undefined) return;
    const wanted = new Map<string, Set<string>>();
    for (const [output, { inputs, imports }] of Object.entries(metafile.outputs)) {
      const folder = join(dirname(resolve(this.#workingDir, output)), FOLDER);
      const names = Object.keys(inputs).flatMap((input) => this.#namedBy.get(resolve(this.#workingDir, input)) ?? []);
      const hasPool = imports.some(({ path }) => path === `./${FOLDER}/${PISCINA}`);
      if (names.length === 0 && !hasPool) continue;
      const modules = wanted.get(folder) ?? new Set();
      wanted.set(folder, modules);
      for (const name of names) modules.add(name);
    }
    await Promise.all([...wanted].map(([folder, names]) => this.#emitFolder(folder, names)));
  }

  async #emitFolder(folder: string, names: ReadonlySet<string>): Promise<void> {
    await mkdir(folder, { recursive: true });
    const piscina = dirname(createRequire(import.meta.url).resolve("piscina"));
    const system = { format: "cjs", minify: true, external: [PISCINA_OPTIONAL] };
    await Promise.all([
      this.#bundle(join(piscina, "main.js"), join(folder, PISCINA), system),
      this.#bundle(join(piscina, "worker.js"), join(folder, PISCINA_WORKER), system),
      // Without this file, Node would load worker.js as an ES module if the user's package has the type "module".
      writeFile(join(folder, "package.json"), '{"type":"commonjs"}'),
      this.#bundle(ownFile(THREAD, this.#isEsm), join(folder, THREAD + this.#extension), { minify: this.#renames }),
      ...[...names].map((name) =>
        this.#bundle(this.#modules.get(name), join(folder, name + this.#extension), this.#userOptions()),
      ),
    ]);
  }

  async #bundle(entry: string | undefined, outfile: string, options: Record<string, unknown>): Promise<void> {
    if (entry === undefined) return;
    const { absWorkingDir, logLevel = "warning" } = this.#build.initialOptions;
    await this.#build.esbuild.build({
      ...{ bundle: true, platform: "node", target: "node22", format: this.#isEsm ? "esm" : "cjs", write: true },
      ...{ absWorkingDir, logLevel },
      ...options,
      ...{ entryPoints: [entry], outfile },
    } as never);
  }

  /** The options of the handler, except for the entry points, the outputs and this plugin. */
  #userOptions(): Record<string, unknown> {
    const { entryPoints, outdir, outfile, outbase, entryNames, splitting, metafile, stdin, plugins, ...options } =
      this.#build.initialOptions;
    const others = (plugins as { name: string }[] | undefined)?.filter(({ name }) => name !== "durable-fanout") ?? [];
    return { ...options, plugins: [...others, this.#pluginForThreads()] };
  }

  /** Gives classes the same names as in the bundle of the handler. URLs of modules stay as they are. */
  #pluginForThreads(): EsbuildPlugin {
    return {
      name: "durable-fanout-threads",
      setup: (build) => build.onLoad({ filter: SCRIPT }, ({ path }) => this.#load(path)),
    };
  }
}

/** The folder of this file. In the build, this folder has all files of the package. */
const ownFolder = dirname(fileURLToPath(import.meta.url));

/** The path of a file in the package's build. @throws Error if the plugin runs from the sources, not from the build */
function ownFile(name: string, isEsm: boolean): string {
  const file = join(ownFolder, `${name}${isEsm ? ".mjs" : ".cjs"}`);
  if (existsSync(file)) return file;
  throw new Error(`${file} is missing: the plugin durable-fanout works from the built package only.`);
}

/**
 * A path may end in `.js` although only the TypeScript file exists before compilation. Undefined if there is no file.
 */
function findSource(path: string): string | undefined {
  const typescript = path.replace(/\.([cm]?)js$/, ".$1ts");
  return [path, typescript].find(existsSync);
}

/** The hash (of the path relative to the working directory) makes names of modules with equal file names differ. */
function bundleName(module: string, workingDir: string): string {
  const path = relative(workingDir, module).replaceAll(sep, "/");
  const digest = createHash("sha256").update(path).digest("hex").slice(0, 8);
  return `${basename(module, extname(module))}-${digest}`;
}

function loaderFor(path: string): Loader {
  const extension = extname(path);
  if (extension === ".tsx") return "tsx";
  if (extension === ".jsx") return "jsx";
  return extension.endsWith("ts") ? "ts" : "js";
}

/** The file that bundlers load for `durable-fanout/workers`. `.tsdown.config.ts` explains it. */
const IN_BUNDLES = "workers-in-bundles.mjs";
const REAL = "./workers.mjs";

function realWorkers(path: string): string | undefined {
  return basename(path) === IN_BUNDLES ? `export * from ${JSON.stringify(REAL)};` : undefined;
}
