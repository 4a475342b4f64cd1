import type { Scenario } from "../scenario.ts";
import { mapOfSteps, reducedMap } from "./handlers.ts";

/** AWS's own quota of operations: what runs within it needs no lifted limit. */
const AWS_QUOTA = { quotas: { operations: 3_000 } };

export const engineScenarios: readonly Scenario[] = [
  {
    name: "engine, 10,000 items, one operation each",
    group: "Embedded engine",
    why: "every checkpoint is one transaction, synced to disk; the quota of operations is lifted",
    items: 10_000,
    on: "engine",
    handler: mapOfSteps({ nesting: "FLAT" }),
    official: false,
    runs: 3,
  },
  {
    name: "engine, 100,000 items, batch of 100",
    group: "Embedded engine",
    why: "the same, a hundred items to an operation, within the quota of AWS",
    items: 100_000,
    on: "engine",
    handler: mapOfSteps({ batch: 100 }),
    settings: AWS_QUOTA,
    official: false,
    runs: 3,
  },
  {
    name: "engine, 1,000,000 items, batch of 1,000, reduced",
    group: "Embedded engine",
    why: "a million items in one execution within the quota of AWS",
    items: 1_000_000,
    on: "engine",
    handler: reducedMap(1_000),
    settings: AWS_QUOTA,
    official: false,
    runs: 1,
  },
];

export const importScenarios: readonly Scenario[] = [
  {
    name: "import of the package",
    group: "Cold start",
    why: "the built package, in a process that has loaded nothing",
    items: 1,
    on: "import",
    handler: async () => undefined,
    runs: 11,
  },
  {
    name: "import of the package and of the AWS client",
    group: "Cold start",
    why: "ours loads the client when the first checkpoint needs it: nothing of that is saved, only put off",
    items: 1,
    on: "import",
    handler: async () => undefined,
    importsToo: [import.meta.resolve("@aws-sdk/client-lambda")],
    runs: 11,
  },
  {
    name: "import of the package and a first map of 10",
    group: "Cold start",
    why: "what is not loaded by the import is loaded by the first invocation: both together",
    items: 10,
    on: "import",
    handler: async () => undefined,
    runs: 11,
  },
];
