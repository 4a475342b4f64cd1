import type { CompletionConfig } from "../../src/index.ts";

/** When a fan-out of a random program ends, as data. */
export type Policy =
  | { readonly by: "default" }
  | { readonly by: "minSuccessful" | "toleratedFailureCount" | "toleratedFailurePercentage"; readonly value: number }
  | { readonly by: "custom"; readonly completeAt: number; readonly outcome: "SUCCEEDED" | "FAILED" };

/** Where the items of a map come from. */
export type SourceKind = "array" | "iterable" | "async iterable";

export function completionOf(policy: Policy): CompletionConfig | undefined {
  switch (policy.by) {
    case "default":
      return undefined;
    case "custom":
      return {
        shouldComplete: ({ completedCount }) =>
          completedCount >= policy.completeAt ? { complete: true, outcome: policy.outcome } : { complete: false },
      };
    default:
      return { [policy.by]: policy.value };
  }
}

/** The indexes of items: items of a source must be the same whenever it is read, also when the steps no longer fail. */
export function indexesFrom(source: SourceKind, count: number): unknown {
  const indexes = Array.from({ length: count }, (_, index) => index);
  if (source === "array") return indexes;
  function* read() {
    yield* indexes;
  }
  async function* readLater() {
    for (const index of indexes) yield await Promise.resolve(index);
  }
  return source === "iterable" ? read() : readLater();
}
