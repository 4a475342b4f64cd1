import { expect, test, vi } from "vitest";
import type { DurableContext } from "../../src/index.ts";
import { LocalDurableTestRunner } from "../../src/testing.ts";
import { type Handler, withRuntime } from "../support/service.ts";

const START = new Date("2026-01-01T00:00:00Z");

const handler: Handler = async (_event, context: DurableContext) => {
  await context.step(
    "flaky",
    async ({ attempt }) => {
      if (attempt < 3) throw new Error("not yet");
    },
    { retryStrategy: () => ({ shouldRetry: true, delay: { seconds: 90 } }) },
  );
  await context.runInChildContext("group", async (inner: DurableContext) => {
    await inner.step("a  name", async () => 1);
    await inner.wait({ days: 2 });
  });
  await context.createCallback("open");
};

const run = () => new LocalDurableTestRunner({ handlerFunction: withRuntime(handler), startTime: START }).run();

const TABLE = `
name      type      subtype            status     attempts  duration
flaky     STEP      Step               SUCCEEDED  3         3 min 0 s
group     CONTEXT   RunInChildContext  SUCCEEDED  -         2 d 0 h
  a name  STEP      Step               SUCCEEDED  1         0 ms
  -       WAIT      Wait               SUCCEEDED  -         2 d 0 h
open      CALLBACK  Callback           STARTED    -         -
`.trim();

test("the table has a line for each operation, indented by context, with attempts and durations", async () => {
  expect((await run()).toTable()).toBe(TABLE);
});

test("it is printed to the console, or to a stream that is given", async () => {
  const result = await run();
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  result.print();
  expect(log.mock.calls).toEqual([[TABLE]]);
  log.mockRestore();
  let written = "";
  result.print(
    { type: false, subType: false, attempts: false, duration: false },
    { write: (text) => (written += text) },
  );
  expect(written).toBe(
    [
      "name      status",
      "flaky     SUCCEEDED",
      "group     SUCCEEDED",
      "  a name  SUCCEEDED",
      "  -       SUCCEEDED",
      "open      STARTED\n",
    ].join("\n"),
  );
});

test("ids and times are there for those who ask for them", async () => {
  const hidden = { type: false, subType: false, status: false, attempts: false, duration: false };
  const table = (await run()).toTable({ ...hidden, id: true, parentId: true, startTime: true, endTime: true });
  expect(table.split("\n")[3]?.split(/ {2,}/)).toEqual([
    ...["", "a name", expect.stringMatching(/^[0-9a-f]{16}$/)],
    ...["c81e728d9d4c2f63", "2026-01-01T00:03:00.000Z", "2026-01-01T00:03:00.000Z"],
  ]);
});

test("an execution without operations has a table of titles", async () => {
  const result = await new LocalDurableTestRunner({ handlerFunction: withRuntime(async () => 1) }).run();
  expect(result.toTable({ id: false })).toBe("name  type  subtype  status  attempts  duration");
});
