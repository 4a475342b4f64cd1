import type { Results, ScenarioResult, WorkerRow } from "./results.ts";
import type { Metric } from "./scenario.ts";

/** One figure of a row, and what it must not exceed (or must reach). */
export type Check = {
  readonly scenario: string;
  readonly metric: Metric;
  /** What is looked at when a row has several checks. */
  readonly label?: string;
} & (
  | { readonly kind: "ratio"; readonly atMost: number }
  | { readonly kind: "value"; readonly atMost: number }
  | { readonly kind: "value"; readonly atLeast: number }
  /** What ten times as many items cost, by the figures of `scenario` and of `from`, which has fewer. */
  | { readonly kind: "growth"; readonly from: string; readonly atMost: number }
);

export interface TargetRow {
  readonly work: string;
  /** Empty where the worker threads' own benchmark measures it. */
  readonly checks: readonly Check[];
}

const ratio = (scenario: string, metric: Metric, atMost: number, label?: string): Check => ({
  kind: "ratio",
  scenario,
  metric,
  atMost,
  ...(label === undefined ? {} : { label }),
});

const growth = (from: string, scenario: string, metric: Metric, atMost: number, label: string): Check => ({
  kind: "growth",
  from,
  scenario,
  metric,
  atMost,
  label,
});

/** Ten times the items may cost eleven times as much, and still be called linear. */
const LINEAR = 11;
/** Memory that is flat: ten times the items take no more than half as much again. */
const FLAT = 1.5;

const finished = (nesting: string) => `replay of a finished map, 10,000, ${nesting}`;

