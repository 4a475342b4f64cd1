import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { DurableExecutionClientError, isDurableExecutionClientError, type WireOperation } from "../../src/index.ts";
import { invokeOver, withRuntime } from "../support/service.ts";

/** As a test runner's modules make them, whose globals are not those of the package. */
const foreignDate = (ms: number): Date => runInNewContext(`new Date(${ms})`);
const foreignError = (members: object): Error => Object.assign(runInNewContext("new Error('foreign')"), members);

describe("what comes from another realm is read by what it is:", () => {
  test("a Date as a due time", async () => {
    expect(foreignDate(0) instanceof Date).toBe(false);
    const wait: WireOperation = {
      ...{ Id: "c4ca4238a0b92382", Type: "WAIT", SubType: "Wait", Status: "STARTED" },
      StartTimestamp: foreignDate(0),
      WaitDetails: { ScheduledEndTimestamp: foreignDate(Date.now() + 20) },
    } as WireOperation;
    const ended = { ...wait, Status: "SUCCEEDED" } as WireOperation;
    const handler = withRuntime((_, context) => context.wait({ seconds: 1 }).then(() => "over"), {
      runtime: { suspension: { graceMs: 500 } },
    });
    const { output } = await invokeOver(handler, [wait], {
      client: { checkpoint: async () => ({ CheckpointToken: "next", NewExecutionState: { Operations: [ended] } }) },
    });
    expect(output).toEqual({ Status: "SUCCEEDED", Result: '"over"' });
  });

  test("Dates that plugins are shown", async () => {
    const shown: unknown[] = [];
    const handler = withRuntime(async (_, context) => context.wait({ hours: 1 }), {
      config: { plugins: [{ onOperationStart: async (info) => void shown.push(info.startTimestamp?.getTime()) }] },
    });
    const wait = {
      ...{ Id: "c4ca4238a0b92382", Type: "WAIT", SubType: "Wait", Status: "STARTED" },
      StartTimestamp: foreignDate(5_000),
    } as WireOperation;
    await invokeOver(handler, [wait]);
    expect(shown).toEqual([5_000]);
  });

  test("an error that says that the customer's key cannot be used", async () => {
    const { output } = await invokeOver(
      withRuntime(async (_, context) => context.step(async () => 1)),
      [],
      { client: { checkpoint: () => Promise.reject(foreignError({ name: "KMSDisabledException" })) } },
    );
    expect(output).toMatchObject({ Status: "FAILED", Error: { ErrorType: "CheckpointUnrecoverableExecutionError" } });
  });

  test("an error of a client that chooses what it ends", () => {
    const { isDurableExecutionClientError: brand, scope } = new DurableExecutionClientError("m", {
      scope: "EXECUTION",
    });
    expect(isDurableExecutionClientError(foreignError({ isDurableExecutionClientError: brand, scope }))).toBe(true);
  });
});
