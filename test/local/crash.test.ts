import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LocalEngine, SqliteJournal } from "../../src/testing.ts";

const PROGRAM = join(import.meta.dirname, "../support/crash-run.ts");
const ITEMS = 400;
/** Items that may have run without their results being recorded: the ones at work, and those in the request. */
const IN_FLIGHT = 250;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "crash-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** The items that ran, and the result; `killAfter` so many items if it is given. */
async function runProgram(file: string, killAfter?: number): Promise<{ ran: number[]; result: string | undefined }> {
  const child = spawn(process.execPath, ["--no-warnings", PROGRAM, file, String(ITEMS)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    if (killAfter !== undefined && output.split("\n").length > killAfter) child.kill("SIGKILL");
  });
  await new Promise((resolve) => child.on("close", resolve));
  const lines = output.split("\n").slice(0, -1);
  const result = lines.find((line) => line.startsWith("result "))?.slice("result ".length);
  return { ran: lines.filter((line) => /^\d+$/.test(line)).map(Number), result };
}

const indexOf = ({ Name }: { Name?: string | undefined }) => Number(Name?.slice("square ".length));

// E1
test("an execution whose process is killed again and again ends with the right result, and repeats little", async () => {
  const file = join(folder, "journal.db");
  const ran: number[] = [];
  for (const killAfter of [40, 120, 60]) {
    const killed = await runProgram(file, killAfter);
    expect(killed.result).toBeUndefined();
    ran.push(...killed.ran);
  }
  const reader = new LocalEngine({ journal: new SqliteJournal(file, { readOnly: true }) });
  const { arn } = reader.find("crash") ?? { arn: "" };
  const finished = reader.operations(arn).filter(({ Type, Status }) => Type === "STEP" && Status === "SUCCEEDED");
  expect(reader.find("crash")?.status).toBe("RUNNING");
  expect(finished.length).toBeGreaterThan(0);
  await reader.close();

  const last = await runProgram(file);
  const sum = Array.from({ length: ITEMS }, (_, n) => n * n).reduce((total, n) => total + n, 0);
  expect(JSON.parse(last.result ?? "")).toEqual({ status: "SUCCEEDED", result: String(sum) });
  // What was recorded as done does not run again.
  const recorded = new Set(finished.map(indexOf));
  expect(last.ran.filter((index) => recorded.has(index))).toEqual([]);
  expect(new Set([...ran, ...last.ran]).size).toBe(ITEMS);
  expect(ran.length + last.ran.length).toBeLessThanOrEqual(ITEMS + 3 * IN_FLIGHT);

  const engine = new LocalEngine({ journal: new SqliteJournal(file) });
  const events = engine.history(arn, { includeExecutionData: true });
  const ends = events.filter(({ EventType }) => EventType === "InvocationCompleted");
  const crashes = ends.filter((event) => JSON.stringify(event).includes("Runtime.ExitError"));
  expect(crashes).toHaveLength(3);
  expect(events.map(({ EventId }) => EventId)).toEqual(events.map((_, index) => index + 1));
  expect(events.at(-1)?.EventType).toBe("ExecutionSucceeded");
  await engine.close();
});
