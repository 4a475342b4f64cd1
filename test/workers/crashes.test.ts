import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { WorkerCrashedError, workers } from "../../src/workers.ts";
import { temporaryFolder } from "../support/cli.ts";
import { expectNoUnhandledRejections, inOneBatch, MODULE, rejection, restarts, threads } from "../support/threads.ts";

expectNoUnhandledRejections();

describe("a thread that dies", () => {
  test.each([
    ["by process.exit", () => threads().exit(3), "exit", "it exited with code 3"],
    ["by a rejection nobody waits for", () => threads().leaveRejection(), "leaveRejection", "TypeError: left behind"],
    ["by what a timer throws", () => threads().throwLater(), "throwLater", "TypeError: thrown by a timer"],
  ])("%s fails its call with an error that names module and function", async (_, call, name, why) => {
    const before = restarts();
    const error = await rejection(call());
    expect(error).toBeInstanceOf(WorkerCrashedError);
    expect(error).toMatchObject({ code: "ERR_WORKER_CRASHED", module: MODULE.href, functionName: name });
    expect(error.message).toContain(`while it ran ${name} of ${MODULE.href}: ${why}`);
    expect(error.cause).toBeInstanceOf(Error);
    expect(restarts()).toBe(before + 1);
    expect(await threads().double(4)).toBe(8);
  });

  test("out of memory says so, and what to do", async () => {
    const { exhaustMemory, double } = threads({ resourceLimits: { maxOldGenerationSizeMb: 32 } });
    const error = await rejection(exhaustMemory());
    expect(error).toBeInstanceOf(WorkerCrashedError);
    expect(error.message).toMatch(/memory limit.*resourceLimits\.maxOldGenerationSizeMb/);
    expect(await double(4)).toBe(8);
  });

  test("takes no other call along", async () => {
    const { exit, later, double } = threads();
    const others = Array.from({ length: 30 }, (_, n) => (n % 2 === 0 ? later(n, 5) : double(n)));
    const dying = [rejection(exit(1)), rejection(exit(2))];
    const more = Array.from({ length: 30 }, (_, n) => double(n));
    expect(await Promise.all(others)).toEqual(Array.from({ length: 30 }, (_, n) => (n % 2 === 0 ? n : n * 2)));
    expect(await Promise.all(more)).toEqual(Array.from({ length: 30 }, (_, n) => n * 2));
    for (const error of await Promise.all(dying)) expect(error).toBeInstanceOf(WorkerCrashedError);
  });

  test("while it imports the module fails the calls that wait for that", async () => {
    const file = join(temporaryFolder(), "exits.mjs");
    writeFileSync(file, "process.exit(7); export const run = () => 1;");
    const { run } = workers<{ run(): number }>(pathToFileURL(file), { mode: "threads" });
    const error = await rejection(run());
    expect(error).toBeInstanceOf(WorkerCrashedError);
    expect(error.message).toContain("while it loaded the module for run of");
  });

  test("has its last lines logged", async () => {
    const lines: unknown[] = [];
    const { warn } = console;
    console.warn = (...params: unknown[]) => void lines.push(params);
    try {
      await rejection(threads().logThenExit());
    } finally {
      console.warn = warn;
    }
    expect(lines).toEqual([["about to exit"]]);
  });
});

test("no thread at all fails the calls with the reason, and others may succeed", async () => {
  const { double } = threads({ resourceLimits: { stackSizeMb: 0.25 } });
  const errors = await Promise.all([1, 2, 3].map((n) => rejection(double(n))));
  for (const error of errors) {
    expect(error["code"]).toBe("ERR_WORKER_START");
    expect(error.message).toContain("No worker thread can be started: ");
  }
  expect(await threads().double(1)).toBe(2);
});

describe("in a batch", () => {
  const run = async (items: unknown[], options = {}) => {
    const { obey } = threads(options);
    const outcomes = await Promise.allSettled(inOneBatch(obey, items as never[]));
    return outcomes.map((outcome) =>
      outcome.status === "fulfilled" ? outcome.value : String(outcome.reason).replaceAll(/ of file:\S+?\.ts/g, ""),
    );
  };
  const double = (n: number) => ({ do: "double", n });

  test("each item has its own outcome", async () => {
    expect(await run([double(1), { do: "throw", n: 2 }, double(3)])).toEqual([2, "RangeError: no 2", 6]);
  });

  test("an item whose thread dies fails alone; those behind it run on another one", async () => {
    expect(await run([double(1), { do: "exit", n: 5 }, double(3), double(4)])).toEqual([
      2,
      "WorkerCrashedError: A worker thread died while it ran obey, for item 1: it exited with code 5; process.exit() ends the thread.",
      6,
      8,
    ]);
  });

  test("a rejection that an item leaves behind fails this item", async () => {
    expect(await run([double(1), { do: "reject", n: 2 }, double(3), { do: "reject", n: 4 }])).toEqual([
      2,
      "WorkerCrashedError: A worker thread died while it ran obey, for item 1: TypeError: left behind by 2",
      6,
      "WorkerCrashedError: A worker thread died while it ran obey, for item 3: TypeError: left behind by 4",
    ]);
  });

  test("an item that takes too long fails alone", async () => {
    expect(await run([double(1), { do: "spin", n: 2 }, double(3)], { timeout: { seconds: 0.2 } })).toEqual([
      2,
      "WorkerTimeoutError: The time-out of 0.2 s is over for obey, for item 1.",
      6,
    ]);
  });

  test("an item that cannot be cloned fails alone", async () => {
    expect(await run([double(1), { do: "double", n: () => 1 }, double(3)])).toEqual([
      2,
      "DurableError: The call of obey, for item 1 cannot be sent to a thread: arguments[0].n is a function. Pass data only.",
      6,
    ]);
  });
});
