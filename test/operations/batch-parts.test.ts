import { expect, test } from "vitest";
import { DurableExecutionClientError } from "../../src/index.ts";
import { type Handler, replay, runOurs } from "../support/service.ts";

const indexes = (count: number) => Array.from({ length: count }, (_, index) => index);
const quotas = { payloadBytes: 4_096 };

test("the names of a batch and of what it has no room for stay within the service's 256 characters", async () => {
  const run = await runOurs(
    async (_, context) => {
      await context.map("n".repeat(256), indexes(10), async (_item, n) => `${n}`.repeat(900), { batch: 10 });
    },
    { runtime: { quotas }, engine: { quotas } },
  );
  expect(run.outcome.status).toBe("SUCCEEDED");
  const names = run.operations.filter(({ SubType }) => SubType?.startsWith("MapBatch")).map(({ Name = "" }) => Name);
  expect(names.length).toBeGreaterThan(2);
  for (const name of names) expect(name).toHaveLength(256);
});

test.each(indexes(12).map((n) => n + 1))(
  "a crash after request %i of a batch in several operations loses nothing",
  async (cut) => {
    let requests = 0;
    let runs = 0;
    const handler: Handler = async (_, context) => {
      const batch = await context.map(
        "rows",
        indexes(10),
        async (_item, n) => {
          runs++;
          return { n, run: n === 0 ? runs : 0, text: "x".repeat(900) };
        },
        { batch: 10 },
      );
      await context.wait({ seconds: 1 });
      return batch.getResults().map(({ n, run }) => [n, run]);
    };
    const options = {
      runtime: { quotas, checkpoint: { maxUpdates: 1 } },
      engine: { quotas, invocation: { retryPauseMs: 0 } },
    };
    const run = await runOurs(handler, {
      ...options,
      onCheckpoint: async ({ forward }) => {
        const answer = await forward();
        if (++requests === cut) throw new DurableExecutionClientError("cut off");
        return answer;
      },
    });
    expect(run.outcome).toMatchObject({ status: "SUCCEEDED" });
    expect((run.result as number[][]).map(([n]) => n)).toEqual(indexes(10));
    expect((await replay(handler, run, options)).output).toEqual({ Status: "SUCCEEDED", Result: run.outcome.result });
  },
);
