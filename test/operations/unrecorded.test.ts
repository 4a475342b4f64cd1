import { describe, expect, test } from "vitest";
import type { DurableContext } from "../../src/index.ts";
import { batchUpdates, cutAfter, indexes, later, RETRYING, Runs } from "../support/batching.ts";
import { pause } from "../support/gauge.ts";
import { type Handler, runOurs } from "../support/service.ts";

/** Items of which each batch has one that ends last, so that the others have ended and are not recorded. */
const waiting =
  (count: number, runs: Runs, config: object): Handler =>
  async (_, context) => {
    const body = async (item: DurableContext, n: number) => {
      runs.note(`${n}`);
      if (n % 10 === 0) await item.step("last", () => pause(60).then(() => n));
      return n;
    };
    return (await context.map("m", indexes(count), body, config)).successCount;
  };

/** Ends of items that these payloads record. */
const endsIn = (payloads: readonly (string | undefined)[]): number =>
  payloads.reduce((sum, payload = "{}") => {
    const { statuses = "" } = JSON.parse(payload) as { statuses?: string };
    return sum + [...statuses].filter((mark) => "STURF".includes(mark)).length;
  }, 0);

describe("checkpoint.maxUnacknowledged", () => {
  // U1
  test.each([1, 5, 20, 80])(
    "%d bounds the batched items that have ended and are not recorded",
    async (maxUnacknowledged) => {
      const runs = new Runs();
      let ended = 0;
      let recorded = 0;
      let most = 0;
      const run = await runOurs(
        async (_, context) => {
          const body = async (item: DurableContext, n: number) => {
            await item.step(async () => runs.note(`${n}`));
            if (n % 10 === 0) await item.step("last", () => pause(20));
            most = Math.max(most, ++ended - recorded);
          };
          return (await context.map("m", indexes(200), body, { batch: 20, concurrency: 4 })).successCount;
        },
        {
          runtime: { checkpoint: { maxUnacknowledged } },
          onCheckpoint: async ({ forward, params }) => {
            const answer = await forward();
            recorded += endsIn(
              (params.Updates ?? [])
                .filter(({ SubType }) => SubType?.startsWith("MapBatch"))
                .map(({ Payload }) => Payload),
            );
            return answer;
          },
        },
      );
      expect(run.result).toBe(200);
      expect(Object.values(runs.all)).toEqual(indexes(200).map(() => 1));
      // Those that are at work when it is reached still end.
      expect(most).toBeLessThanOrEqual(maxUnacknowledged + 4);
    },
  );

  // U2
  test("does not hold up a map whose room another one takes", async () => {
    const run = await runOurs(
      async (_, context) => {
        const runs = new Runs();
        const maps = indexes(3).map((map) =>
          context.map(
            `${map}`,
            indexes(60),
            async (item, n) => {
              if (n % 20 === 0) await item.step(() => pause(10));
              return runs.note(`${map}.${n}`);
            },
            { batch: 30, maxConcurrency: 10 },
          ),
        );
        return (await Promise.all(maps)).map(({ successCount }) => successCount);
      },
      { runtime: { checkpoint: { maxUnacknowledged: 5 } } },
    );
    expect(run.result).toEqual([60, 60, 60]);
  });

  // U1
  test("does not hold up a map when a map in a context that is over has left items unrecorded", async () => {
    const run = await runOurs(
      async (_, context) => {
        // Keeps the invocation from writing the batches of the map that is left.
        const busy = context.step("busy", () => pause(200));
        await context.runInChildContext("left", async (child) => {
          const body = async (item: DurableContext, n: number) => {
            if (n === 0) await item.step("long", () => pause(10_000));
            return n;
          };
          void child.map("m", indexes(5), body, { batch: 5 });
          await child.step(() => pause(20));
        });
        const after = await context.map("after", indexes(60), async (_, n) => n, { batch: 30 });
        await busy;
        return after.successCount;
      },
      { runtime: { checkpoint: { maxUnacknowledged: 4 } } },
    );
    expect(run.result).toBe(60);
  });

  test.each([2, 3, 4, 6, 9])("bounds what runs again after a crash at request %d", async (request) => {
    const runs = new Runs();
    const run = await runOurs(waiting(100, runs, { batch: 50, concurrency: 5 }), {
      runtime: { checkpoint: { maxUnacknowledged: 10 } },
      engine: RETRYING,
      onCheckpoint: cutAfter(request),
    });
    expect(run.result).toBe(100);
    const again = Object.values(runs.all).filter((count) => count > 1).length;
    expect(again).toBeLessThanOrEqual(10 + 5);
  });
});

describe("checkpoint.maxUnrecordedMs", () => {
  const beside = (maxUnrecordedMs: number) =>
    runOurs(
      async (_, context) => {
        const body = async (item: DurableContext, n: number) => {
          if (n > 0) return n;
          await item.step(
            "flaky",
            async ({ attempt }) => {
              if (attempt === 1) throw new Error("not yet");
            },
            later(1),
          );
          return n;
        };
        const map = context.map("m", indexes(5), body, { batch: 5 });
        // Keeps the invocation from suspending.
        await Promise.all([map, context.step("busy", () => pause(200))]);
        return (await map).successCount;
      },
      { runtime: { checkpoint: { maxUnrecordedMs } } },
    );

  test("is how long items that have ended may be unrecorded beside one that waits", async () => {
    const run = await beside(30);
    expect(run.result).toBe(5);
    const [part] = batchUpdates(run).filter(
      ({ SubType, Action }) => SubType === "MapBatchPart" && Action === "SUCCEED",
    );
    expect(endsIn([part?.Payload])).toBe(4);
  });

  test("counts also for an item that begins to wait later", async () => {
    const run = await runOurs(
      async (_, context) => {
        const body = async (item: DurableContext, n: number) => {
          if (n === 1) await item.step("long", () => pause(400));
          if (n !== 2) return;
          await item.step("short", () => pause(100));
          await item.wait({ seconds: 600 });
        };
        return (await context.map("m", indexes(3), body, { batch: 3 })).successCount;
      },
      { runtime: { checkpoint: { maxUnrecordedMs: 30 } } },
    );
    expect(run.result).toBe(3);
    const [part] = batchUpdates(run).filter(
      ({ SubType, Action }) => SubType === "MapBatchPart" && Action === "SUCCEED",
    );
    expect(endsIn([part?.Payload])).toBe(1);
  });

  test("writes nothing before that", async () => {
    const run = await beside(60_000);
    expect(run.result).toBe(5);
    expect(batchUpdates(run).filter(({ SubType }) => SubType === "MapBatchPart")).toEqual([]);
  });

  test("writes nothing for a batch in which nobody waits", async () => {
    const runs = new Runs();
    const run = await runOurs(waiting(20, runs, { batch: 10 }), { runtime: { checkpoint: { maxUnrecordedMs: 5 } } });
    expect(run.result).toBe(20);
    expect(batchUpdates(run).filter(({ SubType }) => SubType === "MapBatchPart")).toEqual([]);
  });
});
