import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { OperationUpdate } from "../../src/core/wire.ts";
import { updateBytes } from "../../src/execution/update-bytes.ts";
import type { CodecName, RuntimeOptions } from "../../src/index.ts";
import { exploring } from "../support/exploration.ts";
import { runOurs } from "../support/service.ts";

/** Any UTF-16: escapes, control characters, text beyond the BMP and halves of it. */
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 60 }).map((units) => String.fromCharCode(...units)),
);
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const common = {
  Id: fc.constant("0123456789abcdef"),
  ParentId: maybe(fc.constant("fedcba9876543210")),
  Name: maybe(text),
};
const error = fc.record({ ErrorMessage: text, ErrorType: text, StackTrace: fc.array(text) }, { requiredKeys: [] });
const seconds = fc.integer({ min: 1, max: 31_622_400 });
const action = fc.constantFrom("START", "SUCCEED", "FAIL", "RETRY", "CANCEL" as const);

const update = fc.oneof(
  fc.record({
    ...common,
    Type: fc.constant("STEP"),
    Action: action,
    SubType: fc.constantFrom("Step", "WaitForCondition"),
    Payload: maybe(text),
    Error: maybe(error),
    StepOptions: maybe(fc.record({ NextAttemptDelaySeconds: seconds })),
  }),
  fc.record({
    ...common,
    Type: fc.constant("CONTEXT"),
    Action: action,
    SubType: fc.oneof(fc.constantFrom("RunInChildContext", "WaitForCallback"), text),
    Payload: maybe(text),
    Error: maybe(error),
    ContextOptions: maybe(fc.record({ ReplayChildren: fc.boolean() })),
  }),
  fc.record({
    ...common,
    Type: fc.constant("CALLBACK"),
    Action: action,
    SubType: fc.constant("Callback"),
    CallbackOptions: maybe(fc.record({ TimeoutSeconds: seconds, HeartbeatTimeoutSeconds: seconds })),
  }),
  fc.record({
    ...common,
    Type: fc.constant("CHAINED_INVOKE"),
    Action: action,
    SubType: fc.constant("ChainedInvoke"),
    Payload: maybe(text),
    ChainedInvokeOptions: maybe(fc.record({ FunctionName: text, TenantId: maybe(text) })),
  }),
) as fc.Arbitrary<OperationUpdate>;

describe("what is counted for a request", () => {
  test("an update never counts for less than it takes", () => {
    fc.assert(
      fc.property(update, (sent) => {
        expect(updateBytes(sent)).toBeGreaterThan(Buffer.byteLength(JSON.stringify(sent)));
      }),
      exploring(2_000),
    );
  });

  test("no request exceeds maxBytes or maxUpdates, whatever the results and the codec", async () => {
    const codecs = fc.constantFrom<CodecName>("json", "compact", "typed");
    await fc.assert(
      fc.asyncProperty(
        fc.array(text, { maxLength: 40 }),
        codecs,
        fc.integer({ min: 1, max: 30 }),
        async (items, codec, maxUpdates) => {
          const maxBytes = 2_048;
          const runtime: RuntimeOptions = { codec, checkpoint: { maxBytes, maxUpdates } };
          const run = await runOurs(
            async (_, context) => {
              await Promise.all(items.map((item) => context.step(async () => item)));
            },
            { runtime },
          );
          expect(run.outcome.status).toBe("SUCCEEDED");
          for (const updates of run.invocations.flatMap(({ requests }) => requests)) {
            expect(updates.length).toBeLessThanOrEqual(maxUpdates);
            const bytes = Buffer.byteLength(JSON.stringify({ Updates: updates }));
            if (updates.length > 1) expect(bytes).toBeLessThanOrEqual(maxBytes);
          }
        },
      ),
      exploring(100),
    );
  });
});
