import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  asJson,
  createClassSerdes,
  type DurableContext,
  type RuntimeOptions,
  withDurableExecution,
} from "../../src/index.ts";
import { LocalEngine } from "../../src/testing.ts";

const CODE = "DURABLE_FANOUT_LOSSY_RESULT";
let warnings: string[] = [];
const listen = (warning: Error & { code?: string }) => {
  if (warning.code === CODE) warnings.push(warning.message);
};

beforeEach(() => {
  warnings = [];
  process.on("warning", listen);
});
afterEach(() => void process.off("warning", listen));

/** Runs a body on the embedded engine; names are warned of once in a process, so each test has its own. */
async function run(
  body: (context: DurableContext) => Promise<unknown>,
  runtime: RuntimeOptions = {},
): Promise<string[]> {
  const engine = new LocalEngine();
  engine.register(
    "handler",
    withDurableExecution(async (_event, context) => void (await body(context)), { runtime }),
  );
  const { status } = await engine.start({ functionName: "handler" }).result;
  await engine.close();
  expect(status).toBe("SUCCEEDED");
  // Warnings are emitted in the next turn.
  await new Promise((resolve) => setImmediate(resolve));
  return warnings;
}

class Account {
  id = 1;
  label(): string {
    return `${this.id}`;
  }
}

describe("a result that JSON does not keep is warned of on the embedded engine:", () => {
  test.each<[what: string, value: unknown, message: RegExp]>([
    ["a Date", { paid: { at: new Date(0) } }, /a Date \(result\.paid\.at\), .* comes back as a string\. .*"typed"/],
    ["a Map", new Map([["a", 1]]), /a Map, which .* comes back as \{\}\. .*"typed"/],
    ["a Set", [{ tags: new Set([1]) }], /a Set \(result\[0\]\.tags\), .* comes back as \{\}\. .*"typed"/],
    ["an Error", { reason: new RangeError("no") }, /a RangeError \(result\.reason\), .*without name.*"typed"/],
    ["a RegExp", /a/, /a RegExp, which .* comes back as \{\}\. .*"typed"/],
    ["bytes", { body: new Uint8Array(2) }, /a Uint8Array \(result\.body\), .*plain object.*"typed"/],
    ["NaN", [1, Number.NaN], /NaN \(result\[1\]\), .* comes back as null\. .*"typed"/],
    [
      "an instance of a class",
      { account: new Account() },
      /an Account \(result\.account\), .*plain object\. (?!.*"typed")/,
    ],
    ["what has a toJSON", new URL("https://example.com"), /a URL, .*what its toJSON gives\. (?!.*"typed")/],
    ["a function", { call: () => 1 }, /a function \(result\.call\), .*left out\. (?!.*"typed")/],
  ])("%s", async (what, value, message) => {
    const name = `loses ${what}`;
    expect(await run((context) => context.step(name, async () => value))).toEqual([expect.stringMatching(message)]);
    expect(warnings[0]).toContain(`Step "${name}" returned`);
  });
});

test("each name is warned of once, however many results it has, in batches and outside", async () => {
  const items = Array.from({ length: 20 }, (_, index) => index);
  await run(async (context) => {
    for (const batch of [false, 5] as const) {
      const name = `step, batch ${batch}`;
      await context.map("map", items, (item) => item.step(name, async () => ({ at: new Date(0) })), { batch });
    }
    await context.runInChildContext("child", async () => new Map());
    await context.step("step, batch 5", async () => new Date(0));
  });
  expect(warnings.map((message) => message.split(" returned ")[0])).toEqual([
    'Step "step, batch false"',
    'Step "step, batch 5"',
    'RunInChildContext "child"',
  ]);
});

test("nothing is said of plain values, of what the typed codec or a serdes keeps, or of what asJson gives", async () => {
  const plain = { id: 1, list: [1, "a", null, true], maybe: undefined, bare: Object.create(null) };
  await run(async (context) => {
    await context.step("plain", async () => plain);
    await context.step("as JSON", async () => asJson({ at: new Date(0), all: new Map(), account: new Account() }));
    await context.step("serdes", async () => new Account(), { serdes: createClassSerdes(Account) });
    await context.map("plain map", [1, 2], async (item, id) => item.step("item", async () => ({ id })));
  });
  await run((context) => context.step("typed", async () => new Map([["at", new Date(0)]])), { codec: "typed" });
  expect(warnings).toEqual([]);
});

test("a BigInt, which JSON refuses, is named before the step fails", async () => {
  const engine = new LocalEngine({ invocation: { maxFailures: 1 } });
  engine.register(
    "handler",
    withDurableExecution(async (_event, context) => void (await context.step("sum", async () => [1n]))),
  );
  await engine.start({ functionName: "handler" }).result;
  await engine.close();
  expect(warnings).toEqual([
    expect.stringMatching(/^Step "sum" returned a BigInt \(result\[0\]\).*the operation fails.*"typed"/),
  ]);
});

test("a very large result is looked at for a while only", async () => {
  const rows = Array.from({ length: 10_000 }, (_, id) => ({ id }));
  const late = { rows, at: new Date(0) };
  expect(await run((context) => context.step("large", async () => late))).toEqual([]);
});

test("a service that does not ask is not told", async () => {
  const client = {
    checkpoint: async () => ({ CheckpointToken: "t", NewExecutionState: { Operations: [], NextMarker: undefined } }),
    getExecutionState: async () => ({ Operations: [], NextMarker: undefined }),
  };
  const handler = withDurableExecution(
    async (_event, context) => void (await context.step("on Lambda", async () => new Date(0))),
    { durableExecutionClient: client },
  );
  const execution = { Id: "e", Type: "EXECUTION", Status: "STARTED", StartTimestamp: new Date(0) } as const;
  const event = {
    DurableExecutionArn: "arn",
    CheckpointToken: "t",
    InitialExecutionState: { Operations: [execution], NextMarker: "" },
  };
  const output = await handler(event, { awsRequestId: "r", getRemainingTimeInMillis: () => 60_000 } as never);
  await new Promise((resolve) => setImmediate(resolve));
  expect([output.Status, warnings]).toEqual(["SUCCEEDED", []]);
});
