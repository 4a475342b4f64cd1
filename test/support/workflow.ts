import fc from "fast-check";
import type { BatchResult, DurableContext } from "../../src/index.ts";
import { completionOf, indexesFrom, type Policy, type SourceKind } from "./fan-outs.ts";

/** A workflow as data, so that a random one can be run, cut and run again. */
export type Node =
  | { readonly kind: "step"; readonly size: number; readonly failures: number; readonly atMostOnce: boolean }
  | { readonly kind: "wait"; readonly seconds: number }
  | { readonly kind: "child"; readonly body: readonly Node[]; readonly virtual: boolean }
  | {
      readonly kind: "map" | "parallel";
      readonly items: readonly (readonly Node[])[];
      readonly nesting: "NESTED" | "FLAT";
      readonly maxConcurrency: number | undefined;
      readonly policy: Policy;
      /** Of maps: items that share an operation. */
      readonly batch: number | undefined;
      /** Of maps: where the items come from, and what the result keeps. */
      readonly source: SourceKind;
      readonly collect: "all" | "failures" | "reduced";
    };

/** A map or parallel as it is without settings. */
export const PLAIN_FAN_OUT = {
  nesting: "NESTED",
  maxConcurrency: undefined,
  policy: { by: "default" },
  batch: undefined,
  source: "array",
  collect: "all",
} as const;

/** More attempts than this end a step for good. */
const MAX_ATTEMPTS = 2;

/**
 * What user code saw of operations, by their paths. Once an operation's end is recorded, it must look the same in every
 * invocation; before that it may still come out otherwise (a batch that races its branches, cut off before its result
 * was recorded).
 */
export class Observations {
  readonly #kept = new Map<string, string>();
  readonly #unrecorded = new Map<string, string>();
  readonly contradictions: string[] = [];

  see(path: string, value: unknown): void {
    const text = JSON.stringify(value) ?? "undefined";
    const before = this.#kept.get(path);
    if (before === undefined) this.#unrecorded.set(path, text);
    else if (before !== text) {
      this.contradictions.push(`${path} was ${before.slice(0, 300)} and is now ${text.slice(0, 300)}`);
    }
  }

