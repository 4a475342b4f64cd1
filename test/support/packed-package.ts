import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, globSync, readFileSync } from "node:fs";
import { cp, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = join(import.meta.dirname, "../..");
const cache = join(tmpdir(), `durable-fanout-packed-${createHash("sha256").update(root).digest("hex").slice(0, 8)}`);

/** What the package is made of. */
const SOURCES = [
  ...["src/**/*.ts", "workers/**/*.ts", "docs/**/*.*", "examples/deploy/{,src/,verify/}*.*"],
  ...["package.json", ".tsdown.config.ts", "README.md", "LICENSE"],
];

/** A lock without the id of a process that is older was left behind by a process that is gone. */
const STALE_LOCK_MS = 10_000;

/** The package of these sources, as npm publishes it. */
export interface PackedPackage {
  /** The file that `npm install` takes. */
  readonly tarball: string;
  /**
   * A folder with the unpacked package in its `node_modules`, beside what it depends on: links to the packages of this
   * project, so that nothing has to be installed.
   */
  readonly project: string;
}

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
}

/** Builds and packs once for all test files, and again when a source has changed. */
export async function packedPackage(): Promise<PackedPackage> {
  const folder = join(cache, digest());
  const packed = { tarball: join(folder, "package.tgz"), project: join(folder, "project") };
  await mkdir(cache, { recursive: true });
  const lock = `${folder}.lock`;
  while (!existsSync(folder)) {
    if (await acquired(lock)) {
      try {
        if (!existsSync(folder)) await pack(folder);
      } finally {
        await rm(lock, { recursive: true, force: true });
      }
    } else await sleep(100);
  }
  return packed;
}

function digest(): string {
  const hash = createHash("sha256");
  for (const file of globSync(SOURCES, { cwd: root }).sort()) hash.update(file).update(readFileSync(join(root, file)));
  return hash.digest("hex").slice(0, 16);
}

async function acquired(lock: string): Promise<boolean> {
  try {
    await mkdir(lock);
    await writeFile(join(lock, "pid"), String(process.pid));
    return true;
  } catch {
    if (await isStale(lock)) await rm(lock, { recursive: true, force: true });
    return false;
  }
}

/** Whether the process that made the lock is gone. Packing may take minutes on a busy machine. */
async function isStale(lock: string): Promise<boolean> {
  try {
    process.kill(Number(await readFile(join(lock, "pid"), "utf8")), 0);
    return false;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return true;
    const { mtimeMs } = await stat(lock).catch(() => ({ mtimeMs: Date.now() }));
    return Date.now() - mtimeMs > STALE_LOCK_MS;
  }
}

async function pack(folder: string): Promise<void> {
  const others = (await readdir(cache)).filter((entry) => !entry.endsWith(".lock"));
  for (const entry of others) await rm(join(cache, entry), { recursive: true, force: true });
  const stage = `${folder}.stage`;
  await mkdir(stage);
  for (const file of ["package.json", "README.md", "LICENSE", "docs", "examples/deploy"])
    await cp(join(root, file), join(stage, file), { recursive: true });
  const tsdown = join(root, "node_modules/tsdown/dist/run.mjs");
  const config = ["--config", join(root, ".tsdown.config.ts"), "--out-dir", join(stage, "dist")];
  await run(process.execPath, [tsdown, ...config], { cwd: root });
  await run("npm", ["pack", "--ignore-scripts", "--pack-destination", stage], { cwd: stage });
  const [file] = (await readdir(stage)).filter((entry) => entry.endsWith(".tgz"));
  await rename(join(stage, file as string), join(stage, "package.tgz"));
  const installed = join(stage, "project/node_modules/durable-fanout");
  await mkdir(installed, { recursive: true });
  await run("tar", ["-xzf", join(stage, "package.tgz"), "-C", installed, "--strip-components=1"]);
  await writeFile(join(stage, "project/package.json"), '{"name":"project","private":true}');
  const { dependencies } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as Manifest;
  for (const name of Object.keys(dependencies)) {
    const link = join(stage, "project/node_modules", name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(join(root, "node_modules", name), link, "junction");
  }
  await rename(stage, folder);
}
