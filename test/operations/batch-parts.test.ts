import { expect, test } from "vitest";
import { type DurableContext, DurableExecutionClientError, StepSemantics } from "../../src/index.ts";
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

// BL2
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

test("an at-most-once step waits for a part that another write has taken along", async () => {
  let isRecorded = false;
  const seen: boolean[] = [];
  const run = await runOurs(
    async (_, context) => {
      const body = async (item: DurableContext, n: number) => {
        // The ends of the neighbours are over the limit at once, so that a part is written before the step waits for one.
        if (n > 0) return n;
        const note = async () => void seen.push(isRecorded);
        await item.step("charge", note, { semantics: StepSemantics.AtMostOncePerRetry });
        return n;
      };
      return (await context.map("m", indexes(9), body, { batch: 9, maxConcurrency: 2 })).successCount;
    },
    {
      runtime: { checkpoint: { maxUnacknowledged: 1 } },
      onCheckpoint: async ({ params, forward }) => {
        const answer = await forward();
        await new Promise((resolve) => setTimeout(resolve, 20));
        const hasStart = (Payload = "") => Payload.includes("charge") && Payload.includes("STARTED");
        if (params.Updates?.some(({ Payload }) => hasStart(Payload))) isRecorded = true;
        return answer;
      },
    },
  );
  expect(run.result).toBe(9);
  expect(seen).toEqual([true]);
});

type Work = (item: DurableContext, large: (length?: number) => string) => Promise<unknown>;

test.each<[string, Work]>([
  ["a step", async (item, large) => void (await item.step(async () => large()))],
  [
    "an at-most-once step",
    async (item, large) => void (await item.step(async () => large(), { semantics: StepSemantics.AtMostOncePerRetry })),
  ],
  [
    "a condition",
    async (item, large) => {
      const waitStrategy = () => ({ shouldContinue: false }) as const;
      await item.waitForCondition(async () => large(), { initialState: "", waitStrategy });
    },
  ],
  [
    "a child context, before a wait",
    async (item, large) => {
      await item.runInChildContext(async () => large());
      await item.wait({ seconds: 1 });
    },
  ],
  [
    "a map inside, before a wait",
    async (item, large) => {
      await item.map(indexes(4), async () => large(900));
      await item.wait({ seconds: 1 });
    },
  ],
])("a result larger than maxBytes has an operation for itself: %s", async (_what, work) => {
  const outcomes = [];
  for (const batch of [false, { maxItems: 3, maxBytes: 1_024 }] as const) {
    let runs = 0;
    const large = (length = 3_000) => {
      runs++;
      return "x".repeat(length);
    };
    const { result } = await runOurs(async (_, context) => {
      const { all } = await context.map("m", indexes(3), (item) => work(item, large), { batch });
      return all.map(({ status }) => status);
    });
    outcomes.push({ result, runs });
  }
  expect(outcomes[1]).toMatchObject({ result: ["SUCCEEDED", "SUCCEEDED", "SUCCEEDED"] });
  expect(outcomes[0]).toEqual(outcomes[1]);
});
