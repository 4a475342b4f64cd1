import { describe, expect, test } from "vitest";
import type { Duration } from "../../src/index.ts";
import { VirtualClock } from "../../src/testing.ts";
import { type Handler, invokeOver, replay, runOurs, withRuntime } from "../support/service.ts";

const SECOND = 1_000;

describe("a wait", () => {
  test("suspends the invocation and goes on when its time has come", async () => {
    const clock = new VirtualClock(0);
    const times: number[] = [];
    const handler: Handler = async (_, context) => {
      times.push(clock.now());
      await context.wait("a day", { days: 1, hours: 1, minutes: 1, seconds: 1 });
      return "later";
    };
    const run = await runOurs(handler, { engine: { clock } });
    expect(times).toEqual([0, 90_061 * SECOND]);
    expect(run.result).toBe("later");
    expect(await replay(handler, run)).toEqual({ output: { Status: "SUCCEEDED", Result: '"later"' }, requests: [] });
  });

  test.each([
    [{ seconds: 5 }, 5],
    [{ minutes: 2 }, 120],
    [{ hours: 1, seconds: 1 }, 3_601],
    [{ days: 1 }, 86_400],
    [{ days: 366 }, 31_622_400],
  ] satisfies [Duration, number][])("of %o is %d seconds on the wire", async (duration, seconds) => {
    const run = await runOurs(async (_, context) => context.wait(duration));
    expect(run.updates[0]?.WaitOptions).toEqual({ WaitSeconds: seconds });
  });

  test.each([
    [{ seconds: 0 }],
    [{ seconds: -1 }],
    [{ seconds: 1.5 }],
    [{ seconds: Number.NaN }],
    [{ days: 367 }],
    [undefined],
    [5],
  ])("of %o is refused before anything is written", async (duration) => {
    const run = await runOurs(async (_, context) => context.wait("w", duration as never));
    expect(run.outcome.error?.ErrorMessage).toContain('duration of wait "w"');
    expect(run.outcome.error?.ErrorMessage).toContain("whole number of seconds from 1 to 31622400");
    expect(run.updates).toEqual([]);
  });

  test("side by side with others ends in its own time, and several may end in one invocation", async () => {
    const ended: number[][] = [];
    const run = await runOurs(async (_, context) => {
      const here: number[] = [];
      ended.push(here);
      const waits = [3, 1, 2].map((seconds) => context.wait({ seconds }).then(() => here.push(seconds)));
      await Promise.all(waits);
    });
    expect(run.invocations).toHaveLength(4);
    expect(ended.map((here) => here.sort())).toEqual([[], [1], [1, 2], [1, 2, 3]]);
    expect(run.updates).toHaveLength(3);
  });

  test("ends in process while a step runs, and needs one poll", async () => {
    // The clock of the service is far behind, so that every due time has passed for the runtime.
    const clock = new VirtualClock(0);
    const run = await runOurs(
      async (_, context) => {
        const step = context.step("slow", async () => {
          await new Promise((resolve) => setTimeout(resolve, 20));
          clock.advance(5 * SECOND);
          await new Promise((resolve) => setTimeout(resolve, 1_500));
          return "step";
        });
        const winner = await Promise.race([step, context.wait({ seconds: 5 }).then(() => "wait")]);
        await step;
        return winner;
      },
      { engine: { clock }, hasOwnClock: true },
    );
    expect(run.result).toBe("wait");
    expect(run.invocations).toHaveLength(1);
    expect(run.invocations[0]?.requests.some((request) => request.length === 0)).toBe(true);
  });

  test("that nobody awaits is dropped when the handler returns", async () => {
    const run = await runOurs(async (_, context) => {
      context.wait("unwanted", { seconds: 1_000 });
      return context.step(async () => "done");
    });
    expect(run.result).toBe("done");
    expect(run.invocations).toHaveLength(1);
  });

  test("that nobody awaits still lets the handler suspend when all else is idle", async () => {
    const run = await runOurs(async (_, context) => {
      context.wait("first", { seconds: 1 });
      await context.wait("second", { seconds: 2 });
    });
    expect(run.invocations.map(({ output }) => output?.Status)).toEqual(["PENDING", "PENDING", "SUCCEEDED"]);
  });

  test.each(["SUCCEEDED", "CANCELLED"])("found %s is over", async (Status) => {
    const record = {
      Id: "c4ca4238a0b92382",
      Type: "WAIT",
      SubType: "Wait",
      Status,
      StartTimestamp: new Date(),
    } as never;
    const { output, requests } = await invokeOver(
      withRuntime(async (_, context) => context.wait({ seconds: 1 })),
      [record],
    );
    expect([output, requests]).toEqual([{ Status: "SUCCEEDED" }, []]);
  });

  test("found STARTED suspends without a request", async () => {
    const record = {
      Id: "c4ca4238a0b92382",
      Type: "WAIT",
      SubType: "Wait",
      Status: "STARTED",
      StartTimestamp: new Date(),
      WaitDetails: { ScheduledEndTimestamp: new Date(Date.now() + 60_000) },
    } as never;
    const { output, requests } = await invokeOver(
      withRuntime(async (_, context) => context.wait({ seconds: 60 })),
      [record],
    );
    expect([output, requests]).toEqual([{ Status: "PENDING" }, []]);
  });

  test("never runs the code after it in an invocation that suspends: no finally block, no catch", async () => {
    const ran: string[] = [];
    let invocations = 0;
    await runOurs(async (_, context) => {
      const invocation = ++invocations;
      try {
        await context.wait({ seconds: 1 });
      } catch {
        ran.push(`catch ${invocation}`);
      } finally {
        ran.push(`finally ${invocation}`);
      }
    });
    expect(ran).toEqual(["finally 2"]);
  });
});

describe("the grace before a suspension", () => {
  const handlerOf =
    (codeMs: number): Handler =>
    async (_, context) => {
      const beside = async () => {
        await new Promise((resolve) => setTimeout(resolve, codeMs));
        return context.step("after some plain code", async () => "reached");
      };
      const [, reached] = await Promise.all([context.wait({ seconds: 1 }), beside()]);
      return reached;
    };

  test("lets code beside an awaited operation reach its next one", async () => {
    const run = await runOurs(handlerOf(100), { runtime: { suspension: { graceMs: 2_000 } } });
    expect(run.invocations[0]?.requests.flat().map(({ Name }) => Name)).toContain("after some plain code");
  });

  test("cuts off code that takes longer, which then runs again", async () => {
    const run = await runOurs(handlerOf(2_000), { runtime: { suspension: { graceMs: 0 } } });
    expect(run.invocations[0]?.requests.flat().map(({ Name }) => Name)).not.toContain("after some plain code");
    expect(run.result).toBe("reached");
  });
});