  /** An invocation is over; `isRecorded` says whether the service knows how the operation at a path ended. */
  endInvocation(isRecorded: (path: string) => boolean): void {
    for (const [path, text] of this.#unrecorded) if (isRecorded(path)) this.#kept.set(path, text);
    this.#unrecorded.clear();
  }
}

type See = (path: string, value: unknown) => void;

/** Runs the nodes one after the other; what fails becomes a value. `path` is that of the context, "" for the root. */
export async function runNodes(
  context: DurableContext,
  nodes: readonly Node[],
  path: string,
  see: See,
): Promise<unknown[]> {
  const results: unknown[] = [];
  for (const [at, node] of nodes.entries()) {
    const here = below(path, at);
    const value = await runNode(context, node, here, see).catch((error: Error) => describeError(error));
    // What a virtual child gives is recorded nowhere: it is as reliable as what stands in it.
    if (node.kind !== "child" || !node.virtual) see(here, value);
    results.push(value);
  }
  return results;
}

/** The path of a context's operation, or of a batch's item; both count from 0 here, and from 1 in paths. */
function below(path: string, index: number): string {
  return path === "" ? `${index + 1}` : `${path}-${index + 1}`;
}

async function runNode(context: DurableContext, node: Node, path: string, see: See): Promise<unknown> {
  switch (node.kind) {
    case "step":
      return context.step(
        `s${node.size}`,
        async ({ attempt }) => {
          if (attempt <= node.failures) throw new RangeError(`attempt ${attempt}`);
          return { text: "x".repeat(node.size), attempt };
        },
        {
          retryStrategy: (_error, attempt) => ({ shouldRetry: attempt < MAX_ATTEMPTS, delay: { seconds: 1 } }),
          semantics: node.atMostOnce ? "AT_MOST_ONCE_PER_RETRY" : "AT_LEAST_ONCE_PER_RETRY",
        },
      );
    case "wait":
      return context.wait({ seconds: node.seconds });
    case "child":
      return context.runInChildContext("child", (inner) => runNodes(inner, node.body, path, see), {
        virtualContext: node.virtual,
      });
    case "map":
      return context
        .map(
          "map",
          indexesFrom(node.source, node.items.length) as number[],
          async (inner, _, index) =>
            mustSucceed(await runNodes(inner, node.items[index] as Node[], below(path, index), see)),
          { ...fanOutConfig(node), ...batchConfig(node) },
        )
        .then(describeBatch);
    case "parallel":
      return context
        .parallel(
          "parallel",
          node.items.map((body, index) => ({
            name: `b${index}`,
            func: async (inner: DurableContext) => mustSucceed(await runNodes(inner, body, below(path, index), see)),
          })),
          fanOutConfig(node),
        )
        .then(describeBatch);
  }
}

function fanOutConfig(node: FanOut) {
  const completionConfig = completionOf(node.policy);
  return {
    nesting: node.nesting,
    ...(node.maxConcurrency === undefined ? {} : { maxConcurrency: node.maxConcurrency }),
    ...(completionConfig === undefined ? {} : { completionConfig }),
  };
}

type FanOut = Extract<Node, { items: unknown }>;

function batchConfig({ batch: items, collect }: FanOut) {
  const batch: number | false = items ?? false;
  if (collect !== "reduced") return { batch, collect };
  return { batch, collect: { reduce: (sum: number, _: unknown, index: number) => sum + 10 ** index, initial: 0 } };
}

/** An item whose last operation failed fails itself. */
function mustSucceed(results: unknown[]): unknown[] {
  const last = results.at(-1) as { error?: string } | undefined;
  if (last?.error !== undefined) throw new TypeError(`item failed: ${last.error}`);
  return results;
}

function describeBatch(batch: BatchResult<unknown>) {
  return {
    all: batch.all.map(({ index, status, result, error }) => ({
      index,
      status,
      result,
      ...(error === undefined ? {} : { error: describeError(error).error }),
    })),
    reason: batch.completionReason,
    status: batch.status,
    counts: [batch.successCount, batch.failureCount, batch.startedCount, batch.totalCount],
    reduced: (batch as { reduced?: unknown }).reduced,
  };
}

function describeError(error: Error): { error: string } {
  const cause = error.cause instanceof Error ? ` < ${describeError(error.cause).error}` : "";
  return { error: `${error.constructor.name} ${error.name}: ${error.message}${cause}` };
}

/** Whether the result depends on nothing but the workflow: no policy that races concurrent branches. */
export function isDeterministic(nodes: readonly Node[]): boolean {
  return nodes.every((node) => {
    if (node.kind === "step") return !node.atMostOnce;
    if (node.kind === "wait") return true;
    if (node.kind === "child") return isDeterministic(node.body);
    if (!node.items.every(isDeterministic)) return false;
    if (node.items.length <= 1) return true;
    if (node.maxConcurrency === 1) return true;
    // With a tolerance of everything no branch can cut off another one.
    return node.policy.by === "toleratedFailurePercentage" && node.policy.value >= 100;
  });
}

const step: fc.Arbitrary<Node> = fc.record({
  kind: fc.constant("step" as const),
  // The small ones fit; the large ones together, or alone, go over the payload limit of the test (1,024 bytes).
  size: fc.oneof({ weight: 4, arbitrary: fc.nat(20) }, { weight: 1, arbitrary: fc.integer({ min: 300, max: 900 }) }),
  failures: fc.oneof(
    { weight: 4, arbitrary: fc.constant(0) },
    { weight: 2, arbitrary: fc.integer({ min: 1, max: 2 }) },
  ),
  atMostOnce: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
});

const wait: fc.Arbitrary<Node> = fc.record({
  kind: fc.constant("wait" as const),
  seconds: fc.integer({ min: 1, max: 3 }),
});

const policy: fc.Arbitrary<Policy> = fc.oneof(
  fc.record({ by: fc.constant("default" as const) }),
  fc.record({ by: fc.constant("toleratedFailurePercentage" as const), value: fc.constantFrom(0, 25, 50, 100) }),
  fc.record({ by: fc.constant("toleratedFailureCount" as const), value: fc.nat(2) }),
  fc.record({ by: fc.constant("minSuccessful" as const), value: fc.nat(3) }),
  fc.record({
    by: fc.constant("custom" as const),
    completeAt: fc.nat(3),
    outcome: fc.constantFrom("SUCCEEDED" as const, "FAILED" as const),
  }),
);

/** Random workflows of steps, waits, children, maps and parallels, nested up to three levels. */
export const workflow: fc.Arbitrary<Node[]> = fc.letrec<{ nodes: Node[]; node: Node }>((tie) => {
  const nodes = tie("nodes");
  return {
    nodes: fc.array(tie("node"), { minLength: 1, maxLength: 3 }),
    node: fc.oneof(
      { maxDepth: 3, depthIdentifier: "workflow" },
      { weight: 4, arbitrary: step },
      { weight: 1, arbitrary: wait },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("child" as const), body: nodes, virtual: fc.boolean() }) },
      {
        weight: 3,
        arbitrary: fc.record({
          kind: fc.constantFrom("map" as const, "parallel" as const),
          items: fc.array(nodes, { maxLength: 4 }),
          nesting: fc.constantFrom("NESTED" as const, "FLAT" as const),
          maxConcurrency: fc.constantFrom(undefined, 1, 2),
          policy,
          batch: fc.oneof(
            { weight: 2, arbitrary: fc.constant(undefined) },
            { weight: 1, arbitrary: fc.integer({ min: 1, max: 3 }) },
          ),
          source: fc.constantFrom("array" as const, "iterable" as const, "async iterable" as const),
          collect: fc.constantFrom("all" as const, "all" as const, "failures" as const, "reduced" as const),
        }),
      },
    ),
  };
}).nodes;
