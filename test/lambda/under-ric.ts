/**
 * Runs the whole harness under Lambda's own runtime client, on the Nodes that Lambda has: `npm run test:lambda`.
 * `aws-lambda-ric` is compiled on this machine, which takes a minute or two once; it and the Nodes are kept in a folder
 * of the system's for temporary files, or in `DURABLE_FANOUT_CACHE`.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

const RIC = "3.3.0";
const NODES = ["22", "24"];
/** Debian's packages; all of them build the client. */
const TOOLS = {
  cmake: "cmake",
  autoconf: "autoconf",
  automake: "automake",
  libtoolize: "libtool",
  "g++": "g++",
  make: "make",
  python3: "python3",
};

const root = join(import.meta.dirname, "../..");
const cache = process.env["DURABLE_FANOUT_CACHE"] ?? join(tmpdir(), "durable-fanout-lambda");

/** Installs one package into a folder of its own, unless it is there. */
function install(specifier: string, folder: string, produces: string): string {
  const place = join(cache, folder);
  const product = join(place, "node_modules", produces);
  if (existsSync(product)) return product;
  console.log(`Installing ${specifier} into ${place} …`);
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, "package.json"), '{"private":true}');
  // The client's build calls for the system's Node, whose headers are there; npm's variables of this project would not do.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("npm_")));
  execFileSync("npm", ["install", "--no-audit", "--no-fund", "--foreground-scripts", specifier], {
    cwd: place,
    env,
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (!existsSync(product)) throw new Error(`Installing ${specifier} did not give ${product}.`);
  return product;
}

const folders = (process.env["PATH"] ?? "").split(delimiter);
const missing = Object.entries(TOOLS).filter(([tool]) => !folders.some((folder) => existsSync(join(folder, tool))));
if (missing.length > 0) {
  console.error(`To build aws-lambda-ric: apt-get install ${missing.map(([, name]) => name).join(" ")}`);
  process.exit(2);
}

const client = install(`aws-lambda-ric@${RIC}`, `ric-${RIC}`, "aws-lambda-ric/dist/rapid-client.node");
const program = join(client, "../../bin/index.mjs");
const nodes = NODES.map((major) => {
  const binary = install(`node@${major}`, `node-${major}`, "node/bin/node");
  const version = execFileSync(binary, ["--version"], { encoding: "utf8" }).trim().slice(1);
  return `${version}=${binary}`;
});
console.log(`aws-lambda-ric ${RIC} on Node ${nodes.map((node) => node.split("=")[0]).join(" and ")}`);
const { status } = spawnSync(
  join(root, "node_modules/.bin/vitest"),
  ["run", "--config", ".vitest.config.ts", "test/lambda", "--reporter=verbose", ...process.argv.slice(2)],
  {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, LAMBDA_RUNTIME_CLIENT: program, LAMBDA_NODES: nodes.join(), LAMBDA_WHOLE: "true" },
  },
);
process.exit(status ?? 1);
