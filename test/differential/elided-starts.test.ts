import { expect, test } from "vitest";
import { type Handler, runOfficial, runOurs } from "../support/service.ts";

const never = { retryStrategy: () => ({ shouldRetry: false }) };
const boom = async (): Promise<number> => {
  throw new RangeError("boom");
};
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

const handlers: Record<string, Handler> = {
  "steps and contexts": (_, c) => c.runInChildContext("c", async (inner) => (await inner.step(async () => 1)) + 1),
  "a step that fails": (_, c) => c.step("s", boom, never),
  "a map whose items wait": async (_, c) => {
    const batch = await c.map(upTo(20), async (inner, item) => {
      await inner.wait({ seconds: 1 });
      return inner.step(async () => item);
    });
    return batch.getResults();
  },
  "a map that tolerates failures": async (_, c) => {
    const work = (item: number) => (item % 3 === 0 ? boom() : Promise.resolve(item));
    const config = { completionConfig: { toleratedFailureCount: 10 } };
    const batch = await c.map(upTo(20), (inner, item) => inner.step(() => work(item), never), config);
    return [batch.completionReason, batch.successCount, batch.failureCount, batch.getResults()];
  },
};

/** What is recorded in the end, without when. */
const recorded = ({ operations }: Awaited<ReturnType<typeof runOurs>>) =>
  operations
    .filter(({ Type }) => Type !== "EXECUTION")
    .map(({ Id, ParentId, Name, Type, SubType, Status }) => ({ Id, ParentId, Name, Type, SubType, Status }))
    .sort((a, b) => String(a.Id).localeCompare(String(b.Id)));

test.each(Object.keys(handlers))(
  "without needless STARTs %s ends and is recorded as on the official SDK",
  async (name) => {
    const handler = handlers[name] as Handler;
    const official = await runOfficial(handler);
    const elided = await runOurs(handler, { runtime: { codec: "json", checkpoint: { elideStarts: true } } });
    expect(elided.outcome).toEqual(official.outcome);
    expect(recorded(elided)).toEqual(recorded(official));
    expect(elided.updates.length).toBeLessThan(official.updates.length);
  },
);
