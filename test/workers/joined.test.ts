import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  transfer,
  WorkerCrashedError,
  type WorkerOptions,
  WorkerTimeoutError,
  workerStatistics,
} from "../../src/workers.ts";
import { temporaryFolder } from "../support/cli.ts";
import { expectNoUnhandledRejections, rejection, restarts, threads } from "../support/threads.ts";

expectNoUnhandledRejections();

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);
const messages = (): number => workerStatistics()?.messages ?? 0;

/** Its functions, once it is known that their calls are short. */
async function known(options: WorkerOptions = {}) {
  const functions = threads(options);
  for (const n of numbers(20)) {
    await Promise.all([functions.later(n, 0), functions.increment(new Uint8Array(1)), functions.note("/dev/null", n)]);
  }
  return functions;
}

/** Runs so many calls that each note that they ran, one of which does something else, and gives what became of them. */
async function runNoting(odd: "exit" | "reject" | "spin", options: WorkerOptions = {}) {
  const file = join(temporaryFolder(), "ran.txt");
  writeFileSync(file, "");
  const { note } = await known(options);
  const before = messages();
  const outcomes = await Promise.allSettled(numbers(60).map((n) => note(file, n, n === 40 ? odd : "nothing")));
  const sent = messages() - before;
  const ran = readFileSync(file, "utf8").trim().split("\n").map(Number);
  const failed = outcomes.flatMap((outcome, n) => (outcome.status === "rejected" ? [[n, outcome.reason]] : []));
  return { sent, ran: ran.toSorted((a, b) => a - b), failed };
}

describe("short calls that are made apart", () => {
  test("travel together", async () => {
    const { later } = await known();
    const before = messages();
    expect(await Promise.all(numbers(100).map((n) => later(n, 0)))).toEqual(numbers(100));
    expect(messages() - before).toBeLessThan(50);
  });

  test.each([
    ["exit", WorkerCrashedError],
    ["reject", WorkerCrashedError],
    ["spin", WorkerTimeoutError],
  ] as const)("run once each, and fail alone (%s)", async (odd, type) => {
    const before = restarts();
    const { sent, ran, failed } = await runNoting(odd, { timeout: { seconds: 0.3 } });
    expect(sent).toBeLessThan(40);
    expect(ran).toEqual(numbers(60));
    expect(failed).toEqual([[40, expect.any(type)]]);
    // A thread has a moment of grace before it is ended.
    await expect.poll(restarts).toBe(before + 1);
  });

  test("are told of at once, though the message goes on", async () => {
    const { later } = await known({ threads: 1 });
    const before = messages();
    const calls = numbers(6).map((n) => later(n, n === 5 ? 500 : 0));
    const first = Promise.all(calls.slice(0, 5)).then(() => "the first ones");
    expect(await Promise.race([first, calls[5]])).toBe("the first ones");
    expect(await calls[5]).toBe(5);
    expect(messages() - before).toBeLessThan(6);
  });

  test("wait behind no long one while a thread is free", async () => {
    const { later } = await known();
    const calls = numbers(20).map((n) => later(n, n === 5 ? 1_000 : 0));
    const short = Promise.all(calls.filter((_, n) => n !== 5)).then(() => "the short ones");
    expect(await Promise.race([short, calls[5]])).toBe("the short ones");
    expect(await Promise.all(calls)).toEqual(numbers(20));
  });

  test("wait behind no long one for good while others come", async () => {
    const { later } = await known();
    const calls = numbers(20).map((n) => later(n, n === 5 ? 2_000 : 0));
    let done = false;
    const lane = async (): Promise<void> => {
      while (!done) await later(0, 1);
    };
    const lanes = Promise.all(numbers(20).map(lane));
    const short = Promise.all(calls.filter((_, n) => n !== 5)).then(() => "the short ones");
    expect(await Promise.race([short, calls[5]])).toBe("the short ones");
    done = true;
    await Promise.all([lanes, ...calls]);
  });

  test("are not begun once they are not wanted", async () => {
    const file = join(temporaryFolder(), "ran.txt");
    const { note, later } = await known({ threads: 1 });
    const controller = new AbortController();
    const busy = later(1, 100);
    const { signal } = controller;
    const unwanted = numbers(30).map((n) => rejection(note.with({ signal })(file, n)));
    const wanted = numbers(5).map((n) => note(file, 100 + n));
    controller.abort(new Error("enough"));
    for (const error of await Promise.all(unwanted)) expect(error.message).toBe("enough");
    await Promise.all([busy, ...wanted]);
    expect(readFileSync(file, "utf8")).toBe("100\n101\n102\n103\n104\n");
  });

  test("travel alone if they move something, or are more than small data", async () => {
    const { increment } = await known();
    const before = messages();
    const results = await Promise.all([
      ...numbers(10).map(() => increment(transfer(new Uint8Array([1])))),
      ...numbers(10).map(() => increment(new Uint8Array([1]))),
    ]);
    expect(results.map((bytes) => bytes[0])).toEqual(Array.from({ length: 20 }, () => 2));
    expect(messages() - before).toBe(20);
  });
});
