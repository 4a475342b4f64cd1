import { describe, expect, test } from "vitest";
import type { OperationPath } from "../../src/core/ids.ts";
import type { Ledger } from "../../src/execution/ledger/ledger.ts";
import type { OperationUpdate, WireOperation } from "../../src/index.ts";

/** What a test does with a ledger in one invocation. */
export interface OpenLedger {
  readonly ledger: Ledger;
  /** The path of a context whose operations are recorded there. */
  readonly around: OperationPath;
  /** By which operations of that context name it as their parent. */
  readonly parentId: string | undefined;
}

type Change = Partial<OperationUpdate> & Pick<OperationUpdate, "Action">;

/** How an invocation comes to its end: all is written first, or it is cut off. */
export type Ending = "suspends" | "is cut off";

/** Opens a ledger in one invocation after the other, over what those before have recorded. */
export type RunInvocations = (
  ...invocations: readonly ((open: OpenLedger) => Promise<Ending | undefined>)[]
) => Promise<void>;

/** What operations rely on, for every implementation of the port. */
export function ledgerSuite(name: string, run: RunInvocations): void {
  const at = ({ around }: OpenLedger, path: string) => `${around}-${path}` as OperationPath;
  const keyOf = (open: OpenLedger, path: string) => open.ledger.key(at(open, path));

  /** An update as an operation makes it. */
  const updateOf = (open: OpenLedger, path: string, update: Change): OperationUpdate => ({
    ...{ Type: "STEP", SubType: "Step", Id: keyOf(open, path) },
    ...(open.parentId === undefined ? {} : { ParentId: open.parentId }),
    ...update,
  });
  const start = (open: OpenLedger, path: string, update: Partial<OperationUpdate> = {}) =>
    open.ledger.start(
      updateOf(open, path, { Action: "START", ...update }),
      open.ledger.peek(keyOf(open, path)) === undefined,
    );
  const record = (open: OpenLedger, path: string, update: Change) =>
    new Promise<void>((resolve) => open.ledger.record(updateOf(open, path, update), resolve));
  const context = { Type: "CONTEXT", SubType: "RunInChildContext" } as const;
  const retry = (seconds: number) => ({ Action: "RETRY", StepOptions: { NextAttemptDelaySeconds: seconds } }) as const;

  describe.concurrent(`a ledger (${name})`, () => {
    test("knows nothing at first", () =>
      run(async (open) => {
        const key = keyOf(open, "1");
        expect([open.ledger.peek(key), open.ledger.take(key)]).toEqual([undefined, undefined]);
        expect(open.ledger.isFirstVersion).toBe(false);
        return undefined;
      }));

    // R1
    test("calls back when a change is recorded, and tells who watches, until they do so no more", () =>
      run(async (open) => {
        const seen: (WireOperation | undefined)[] = [];
        open.ledger.watch(keyOf(open, "1"), (operation) => seen.push(operation));
        start(open, "1", { Name: "first" });
        await record(open, "1", { Name: "first", Action: "SUCCEED", Payload: "5" });
        expect(seen.at(-1)).toMatchObject({ Status: "SUCCEEDED", StepDetails: { Result: "5" } });
        open.ledger.watch(keyOf(open, "2"), (operation) => seen.push(operation));
        open.ledger.unwatch(keyOf(open, "2"));
        const { length } = seen;
        start(open, "2");
        await record(open, "2", { Action: "SUCCEED" });
        expect(seen).toHaveLength(length);
        return undefined;
      }));

    test("has in the next invocation what was recorded: who it is, how it ended, and with what", () =>
      run(
        async (open) => {
          start(open, "1", { Name: "good" });
          start(open, "2", { Name: "bad" });
          start(open, "3", { ...context, Name: "child" });
          await record(open, "1", { Name: "good", Action: "SUCCEED", Payload: '{"a":1}' });
          await record(open, "2", {
            Name: "bad",
            Action: "FAIL",
            Error: { ErrorType: "RangeError", ErrorMessage: "no" },
          });
          await record(open, "3", { ...context, Name: "child", Action: "SUCCEED", Payload: '"of it"' });
          return "suspends";
        },
        async (open) => {
          const good = keyOf(open, "1");
          expect(open.ledger.peek(good)).toBeDefined();
          const expected = {
            Type: "STEP",
            SubType: "Step",
            Name: "good",
            Status: "SUCCEEDED",
            StepDetails: { Attempt: 1, Result: '{"a":1}' },
          };
          expect(open.ledger.peek(good)).toMatchObject(expected);
          expect(open.ledger.take(good)).toMatchObject(expected);
          expect(open.ledger.take(keyOf(open, "2"))).toMatchObject({
            ...{ Name: "bad", Status: "FAILED" },
            StepDetails: { Error: { ErrorType: "RangeError", ErrorMessage: "no" } },
          });
          expect(open.ledger.take(keyOf(open, "3"))).toMatchObject({
            ...context,
            Status: "SUCCEEDED",
            ContextDetails: { Result: '"of it"' },
          });
          expect(open.ledger.peek(keyOf(open, "4"))).toBeUndefined();
          return undefined;
        },
      ));

    test("lets what had begun begin once more", () =>
      run(
        async (open) => {
          start(open, "1", { Name: "begun" });
          await record(open, "2", { Action: "START" });
          await record(open, "2", { Action: "SUCCEED", Payload: "1" });
          return "suspends";
        },
        async (open) => {
          const begun = open.ledger.take(keyOf(open, "1"));
          expect([undefined, "STARTED"]).toContain(begun?.Status);
          if (begun === undefined) start(open, "1", { Name: "begun" });
          await record(open, "1", { Action: "SUCCEED", Name: "begun" });
          return "suspends";
        },
        async (open) => {
          expect(open.ledger.take(keyOf(open, "1"))).toMatchObject({ Name: "begun", Status: "SUCCEEDED" });
          return undefined;
        },
      ));

    test("makes a step ready in process when it is due, and counts its attempts", () =>
      run(async (open) => {
        const key = keyOf(open, "1");
        const states: unknown[] = [];
        const ready = new Promise<void>((resolve) => {
          open.ledger.watch(key, ({ Status, StepDetails }) => {
            states.push([Status, StepDetails?.Attempt]);
            if (Status === "READY") resolve();
          });
        });
        start(open, "1");
        await record(open, "1", retry(1));
        open.ledger.arm(key, Date.now() + 1_000);
        await ready;
        expect(states).toContainEqual(["PENDING", 1]);
        expect(states.at(-1)).toEqual(["READY", 1]);
        open.ledger.start(updateOf(open, "1", { Action: "START" }), false);
        await record(open, "1", { Action: "SUCCEED", Payload: "1" });
        expect(states.at(-1)).toEqual(["SUCCEEDED", 2]);
        return undefined;
      }));

    test("has a step that is to be tried again in the next invocation, and makes it ready then", () =>
      run(
        async (open) => {
          start(open, "1", { Name: "again" });
          await record(open, "1", { Name: "again", ...retry(1) });
          open.ledger.arm(keyOf(open, "1"), Date.now() + 1_000);
          return "suspends";
        },
        async (open) => {
          const key = keyOf(open, "1");
          const found = open.ledger.take(key);
          expect(found).toMatchObject({ Name: "again", StepDetails: { Attempt: 1 } });
          if (found?.Status !== "READY") {
            await new Promise<void>((resolve) => {
              open.ledger.watch(key, ({ Status }) => Status === "READY" && resolve());
              open.ledger.arm(key, Date.now() + 500);
            });
          }
          return undefined;
        },
      ));

    test("ends a wait in process when its time is over, and keeps that", () =>
      run(
        async (open) => {
          const wait = { Type: "WAIT", SubType: "Wait", Name: "rest" } as const;
          const over = new Promise<WireOperation>((resolve) => {
            open.ledger.watch(keyOf(open, "1"), (operation) => operation.Status !== "STARTED" && resolve(operation));
          });
          await record(open, "1", { ...wait, Action: "START", WaitOptions: { WaitSeconds: 1 } });
          open.ledger.arm(keyOf(open, "1"), Date.now() + 1_000);
          expect(await over).toMatchObject({ Type: "WAIT", Status: "SUCCEEDED" });
          return "suspends";
        },
        async (open) => {
          expect(open.ledger.take(keyOf(open, "1"))).toMatchObject({ Type: "WAIT", Name: "rest", Status: "SUCCEEDED" });
          return undefined;
        },
      ));

    test.each([
      [false, [true, false, false]],
      [true, [true, true, true]],
    ])(
      "forgets what is below a context that has ended, unless its result is made again from there (%s)",
      (replayChildren, kept) =>
        run(
          async (open) => {
            const child = {
              ParentId: open.ledger.addressOf(keyOf(open, "1")) ?? open.parentId,
            } as Partial<OperationUpdate>;
            start(open, "1", context);
            await record(open, "1-1", { ...child, Action: "START" });
            await record(open, "1-1", { ...child, Action: "SUCCEED", Payload: "1" });
            await record(open, "1-2", { ...child, Action: "START" });
            await record(open, "1-2", { ...child, Action: "SUCCEED", Payload: "2" });
            const options = replayChildren ? { ContextOptions: { ReplayChildren: true } } : {};
            await record(open, "1", { ...context, Action: "SUCCEED", Payload: "3", ...options });
            return "suspends";
          },
          async (open) => {
            expect(["1", "1-1", "1-2"].map((path) => open.ledger.peek(keyOf(open, path)) !== undefined)).toEqual(kept);
            expect(open.ledger.peek(keyOf(open, "1"))?.ContextDetails?.ReplayChildren ?? false).toBe(replayChildren);
            return undefined;
          },
        ),
    );

    test("keeps what is secured, when the invocation is cut off", () =>
      run(
        async (open) => {
          await record(open, "1", { Action: "START", Name: "once" });
          await open.ledger.secured();
          return "is cut off";
        },
        async (open) => {
          expect(open.ledger.take(keyOf(open, "1"))).toMatchObject({ Name: "once", Status: "STARTED" });
          return undefined;
        },
      ));

    test.each([
      undefined,
      null,
      5,
      "text",
      "~1z",
      { a: [1, { b: "é😀\ud800" }], at: new Date(0), not: Number.NaN, nothing: undefined },
    ])("gives for %j what a replay reads", (value) =>
      run(async (open) => {
        const { payload, value: live } = open.ledger.roundTrip(value);
        expect(live).toEqual(value === undefined ? undefined : JSON.parse(JSON.stringify(value)));
        expect(payload === undefined || typeof payload === "string").toBe(true);
        return undefined;
      }),
    );

    test.each([undefined, "", "plain", '{"json":true}', "~1zKLU", "é😀\n\u0000"])(
      "takes %j of a serdes as it is",
      (text) =>
        run(
          async (open) => {
            const Payload = open.ledger.wrap(text);
            expect(open.ledger.unwrap(Payload)).toBe(text);
            start(open, "1");
            await record(open, "1", { Action: "SUCCEED", ...(Payload === undefined ? {} : { Payload }) });
            return "suspends";
          },
          async (open) => {
            expect(open.ledger.unwrap(open.ledger.take(keyOf(open, "1"))?.StepDetails?.Result)).toBe(text);
            return undefined;
          },
        ),
    );

    test("gives what somebody outside addresses an operation of its own", () =>
      run(
        async (open) => {
          const { outside } = open.ledger;
          const key = outside.key(at(open, "1"));
          expect(outside.addressOf(key)).toBe(key);
          expect(outside.countsOperations).toBe(true);
          const callback = { Type: "CALLBACK", SubType: "Callback", Id: key, Action: "START" } as const;
          const seen = new Promise<WireOperation>((resolve) => outside.watch(key, resolve));
          outside.record({ ...callback, ...(open.parentId === undefined ? {} : { ParentId: open.parentId }) });
          expect((await seen).CallbackDetails?.CallbackId).toEqual(expect.any(String));
          return "suspends";
        },
        async (open) => {
          const { outside } = open.ledger;
          expect(outside.take(outside.key(at(open, "1")))).toMatchObject({ Type: "CALLBACK", Status: "STARTED" });
          return undefined;
        },
      ));
  });
}
