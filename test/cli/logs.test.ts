import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { documentsOf, runCli, temporaryFolder } from "../support/cli.ts";

const PACKAGE = resolve(import.meta.dirname, "../../src/index.ts");

/** Logs in the handler, in items with and without `batch`, in attempts, and by a logger of the user. */
const HANDLER = `
import { withDurableExecution } from ${JSON.stringify(PACKAGE)};
const fails = { get secret() { throw new Error("cannot be read"); } };
export const handler = withDurableExecution(async (_event, ctx) => {
  ctx.logger.info("begins", { at: "the top" });
  const body = async (item, n) => {
    item.logger.debug("item", n);
    return item.step("charge", async ({ logger, attempt }) => {
      logger.warn({ n, attempt });
      if (n === 4 && attempt === 1) throw new Error("not yet");
      return { charged: n };
    }, { retryStrategy: (_error, attempt) => ({ shouldRetry: attempt < 2, delay: { seconds: 1 } }) });
  };
  await ctx.map("score", [1, 2, 3, 4, 5], body, { batch: 2 });
  await ctx.map("plain", [1, 2], body);
  await ctx.wait("a moment", { seconds: 1 });
  const customLogger = { info: (...given) => console.log("mine", ...given), warn() {}, error() {}, debug() {} };
  ctx.configureLogger({ customLogger });
  ctx.logger.info("by a logger of the user");
  ctx.logger.error(fails);
  return "done";
});
export const nested = withDurableExecution(async (_event, ctx) => {
  await ctx.map("regions", ["north", "south"], (region, name) =>
    region.map("score", [1, 2, 3], (item, n) =>
      item.step("pay", async ({ logger }) => {
        logger.info(name, n);
        return name + n;
      }), { batch: 2 }));
});
export const quiet = withDurableExecution(async () => "done");
export const endless = withDurableExecution(async (_event, ctx) => {
  for (let line = 1; line <= 10_002; line++) ctx.logger.debug("line", line);
});
`;

function folderWithHandler(): string {
  const cwd = temporaryFolder();
  writeFileSync(join(cwd, "logging.ts"), HANDLER);
  return cwd;
}

