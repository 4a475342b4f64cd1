import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { ChildReport } from "./child.ts";
import type { Mode, SubjectName } from "./scenario.ts";

const CHILD = fileURLToPath(new URL("./child.ts", import.meta.url));

interface ProcessRun {
  readonly name: string;
  readonly subject: SubjectName;
  readonly items: number;
  readonly mode: Mode;
  /** Milliseconds after which the process is ended. */
  readonly timeoutMs: number;
  /** Further flags of Node. */
  readonly flags?: readonly string[];
}

/** Runs one scenario once in a fresh process. Never rejects. */
export function runInProcess({ name, subject, items, mode, timeoutMs, flags = [] }: ProcessRun): Promise<ChildReport> {
  return new Promise((resolve) => {
    let report: ChildReport | undefined;
    let stderr = "";
    const child = fork(CHILD, [name, subject, String(items), mode], {
      execArgv: ["--expose-gc", "--disable-warning=ExperimentalWarning", ...flags],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    const timer = setTimeout(() => {
      report ??= { error: `It had not ended after ${timeoutMs / 1_000} s.` };
      child.kill("SIGKILL");
    }, timeoutMs);
    child.stderr?.on("data", (chunk: Buffer) => {
      stderr = (stderr + chunk.toString()).slice(-2_000);
    });
    child.on("message", (message) => {
      report = message as ChildReport;
    });
    child.on("error", (error) => {
      report ??= { error: error.message };
    });
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      resolve(report ?? { error: `The process ended with ${signal ?? code}: ${stderr.trim().slice(-500)}` });
    });
  });
}
