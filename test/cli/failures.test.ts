import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { ItemFailures } from "../../src/cli/run/item-failures.ts";
import { type OperationPath, operationId } from "../../src/core/ids.ts";
import type { Operation } from "../../src/core/wire.ts";
import { documentsOf, runCli, temporaryFolder } from "../support/cli.ts";

const HANDLERS = resolve(import.meta.dirname, "../support/redrive-handlers.ts");

const linesOf = (file: string) =>
  readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));

describe.concurrent("the failed items of a run", () => {
  test.for([
    ["with operations of their own", { batch: false }],
    ["without, in a flat map", { batch: false, nesting: "FLAT" }],
    ["in batches", { batch: 4 }],
  ] as const)("stand in a file %s, and how to run them again is said", async ([, config]) => {
    const cwd = temporaryFolder();
    const event = JSON.stringify({ config, bad: [3, 7], log: join(cwd, "log") });
    const args = ["run", HANDLERS, "--export", "checking", "--event", event, "--name", "friday"];
    const run = await runCli([...args, "--failures", "failures.jsonl"], { cwd });
    expect([run.exitCode, JSON.parse(run.stdout)]).toEqual([0, 8]);
    const line = (index: number) => ({
      ...{ map: "check", mapId: expect.stringMatching(/^[0-9a-f]{16}$/), index, name: `order ${index}` },
      input: { id: index, rows: [index] },
      error: { type: "StepError", message: `${index} is bad`, data: expect.anything() },
    });
    expect(linesOf(join(cwd, "failures.jsonl"))).toEqual(
      [line(3), line(7)].map(({ error: { data, ...error }, ...rest }) =>
        expect.objectContaining({ ...rest, error: expect.objectContaining(error) }),
      ),
    );
    expect(run.stderr).toMatch(
      /^2 items failed \(see failures\.jsonl\)\. To run them again: .*retry friday --failed$/m,
    );

    // Another process knows what is recorded, and not what the items were.
    const again = await runCli([...args, "--failures", "again.jsonl", "--json"], { cwd });
    expect(documentsOf(again).at(-1)).toMatchObject({ type: "finished" });
    const known = linesOf(join(cwd, "again.jsonl"));
    expect(known.map(({ index, error }) => [index, error.message])).toEqual([
      [3, "3 is bad"],
      [7, "7 is bad"],
    ]);
    expect(known.every((failure) => !("input" in failure))).toBe(true);
  });

  test("stand in a file with what is known, where only their statuses are recorded", async () => {
    const cwd = temporaryFolder();
    const args = ["run", HANDLERS, "--export", "oversized", "--name", "large", "--failures"];
    const run = await runCli([...args, "failures.jsonl"], { cwd });
    expect([run.exitCode, run.stdout]).toEqual([0, "2\n"]);
    const known = { map: "fetch", mapId: expect.stringMatching(/^[0-9a-f]{16}$/), index: 1 };
    expect(linesOf(join(cwd, "failures.jsonl"))).toMatchObject([
      { ...known, input: 1, error: { message: "1 is bad" } },
    ]);

    const again = await runCli([...args, "again.jsonl"], { cwd });
    const error = { message: "Only the status of this item is recorded, and not its error." };
    expect(linesOf(join(cwd, "again.jsonl"))).toEqual([{ ...known, error }]);
    expect(again.stderr).toMatch(/^1 item failed \(see again\.jsonl\)\. To run it again: .*retry large --failed$/m);
  });

  test("are written nowhere before the handler is loaded", async () => {
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, "broken.mjs"), "throw new Error('not here');");
    writeFileSync(join(cwd, "old.jsonl"), "of an earlier run\n");
    for (const file of ["new.jsonl", "old.jsonl"]) {
      const { exitCode } = await runCli(["run", "broken.mjs", "--failures", file], { cwd });
      expect(exitCode).toBe(3);
    }
    expect(existsSync(join(cwd, "new.jsonl"))).toBe(false);
    expect(readFileSync(join(cwd, "old.jsonl"), "utf8")).toBe("of an earlier run\n");
  });

  test("are none when all are good: the file is empty, and nothing is said", async () => {
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, "failures.jsonl"), "of an earlier run\n");
    const event = JSON.stringify({ config: { batch: 4 }, bad: [], log: join(cwd, "log") });
    const args = ["run", HANDLERS, "--export", "checking", "--event", event, "--failures", "failures.jsonl"];
    const run = await runCli(args, { cwd });
    expect(run.exitCode).toBe(0);
    expect(run.stderr).not.toContain("--failed");
    expect(readFileSync(join(cwd, "failures.jsonl"), "utf8")).toBe("");
  });

  test("that cannot be written are an error before anything runs", async () => {
    const cwd = temporaryFolder();
    const event = JSON.stringify({ config: { batch: 4 }, bad: [1], log: join(cwd, "log") });
    const args = ["run", HANDLERS, "--export", "checking", "--event", event, "--failures", "no/such/folder.jsonl"];
    const run = await runCli(args, { cwd });
    expect(run.exitCode).toBe(2);
    expect(run.stderr).toContain("The failed items cannot be written to no/such/folder.jsonl");
    expect(existsSync(join(cwd, ".durable-fanout"))).toBe(false);
  });
});

test("failed items are ordered by map, the map that failed first before the others, and then by index", () => {
  const context = (path: string, SubType: string, Status: "FAILED" | "STARTED"): Operation => {
    const [parent, inner] = path.split("-");
    const ParentId = inner === undefined ? undefined : operationId(parent as OperationPath);
    return {
      ...{ Id: operationId(path as OperationPath), ParentId, Name: path },
      ...{ Type: "CONTEXT", SubType, Status, StartTimestamp: undefined },
    };
  };
  const maps = ["1", "2"].map((path) => context(path, "Map", "STARTED"));
  const items = ["2-3", "1-4", "2-1", "1-2", "2-2"].map((path) => context(path, "MapIteration", "FAILED"));
  const failed = new ItemFailures().of([...maps, ...items]);
  expect(failed.map(({ map, index }) => `${map}-${index + 1}`)).toEqual(["2-1", "2-2", "2-3", "1-2", "1-4"]);
});