describe.concurrent("the lines that a handler logged", () => {
  test("are kept by operation, each once, also those of batched items and of a logger of the user", async () => {
    const cwd = folderWithHandler();
    await runCli(["run", "logging.ts", "--name", "friday"], { cwd });
    const lines = documentsOf(await runCli(["logs", "friday", "--json"], { cwd }));
    const said = lines.map(({ level, places, attempt, message }) => [level, places, attempt, message]);
    expect(said).toHaveLength(1 + 5 + 6 + 2 + 2 + 2);
    expect(said[0]).toEqual(["INFO", undefined, undefined, "begins { at: 'the top' }"]);
    expect(said).toContainEqual(["DEBUG", ["score", "score[3]"], undefined, "item 4"]);
    expect(said).toContainEqual(["WARN", ["score", "score[3]", "charge"], 1, "{ n: 4, attempt: 1 }"]);
    expect(said).toContainEqual(["WARN", ["score", "score[3]", "charge"], 2, "{ n: 4, attempt: 2 }"]);
    expect(said).toContainEqual(["WARN", ["plain", "map-item-1", "charge"], 1, "{ n: 2, attempt: 1 }"]);
    expect(said.at(-2)).toEqual(["INFO", undefined, undefined, "by a logger of the user"]);
    expect(said.at(-1)?.[3]).toMatch(/cannot be (shown|read)|\[Getter\]/);
    const { stdout } = await runCli(["logs", "friday"], { cwd });
    expect(stdout).toMatch(/Z {2}WARN {3}score › score\[3\] › charge {2}attempt 2 {2}\{ n: 4, attempt: 2 \}\n/);
  });

  test("are shown of one operation or one item, beside its result, and are in the export", async () => {
    const cwd = folderWithHandler();
    await runCli(["run", "logging.ts", "--name", "friday"], { cwd });
    const messages = async (operation: string) =>
      documentsOf(await runCli(["logs", "--operation", operation, "--json"], { cwd })).map(({ message }) => message);
    expect(await messages("score[3]")).toEqual(["item 4", "{ n: 4, attempt: 1 }", "{ n: 4, attempt: 2 }"]);
    expect(await messages("plain[1]")).toEqual(["item 2", "{ n: 2, attempt: 1 }"]);
    expect(await messages("charge")).toHaveLength(8);

    const [item] = documentsOf(await runCli(["show", "friday", "--operation", "score[3]", "--json"], { cwd }));
    expect(item).toMatchObject({ type: "item", index: 3, status: "SUCCEEDED", result: { charged: 4 } });
    expect(item?.["logs"]).toHaveLength(3);
    expect(item?.["earlierErrors"]).toMatchObject([{ trace: expect.stringMatching(/^Error: not yet\n {4}at /) }]);
    const [own] = documentsOf(await runCli(["show", "friday", "--operation", "plain[1]", "--json"], { cwd }));
    expect(own).toMatchObject({ type: "operation", name: "map-item-1", result: { charged: 2 } });
    expect(own?.["logs"]).toMatchObject([{ message: "item 2" }]);
    const { stdout } = await runCli(["show", "friday", "--operation", "score[3]"], { cwd });
    expect(stdout).toMatch(/^score\[3\] .*\n {2}status {4}succeeded\n[\s\S]*"charged": 4[\s\S]*\n {2}log .*item 4\n/);
    const { stdout: whole } = await runCli(["show", "friday"], { cwd });
    expect(whole).toMatch(/\nlog {5}18 lines: .*logs friday\n/);
    const [exported] = documentsOf(await runCli(["export", "friday"], { cwd }));
    expect(exported?.["logs"]).toHaveLength(18);
  });

  test("of items with the same name in several maps are told apart, and are found by the batch", async () => {
    const cwd = folderWithHandler();
    await runCli(["run", "logging.ts", "--export", "nested", "--name", "nested"], { cwd });
    const items = documentsOf(await runCli(["show", "nested", "--operation", "score[1]", "--json"], { cwd }));
    expect(items).toMatchObject([
      { places: ["regions", "map-item-0", "score", "score[1]"], result: "north2", logs: [{ message: "north 2" }] },
      { places: ["regions", "map-item-1", "score", "score[1]"], result: "south2", logs: [{ message: "south 2" }] },
    ]);
    const { stdout } = await runCli(["show", "nested", "--operation", "score[1]"], { cwd });
    expect(stdout).toContain("  place     regions › map-item-1 › score › score[1]\n");
    const byBatch = documentsOf(await runCli(["logs", "nested", "--operation", "score[0..1]", "--json"], { cwd }));
    expect(byBatch.map(({ message }) => message).sort()).toEqual(["north 1", "north 2", "south 1", "south 2"]);

    const names = async (operation: string) => {
      const result = await runCli(["history", "nested", "--operation", operation, "--json"], { cwd });
      return result.exitCode === 0 ? documentsOf(result).map(({ name }) => name) : result.exitCode;
    };
    expect(new Set((await names("score[1]")) as string[])).toEqual(new Set(["score[0..1]"]));
    expect(new Set((await names("regions[1]")) as string[])).toEqual(new Set(["map-item-1"]));
    expect(await names("nothing")).toBe(6);
  });

  test("are none of a quiet handler, and an unknown operation is answered with those that logged", async () => {
    const cwd = folderWithHandler();
    await runCli(["run", "logging.ts", "--export", "quiet", "--name", "quiet"], { cwd });
    expect((await runCli(["logs", "quiet"], { cwd })).stderr).toContain("The handler logged nothing");
    await runCli(["run", "logging.ts", "--name", "friday"], { cwd });
    const unknown = await runCli(["logs", "friday", "--operation", "nothing"], { cwd });
    expect(unknown.exitCode).toBe(6);
    expect(unknown.stderr).toContain("Lines were logged in: score, score[0]");
    expect((await runCli(["show", "friday", "--operation", "score[9]"], { cwd })).exitCode).toBe(6);
  });

  test("are at most 10,000 of an invocation, and the last one says so", async () => {
    const cwd = folderWithHandler();
    await runCli(["run", "logging.ts", "--export", "endless", "--name", "endless"], { cwd });
    const lines = documentsOf(await runCli(["logs", "endless", "--json"], { cwd }));
    expect(lines).toHaveLength(10_000);
    expect(lines.at(-2)?.["message"]).toBe("line 9999");
    expect(lines.at(-1)?.["message"]).toMatch(/keeps 10000 lines/);
  });
});