/** What the design asks for, row by row, with the scenario that measures it. */
export const targets: readonly TargetRow[] = [
  { work: "CPU per item, NESTED map of 10,000", checks: [ratio("map, 10,000, nested", "cpuMicros", 0.2)] },
  { work: "CPU per item, FLAT map of 10,000", checks: [ratio("map, 10,000, flat", "cpuMicros", 0.2)] },
  {
    work: "CPU per item, `batch: 100` (against FLAT)",
    checks: [ratio("map, 10,000, batch of 100", "cpuMicros", 0.12)],
  },
  { work: "CPU per item without a step, 10,000", checks: [ratio("items without a step, 10,000", "cpuMicros", 0.15)] },
  {
    work: "wall time, each item step, wait, step: 10,000 items with one suspension",
    checks: [ratio("step, wait, step in 10,000 items", "wallMs", 0.1)],
  },
  {
    work: "wall time, each item fails once and retries, 10,000",
    checks: [ratio("each of 10,000 items fails once", "wallMs", 0.2)],
  },
  {
    work: "wall time, replay of a finished large map of 10,000 (results over the limit)",
    checks: [ratio(finished("nested"), "wallMs", 0.1, "nested"), ratio(finished("flat"), "wallMs", 0.1, "flat")],
  },
  {
    work: "wall time, 1,000 items, 10 ms a checkpoint, unbounded",
    checks: [
      ratio("1,000 at once, 10 ms a checkpoint", "wallMs", 0.8, "defaults"),
      ratio("1,000 at once, starts elided, 10 ms a checkpoint", "wallMs", 0.4, "`elideStarts`"),
      ratio("1,000, batch of 100, 10 ms a checkpoint", "wallMs", 0.15, "`batch: 100`"),
    ],
  },
  {
    work: "wall time, 1,000 items, `maxConcurrency: 10`, 10 ms a checkpoint",
    checks: [ratio("1,000, 10 at once, 10 ms a checkpoint", "wallMs", 0.25)],
  },
  {
    work: "bytes sent, 10,000 items, results of 100 small rows",
    checks: [ratio("results of 100 small rows, 10,000", "bytes", 0.4)],
  },
  {
    work: "updates and requests at 10,000",
    checks: [
      ratio("map, 10,000, nested", "updates", 1, "updates, defaults"),
      ratio("map, 10,000, nested", "requests", 1, "requests, defaults"),
      ratio("map, 10,000, nested, starts elided", "updates", 0.55, "updates, `elideStarts`, nested"),
      ratio("map, 10,000, nested, starts elided", "requests", 0.55, "requests, `elideStarts`, nested"),
      ratio("map, 10,000, flat, starts elided", "updates", 0.55, "updates, `elideStarts`, flat"),
      ratio("map, 10,000, flat, starts elided", "requests", 0.55, "requests, `elideStarts`, flat"),
      ratio("map, 10,000, batch of 100", "updates", 0.02, "updates, `batch: 100`"),
      ratio("map, 10,000, batch of 100", "requests", 0.02, "requests, `batch: 100`"),
      ratio(
        "map, 10,000, batch of 100, 100,000 unacknowledged",
        "requests",
        0.02,
        "requests, `batch: 100`, `maxUnacknowledged: 100,000`",
      ),
    ],
  },
  {
    work: "peak memory over the idle process, map of 10,000",
    checks: [
      ratio("map, 10,000, nested", "peakMegabytes", 0.3, "nested"),
      ratio("map, 10,000, flat", "peakMegabytes", 0.3, "flat"),
      growth(
        "map, 100,000, batch of 1,000, reduced",
        "map, 1,000,000, batch of 1,000, reduced",
        "peakMegabytes",
        FLAT,
        "`batch`, reduced results: ten times the items, to 1,000,000",
      ),
    ],
  },
  {
    work: "early completion (`minSuccessful: 1`) and predicates, 10,000 items: linear",
    checks: [
      growth("minSuccessful: 1 of 1,000", "minSuccessful: 1 of 10,000", "cpuMicros", LINEAR, "`minSuccessful: 1`"),
      growth("custom predicate over 1,000", "custom predicate over 10,000", "cpuMicros", LINEAR, "custom predicate"),
    ],
  },
  {
    work: "20,000 sequential steps",
    checks: [
      ratio("steps in a row, 20,000", "wallMs", 0.1, "wall time"),
      ratio("steps in a row, 20,000", "cpuMicros", 0.1, "CPU"),
    ],
  },
  { work: "CPU-bound steps of 5 ms, 2 cores", checks: [] },
  {
    work: "time to the first durable result, 10,000 items, 50 ms a checkpoint",
    checks: [ratio("first result of 10,000, 50 ms a checkpoint", "firstResultMs", 0.1)],
  },
  {
    work: "resume of 10,000 waiting items",
    checks: [
      ratio("resume of 10,000 waiting items", "wallMs", 0.1, "wall time"),
      {
        kind: "value",
        scenario: "resume of 10,000 waiting items",
        metric: "delayMaxMs",
        atMost: 50,
        label: "longest turn",
      },
    ],
  },
  {
    work: "cost of 1,000,000 one-step items with `batch`",
    checks: [{ kind: "value", scenario: "map, 1,000,000, batch of 1,000", metric: "dollars", atMost: 0.1 }],
  },
  {
    work: "growth of CPU: ten times the items",
    checks: [
      growth("map, 1,000, nested", "map, 10,000, nested", "cpuMicros", LINEAR, "nested, 1,000 to 10,000"),
      growth("map, 10,000, nested", "map, 50,000, nested", "cpuMicros", LINEAR, "nested, from 10,000 to 50,000"),
      growth("map, 10,000, flat", "map, 50,000, flat", "cpuMicros", LINEAR, "flat, from 10,000 to 50,000"),
      growth(
        "map, 10,000, batch of 1,000",
        "map, 100,000, batch of 1,000",
        "cpuMicros",
        LINEAR,
        "`batch`, 10,000 to 100,000",
      ),
      growth(
        "map, 100,000, batch of 1,000",
        "map, 1,000,000, batch of 1,000",
        "cpuMicros",
        LINEAR,
        "`batch`, 100,000 to 1,000,000",
      ),
    ],
  },
  {
    work: "wall time at N = 1, 10, 100",
    checks: [
      ratio("map, 1, nested", "wallMs", 1, "N = 1"),
      ratio("map, 10, nested", "wallMs", 1, "N = 10"),
      ratio("map, 100, nested", "wallMs", 0.5, "N = 100"),
    ],
  },
  { work: "import of the package (cold start)", checks: [ratio("import of the package", "wallMs", 0.6)] },
  {
    work: "1,000,000 items with `batch: 1000` on the embedded engine, results reduced: peak memory",
    checks: [
      {
        kind: "value",
        scenario: "engine, 1,000,000 items, batch of 1,000, reduced",
        metric: "peakMegabytes",
        atMost: 400,
      },
    ],
  },
  {
    work: "embedded engine, every checkpoint synced to disk",
    checks: [
      {
        kind: "value",
        scenario: "engine, 10,000 items, one operation each",
        metric: "itemsPerSecond",
        atLeast: 15_000,
        label: "one operation an item",
      },
      {
        kind: "value",
        scenario: "engine, 100,000 items, batch of 100",
        metric: "itemsPerSecond",
        atLeast: 100_000,
        label: "`batch: 100`",
      },
    ],
  },
];

