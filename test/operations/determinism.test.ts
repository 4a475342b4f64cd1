import { describe, expect, test } from "vitest";
import type { DurableContext } from "../../src/index.ts";
import { type Handler, runOurs } from "../support/service.ts";

type Run = (context: DurableContext) => Promise<unknown>;

const step =
  (name?: string): Run =>
  (context) =>
    context.step(name, async () => 1);
const wait =
  (name?: string): Run =>
  (context) =>
    name === undefined ? context.wait({ seconds: 1 }) : context.wait(name, { seconds: 1 });
const child =
  (name?: string, subType?: string): Run =>
  (context) =>
    context.runInChildContext(name, async () => 1, subType === undefined ? {} : { subType });
const map =
  (name?: string): Run =>
  (context) =>
    context.map(name, [1], async () => 1);
const parallel =
  (name?: string): Run =>
  (context) =>
    context.parallel(name, [async () => 1]);

/** Runs one thing, suspends, and then runs another in its place. */
async function change(before: Run, after: Run) {
  let invocation = 0;
  const caught: unknown[] = [];
  const handler: Handler = async (_, context) => {
    invocation++;
    await (invocation === 1 ? before : after)(context).catch((error) => caught.push(error));
    await context.wait("last", { seconds: 1 });
    await context.step("after", async () => 1);
  };
  const run = await runOurs(handler);
  return { ...run, caught };
}

const message = (what: string, expected: string, got: string) =>
  `[Unrecoverable Execution] Non-deterministic execution detected: Operation ${what} mismatch for step "1". ` +
  `Expected ${what} "${expected}", but got "${got}". This indicates non-deterministic control flow in your workflow code.`;

describe("a replay notices that an operation", () => {
  test.each<[string, Run, Run, string]>([
    ["has another type: a step is now a wait", step("x"), wait("x"), message("type", "STEP", "WAIT")],
    ["has another type: a wait is now a step", wait(), step(), message("type", "WAIT", "STEP")],
    ["has another type: a step is now a map", step("x"), map("x"), message("type", "STEP", "CONTEXT")],
    ["has another name", step("old"), step("new"), message("name", "old", "new")],
    ["has lost its name", child("old"), child(), message("name", "old", "undefined")],
    ["has got a name", map(), map("new"), message("name", "undefined", "new")],
    ["has another subtype: a child is now a map", child("x"), map("x"), message("subtype", "RunInChildContext", "Map")],
    ["has another subtype: a map is now a parallel", map("x"), parallel("x"), message("subtype", "Map", "Parallel")],
    ["has a subtype of the user's", child("x", "Mine"), child("x"), message("subtype", "Mine", "RunInChildContext")],
    ["has another type before another name", step("old"), wait("new"), message("type", "STEP", "WAIT")],
  ])("%s", async (_, before, after, expected) => {
    const { outcome, caught, invocations } = await change(before, after);
    expect(outcome).toMatchObject({
      status: "FAILED",
      error: { ErrorType: "NonDeterministicExecutionError", ErrorMessage: expected },
    });
    // User code cannot catch it, and nothing is written after it.
    expect(caught).toEqual([]);
    expect(invocations.at(-1)?.requests.flat()).toEqual([]);
  });

  test("has another name, inside a child, by its path", async () => {
    let invocation = 0;
    const run = await runOurs(async (_, context) => {
      invocation++;
      await context.runInChildContext("c", async (inner) => {
        await inner.step(`s${invocation}`, async () => 1);
        await inner.wait({ seconds: 1 });
      });
    });
    expect(run.outcome.error?.ErrorMessage).toContain('mismatch for step "1-1". Expected name "s1", but got "s2"');
  });

  test("of a map's items has another name", async () => {
    let invocation = 0;
    const run = await runOurs(async (_, context) => {
      invocation++;
      await context.map("m", [1], (inner) => inner.wait({ seconds: 1 }), { itemNamer: () => `item ${invocation}` });
    });
    expect(run.outcome.error?.ErrorMessage).toContain('Expected name "item 1", but got "item 2"');
  });
});

describe("a replay does not mind", () => {
  test("an empty name that stays empty", async () => {
    expect((await change(step(""), step(""))).outcome.status).toBe("SUCCEEDED");
  });

  test("fewer operations than were recorded", async () => {
    let invocation = 0;
    const run = await runOurs(async (_, context) => {
      invocation++;
      await context.step("a", async () => 1);
      if (invocation === 1) await context.wait({ seconds: 1 });
      return "shorter";
    });
    expect(run.result).toBe("shorter");
  });

  test("another duration, another function, other inputs", async () => {
    let invocation = 0;
    const run = await runOurs(async (_, context) => {
      invocation++;
      const value = await context.step(async () => invocation);
      await context.wait({ seconds: invocation });
      return value;
    });
    expect(run.result).toBe(1);
  });
});

describe("a context used in another's place ends the execution", () => {
  const misuse = async (use: Handler) => {
    const run = await runOurs(use);
    return [run.outcome.status, run.outcome.error?.ErrorMessage];
  };
  const text = (method: string, expected: string, got: string) =>
    `Context usage error in "${method}": You are using a parent or sibling context instead of the current child context. ` +
    `Expected context ID: "${expected}", but got: "${got}". When inside runInChildContext(), you must use the child ` +
    "context parameter, not the parent context.";

  test.each<[string, Run]>([
    ["step", step()],
    ["wait", wait()],
    ["runInChildContext", child()],
    ["map", map()],
    ["parallel", parallel()],
  ])("the parent's %s inside a child, and cannot be caught", async (method, use) => {
    const outcome = await misuse(async (_, context) => {
      await context.runInChildContext("c", async () => use(context).catch(() => {}));
    });
    expect(outcome).toEqual(["FAILED", text(method, "1", "undefined")]);
  });

  test("any operation inside a step", async () => {
    const outcome = await misuse(async (_, context) => context.step("s", async () => context.step(async () => 1)));
    expect(outcome).toEqual(["FAILED", text("step", "1", "undefined")]);
  });

  test("a sibling's context", async () => {
    const outcome = await misuse(async (_, context) => {
      let first: DurableContext | undefined;
      await context.map([1, 2], async (inner) => {
        first ??= inner;
        await first.step(async () => 1);
      });
    });
    expect(outcome).toEqual(["FAILED", text("step", "1-2", "1-1")]);
  });

  test("a child's context after the child", async () => {
    const outcome = await misuse(async (_, context) => {
      let kept: DurableContext | undefined;
      await context.runInChildContext(async (inner) => {
        kept = inner;
      });
      await kept?.wait({ seconds: 1 });
    });
    expect(outcome).toEqual(["FAILED", text("wait", "root", "1")]);
  });
});
