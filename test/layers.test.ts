import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { expect, test } from "vitest";

/** Who may import what, from the bottom up; the table of docs/architecture.md. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  core: ["core"],
  codec: ["core", "codec"],
  client: ["core", "client"],
  plugins: ["core", "plugins"],
  execution: [
    "core",
    "client/client.ts",
    "codec/codec.ts",
    "codec/batch-outcomes.ts",
    "codec/stored-batch.ts",
    "plugins",
    "execution",
  ],
  journal: ["core", "journal"],
  service: ["core", "journal/journal.ts", "service"],
  replay: ["core", "codec/format.ts", "client/client.ts", "replay"],
  local: ["core", "client/client.ts", "journal/journal.ts", "journal/memory-journal.ts", "service", "replay", "local"],
  operations: ["core", "codec/batch-outcomes.ts", "codec/stored-batch.ts", "plugins", "execution", "operations"],
  context: ["core", "execution", "operations", "context"],
  serdes: ["core", "serdes"],
  "handler.ts": [
    "core",
    "codec",
    "client",
    "plugins",
    "execution",
    "operations",
    "context/durable-context.ts",
    "context/context.ts",
  ],
  "index.ts": [
    "core",
    "codec",
    "serdes",
    "client",
    "plugins",
    "execution",
    "operations",
    "context/durable-context.ts",
    "context/with-retry.ts",
    "handler.ts",
  ],
  redrive: ["core", "codec", "service/redrive.ts", "replay/divergence.ts", "replay/rehearsal.ts", "redrive"],
  workers: ["core", "execution/active.ts", "workers"],
  "workers.ts": ["core", "workers"],
  bundling: ["bundling"],
  "esbuild.ts": ["bundling"],
  testing: ["core", "codec", "journal/journal.ts", "service", "local", "testing"],
  "testing.ts": ["core", "client", "journal", "service", "local", "redrive", "replay", "testing"],
  cli: [
    ...["core", "codec", "client", "journal", "service", "local", "redrive", "replay", "cli"],
    // What they are, for doctor; nothing of the pool.
    ...["workers/settings.ts", "workers/vcpus.ts"],
  ],
};

const root = join(import.meta.dirname, "../src");
const files = globSync("**/*.ts", { cwd: root }).map((file) => file.replaceAll("\\", "/"));

function importsOf(file: string): string[] {
  // Without examples in doc comments.
  const source = readFileSync(join(root, file), "utf8").replaceAll(/^\s*\* .*$/gm, "");
  return [...source.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map(([, target]) =>
    relative(root, join(root, dirname(file), target as string)).replaceAll("\\", "/"),
  );
}

const layerOf = (file: string): string => file.split("/")[0] as string;

test("every source file belongs to a layer", () => {
  expect(files.length).toBeGreaterThan(20);
  expect(files.filter((file) => MAY_IMPORT[layerOf(file)] === undefined)).toEqual([]);
});

test("imports point down the layers", () => {
  const upward = files.flatMap((file) =>
    importsOf(file)
      .filter(
        (target) => !MAY_IMPORT[layerOf(file)]?.some((allowed) => allowed === target || allowed === layerOf(target)),
      )
      .map((target) => `${file} imports ${target}`),
  );
  expect(upward).toEqual([]);
});

test("what threads run imports the words and the part that both sides share", () => {
  const threads = join(root, "../workers");
  const imports = globSync("**/*.ts", { cwd: threads }).flatMap((file) => importsOf(join("../workers", file)));
  expect(imports.length).toBeGreaterThan(5);
  expect(imports.filter((target) => !["core", "workers"].includes(layerOf(target)))).toEqual([]);
});

test("the runtime never imports the pool: only users of the sub-path load it", () => {
  const users = files.filter((file) => !["workers", "workers.ts", "cli"].includes(layerOf(file)));
  expect(users.filter((file) => importsOf(file).some((target) => layerOf(target) === "workers"))).toEqual([]);
});

/** Who makes ledgers, and reads back what shared ones have kept; all others take the ledger that their scope has. */
const MAY_NAME_LEDGERS = [
  "execution/execution.ts",
  "operations/fan-out/item-groups.ts",
  "operations/fan-out/recorded-items.ts",
];

test("no file asks which ledger it has", () => {
  const others = files.filter((file) => !file.startsWith("execution/ledger/"));
  const port = "execution/ledger/ledger.ts";
  const naming = others.filter((file) =>
    importsOf(file).some((target) => target.startsWith("execution/ledger/") && target !== port),
  );
  expect(naming.filter((file) => !MAY_NAME_LEDGERS.includes(file))).toEqual([]);
  const asking = others.filter((file) => {
    const source = readFileSync(join(root, file), "utf8");
    if (/instanceof (?:\w*Ledger|Page)\b/.test(source)) return true;
    const compared =
      /\b(?:ledger|outside|around)\s*[!=]==(?!\s*(?:undefined|null)\b)|[!=]==\s*(?:\w+\.)*(?:ledger|outside)\b(?!\.)/;
    return compared.test(source);
  });
  expect(asking).toEqual([]);
});

test("one file reads the process's environment", () => {
  const threads = globSync("../workers/**/*.ts", { cwd: root });
  const reading = [...files, ...threads].filter((file) =>
    /\bprocess\s*\??\.\s*env\b|\bprocess\[|\{[^{}]*\benv\b[^{}]*\}\s*=\s*process\b|"(?:node:)?process"/.test(
      readFileSync(join(root, file), "utf8").replaceAll(/\/\*\*.*?\*\//gs, ""),
    ),
  );
  expect(reading).toEqual(["core/environment.ts"]);
});

test("no imports go in a circle", () => {
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (file: string, trail: readonly string[]): void => {
    if (trail.includes(file)) {
      cycles.push([...trail.slice(trail.indexOf(file)), file].join(" > "));
      return;
    }
    if (done.has(file)) return;
    for (const target of importsOf(file)) visit(target, [...trail, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  expect(cycles).toEqual([]);
});

test("files stay short enough to be one idea", () => {
  const lines = (file: string) => readFileSync(join(root, file), "utf8").split("\n").length;
  expect(files.filter((file) => lines(file) > 400)).toEqual([]);
});
