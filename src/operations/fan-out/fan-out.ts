import { checkCount, checkFunction, checkOneOf } from "../../core/arguments.ts";
import { DEFAULT_BATCH_ITEMS } from "../../core/batch-size.ts";
import type { AnySerdes } from "../../core/serdes.ts";
import { describeValue } from "../../core/setting.ts";
import type { Execution } from "../../execution/execution.ts";
import type { Scope } from "../../execution/scope.ts";
import { park } from "../../execution/suspension.ts";
import { checkOptions, checkSerdes, isBegun, operationLabel } from "../checks.ts";
import { runChild } from "../child.ts";
import { BranchRun } from "./branch-run.ts";
import type { Branches, FanOutConfig } from "./branches.ts";
import { COMPLETION_OPTIONS, checkCompletion } from "./completion.ts";
import type { BatchResult } from "./map-result.ts";
import { mapResultFormat, readSummary } from "./map-result-format.ts";
import { checkQuota, type FanOutSize, operationsOf } from "./quota.ts";

/** Claims its path during the call, so no `await` may come before `runChild`. */
export async function runFanOut<T>(
  execution: Execution,
  scope: Scope,
  name: string | undefined,
  branches: Branches,
  config: FanOutConfig<T> = {},
): Promise<BatchResult<T>> {
  const label = () => operationLabel(branches.kind, name);
  checkOptions(execution, scope, label, config);
  const { completionConfig, maxConcurrency } = config;
  checkCompletion(label, completionConfig);
  const policy = () => `the completionConfig of ${label()}`;
  checkOptions(execution, scope, policy, completionConfig ?? {}, COMPLETION_OPTIONS);
  // An earlier invocation, or the official SDK, accepted the `maxConcurrency` of a recorded map.
  if (!isBegun(scope)) {
    checkCount(
      label,
      "maxConcurrency",
      maxConcurrency,
      1,
      `Invalid maxConcurrency: ${describeValue(maxConcurrency)}. `,
    );
  }
  checkCount(label, "concurrency", config.concurrency, 1);
  checkOneOf(label, "nesting", config.nesting, ["NESTED", "FLAT"]);
  checkSerdes(label, "serdes", config.serdes as AnySerdes | undefined);
  checkSerdes(label, "itemSerdes", config.itemSerdes as AnySerdes | undefined);
  checkFunction(label, "summaryGenerator", config.summaryGenerator);
  const size = sizeOf(name, branches, config);
  const excess = checkQuota(execution, scope, size);
  if (excess !== undefined) return fail(execution, excess);
  const sizes = { itemCharacters: 0 };
  let run: BranchRun<T> | undefined;
  const format = mapResultFormat<T>({
    type: branches.kind === "map" ? "MapResult" : "ParallelResult",
    serdes: config.serdes,
    hasItemSerdes: config.itemSerdes !== undefined || scope.defaultSerdes !== undefined,
    summaryGenerator: config.summaryGenerator,
    itemCharacters: () => sizes.itemCharacters,
    keepsStatuses: () => run?.isBatched === false,
    onRecalled({ totalCount }) {
      if (run === undefined) execution.usage.addUndelivered(operationsOf(totalCount, size));
    },
  });
  const result = await runChild(execution, scope, {
    name,
    subType: branches.kind === "map" ? "Map" : "Parallel",
    virtual: false,
    hasOwnCode: false,
    format,
    body: (inner, recorded) => {
      run = new BranchRun<T>(execution, inner, { size, branches, config, sizes, label });
      if (recorded === undefined) return run.run();
      return run.rebuild(readSummary(execution, recorded.ContextDetails?.Result));
    },
  });
  return result as BatchResult<T>;
}

function sizeOf<T>(
  name: string | undefined,
  { kind, source, batch }: Branches,
  { nesting = "NESTED", completionConfig }: FanOutConfig<T>,
): FanOutSize {
  const batchItems = batch === undefined ? undefined : (batch.maxItems ?? DEFAULT_BATCH_ITEMS);
  return { kind, name, total: source.total, nesting, batchItems, completionConfig };
}

function fail(execution: Execution, error: Error): Promise<never> {
  execution.terminate({ end: "fail", error });
  return park();
}
