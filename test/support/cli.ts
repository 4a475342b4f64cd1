import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll } from "vitest";

const MAIN = resolve(import.meta.dirname, "../../src/cli/main.ts");

/** The file of handlers that the command line's tests run. */
export const HANDLERS = resolve(import.meta.dirname, "cli-handlers.ts");

export interface CliResult {
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** A process of the command line that is running. */
export interface CliProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<CliResult>;
  /** Settles when standard error has shown the text; rejects when the process ends before that. */
  said(text: string | RegExp): Promise<void>;
}

interface CliOptions {
  cwd?: string;
  stdin?: string;
  env?: Record<string, string>;
  /** Put before the node command, as in `["unshare", "-rm"]`. */
  under?: string[];
}

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A folder that is removed when the file's tests have ended. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "durable-fanout-cli-"));
  folders.push(folder);
  return folder;
}

export function startCli(args: readonly string[], options: CliOptions = {}): CliProcess {
  // What npm tells its scripts changes how the command line says to resume.
  const environment = Object.entries(process.env).filter(([name]) => !name.startsWith("npm_") && name !== "DEBUG");
  const [command = "", ...rest] = [...(options.under ?? []), process.execPath, MAIN, ...args];
  const child = spawn(command, rest, {
    cwd: options.cwd,
    env: { ...Object.fromEntries(environment), NO_COLOR: "1", ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.on("error", () => {});
  child.stdin.end(options.stdin ?? "");
  let stdout = "";
  let stderr = "";
  const listeners = new Set<() => void>();
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    stdout += chunk;
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    stderr += chunk;
    for (const listener of listeners) listener();
  });
  const ended = new Promise<CliResult>((settle, reject) => {
    child.on("error", reject);
    child.on("close", (exitCode, signal) => settle({ exitCode, signal, stdout, stderr }));
  });
  const said = (text: string | RegExp): Promise<void> =>
    new Promise((settle, reject) => {
      const look = (): void => {
        if (typeof text === "string" ? !stderr.includes(text) : !text.test(stderr)) return;
        listeners.delete(look);
        settle();
      };
      listeners.add(look);
      look();
      ended.then(() => reject(new Error(`The process ended before it said ${text}:\n${stderr}`)), reject);
    });
  return { child, ended, said };
}

export function runCli(args: readonly string[], options?: CliOptions): Promise<CliResult> {
  return startCli(args, options).ended;
}

/** What `show --json` says: the execution, and its operations. */
export async function shownBy(args: readonly string[], options: CliOptions) {
  const [execution, ...operations] = documentsOf(await runCli(["show", ...args, "--json"], options));
  return { execution, operations } as {
    execution: { status: string; [member: string]: unknown };
    operations: { id: string; name?: string; kind: string; status: string; [member: string]: unknown }[];
  };
}

/** The JSON documents of a `--json` output, one a line. */
export function documentsOf(result: CliResult): Record<string, unknown>[] {
  const lines = result.stdout.split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}
