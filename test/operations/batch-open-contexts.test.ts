import { describe, expect, test } from "vitest";
import type { DurableContext } from "../../src/index.ts";
import { type Handler, runOurs } from "../support/service.ts";

type Item = (context: DurableContext, changed: boolean, runs: string[]) => Promise<unknown>;

const child =
  (name: string, runs: string[]) =>
  (inner: DurableContext): Promise<string> =>
    inner
      .step("work", async () => {
        runs.push(name);
        return name;
      })
      .then(async (value) => {
        await inner.wait({ seconds: 1 });
        return value;
      });

/** What an item does in its second invocation is something else while a context in it is open. */
const changes: Record<string, Item> = {
  "two child contexts change places": (context, changed, runs) => {
    const names = changed ? ["B", "A"] : ["A", "B"];
    return Promise.all(names.map((name) => context.runInChildContext(name, child(name, runs))));
  },
  "a child context has another name": (context, changed, runs) =>
    context.runInChildContext(changed ? "B" : "A", child("A", runs)),
  "a child context becomes a step": (context, changed, runs) =>
    changed ? context.step("A", async () => "step") : context.runInChildContext("A", child("A", runs)),
  "a child context becomes a wait": (context, changed, runs) =>
    changed ? context.wait("A", { seconds: 1 }) : context.runInChildContext("A", child("A", runs)),
  "a map has another name": (context, changed, runs) =>
    context.map(changed ? "B" : "A", [1, 2], (inner) => child("A", runs)(inner)),
  "a map becomes a parallel": (context, changed, runs) =>
    changed
      ? context.parallel("A", [child("A", runs), child("A", runs)])
      : context.map("A", [1, 2], (inner) => child("A", runs)(inner)),
  "a combinator has another name": (context, changed) =>
    context.promise.all(changed ? "B" : "A", [context.wait({ seconds: 1 })]),
  "an invoke becomes a step": (context, changed) =>
    changed ? context.step("A", async () => "step") : context.invoke("A", "echo", {}),
  "an invoke becomes a wait": (context, changed) =>
    changed ? context.wait("A", { seconds: 1 }) : context.invoke("A", "echo", {}),
  "an invoke becomes a child context": (context, changed, runs) =>
    changed ? context.runInChildContext("A", child("A", runs)) : context.invoke("A", "echo", {}),
};

describe.each(Object.entries(changes))("a deployment in which %s", (_, item) => {
  test.each([undefined, 1, 2, 100])("is noticed inside the items of a map, batch %s", async (batch) => {
    let invocations = 0;
    const runs: string[] = [];
    const handler = (async (_event: unknown, context: DurableContext) => {
      const isSecond = ++invocations > 1;
      const body = (inner: DurableContext, value: number) => item(inner, isSecond && value === 2, runs);
      const result = await context.map("items", [0, 1, 2, 3], body, batch === undefined ? {} : { batch });
      return result.getResults();
    }) as unknown as Handler;
    const run = await runOurs(handler, { onEngine: (engine) => void engine.registerFunction("echo", async () => 1) });
    expect(run.outcome).toMatchObject({
      status: "FAILED",
      error: { ErrorMessage: expect.stringMatching(/Expected (name|type|subtype)/i) },
    });
  });
});
