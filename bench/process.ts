import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Order, Report } from "./child.ts";
import { workNamed } from "./works.ts";

const CHILD = fileURLToPath(new URL("./child.ts", import.meta.url));
const TIMEOUT_MS = 300_000;

/** Runs an order in a new process. @throws Error with the end of `stderr`, or with `no end` after `TIMEOUT_MS` */
export function runInProcess(order: Order): Promise<Report> {
  const args = ["--disable-warning=ExperimentalWarning", CHILD, JSON.stringify(order)];
  const { work, subject, state } = order;
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { timeout: TIMEOUT_MS, maxBuffer: 2 ** 28 }, (error, stdout, stderr) => {
      const last = stdout.trim().split("\n").at(-1) ?? "";
      if (error === null) resolve(JSON.parse(last) as Report);
      else reject(new Error(`${work}, ${subject}, ${state}: ${error.killed ? "no end" : stderr.trim().slice(-500)}`));
    });
  });
}

/**
 * If the work replays an execution, another process records the execution first, because the measured process must be
 * cold. `use` then gets an order with the file of the record.
 */
export async function withRecord<T>(order: Order, use: (order: Order) => Promise<T>): Promise<T> {
  if (workNamed(order.work).replays !== true) return use(order);
  const folder = mkdtempSync(join(tmpdir(), "durable-fanout-bench-"));
  try {
    const recorded = join(folder, "operations.json");
    await runInProcess({ ...order, state: "cold", recorded, records: true });
    return await use({ ...order, recorded });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