export interface Verdict {
  readonly work: string;
  readonly label: string;
  readonly metric: Metric | undefined;
  readonly kind: Check["kind"] | "worker";
  /** The figures behind it: for growth the growths, else the medians. */
  readonly official: number | undefined;
  readonly ours: number | undefined;
  /** What is compared with the limit. */
  readonly measured: number | undefined;
  readonly limit: number | string | undefined;
  readonly direction: "at most" | "at least";
  readonly outcome: "met" | "missed" | "not measured";
  /** The scenario whose profile explains a miss. */
  readonly scenario: string | undefined;
  readonly note: string;
}

/** Compares a run with the targets. */
export function judge(results: Results): Verdict[] {
  const byName = new Map(results.scenarios.map((scenario) => [scenario.name, scenario]));
  return targets.flatMap(({ work, checks }) =>
    checks.length > 0 ? checks.map((check) => judgeCheck(work, check, byName)) : judgeWorkers(work, results.workers),
  );
}

function judgeCheck(work: string, check: Check, byName: ReadonlyMap<string, ScenarioResult>): Verdict {
  const scenario = byName.get(check.scenario);
  const figures = (name: "official" | "ours"): number | undefined => {
    const value = scenario?.subjects[name]?.metrics[check.metric]?.median;
    if (check.kind !== "growth") return value;
    const before = byName.get(check.from)?.subjects[name]?.metrics[check.metric]?.median;
    if (value === undefined || before === undefined) return undefined;
    // A figure that is per item grows by ten times its share; one of the whole process by itself.
    return check.metric === "cpuMicros" ? (10 * value) / before : value / before;
  };
  const official = figures("official");
  const ours = figures("ours");
  const measured = check.kind === "ratio" ? quotient(ours, official) : ours;
  const atLeast = "atLeast" in check;
  const limit = "atLeast" in check ? check.atLeast : check.atMost;
  const isMet = measured !== undefined && (atLeast ? measured >= limit : measured <= limit);
  const errors = Object.entries(scenario?.errors ?? {}).map(([subject, error]) => `${subject}: ${error}`);
  return {
    work,
    label: check.label ?? "",
    metric: check.metric,
    kind: check.kind,
    official,
    ours,
    measured,
    limit,
    direction: atLeast ? "at least" : "at most",
    outcome: measured === undefined ? "not measured" : isMet ? "met" : "missed",
    scenario: check.scenario,
    note: scenario?.leftOut ?? errors.join("; "),
  };
}

function quotient(ours: number | undefined, official: number | undefined): number | undefined {
  return ours === undefined || official === undefined || official === 0 ? undefined : ours / official;
}

function judgeWorkers(work: string, rows: readonly WorkerRow[]): Verdict[] {
  const common = { work, metric: undefined, kind: "worker", direction: "at most", scenario: undefined } as const;
  if (rows.length === 0) {
    return [
      {
        ...common,
        label: "",
        official: undefined,
        ours: undefined,
        measured: undefined,
        limit: undefined,
        outcome: "not measured",
        note: "The benchmark of worker threads was not run.",
      },
    ];
  }
  return rows
    .filter(({ target }) => target !== undefined)
    .map(({ scenario, metric, unit, official, ours, target }) => {
      // `<= 0.55` beside an official figure is for their ratio, `20 ms` without one for ours.
      const limit = Number(/[\d.]+/.exec(`${target}`)?.[0]);
      const measured = official === undefined ? ours : ours / official;
      return {
        ...common,
        label: `${scenario}, ${metric}, ${unit}`,
        official,
        ours,
        measured,
        limit,
        outcome: measured <= limit ? "met" : "missed",
        note: "",
      };
    });
}
