import type { Sample } from "./child.ts";
import type { LambdaResults, Results } from "./results.ts";
import { median, significant } from "./table.ts";
import { STATES, type State, type Subject } from "./works.ts";

type Metric = keyof Sample;

interface Check {
  /** The name of the figure, if its row has several figures. */
  readonly label?: string;
  readonly work: string;
  readonly metric: Metric;
  /**
   * - `ratio`: the figure of this package divided by that of the official SDK, at most `limit`.
   * - `growth`: the total of this package divided by its total for a tenth of the items, at most `limit`.
   * - `rate`: the figure of this package, at least `limit`.
   */
  readonly kind: "ratio" | "growth" | "rate";
  /** For `growth`: the work with a tenth of the items. */
  readonly from?: string;
  readonly limit: number;
  /** The state to which the target applies. Default: both states. */
  readonly state?: State;
  /** The probable reason why the target is missed. The page shows it beside the profile. */
  readonly reason?: string;
}

interface TargetRow {
  readonly row: string;
  readonly checks: readonly Check[] | "hello" | "bundle";
}

type More = Pick<Check, "label" | "state" | "reason">;
const ratio = (work: string, metric: Metric, limit: number, more: More = {}): Check => {
  return { kind: "ratio", work, metric, limit, ...more };
};
const growth = (from: string, work: string, label: string): Check => {
  return { kind: "growth", from, work, metric: "cpuMicros", limit: 11, label };
};
/** The number of items per second was set as a target for the warm state. */
const rate = (work: string, limit: number, label: string): Check => {
  return { kind: "rate", work, metric: "itemsPerSecond", limit, label, state: "warm" };
};

const TEN_MS = "1,000 items, 10 ms";
const NESTED = "NESTED map of 10,000";
const BATCHED = "batch: 100, 10,000";

export const targets: readonly TargetRow[] = [
  {
    row: "CPU per item, NESTED 10,000",
    checks: [ratio(NESTED, "cpuMicros", 0.23, { state: "warm" })],
  },
  { row: "CPU per item, FLAT 10,000", checks: [ratio("FLAT map of 10,000", "cpuMicros", 0.28)] },
  {
    row: "CPU per item, `batch: 100`",
    checks: [
      ratio(BATCHED, "cpuMicros", 0.27, { label: "10,000" }),
      ratio("batch: 100, 100,000", "cpuMicros", 0.06, { label: "100,000" }),
    ],
  },
  {
    row: "CPU per item, items without a step, 10,000",
    checks: [ratio("items without a step, 10,000", "cpuMicros", 0.27)],
  },
  { row: "map of 10, cold, wall", checks: [ratio("map of 10", "wallMs", 0.9, { state: "cold" })] },
  { row: "map of 100, cold, wall", checks: [ratio("map of 100", "wallMs", 0.7, { state: "cold" })] },
  { row: "map of 1,000, cold, wall", checks: [ratio("map of 1,000", "wallMs", 0.5, { state: "cold" })] },
  {
    row: "step, wait, step x 10,000, one suspension, wall",
    checks: [ratio("step, wait, step x 10,000", "wallMs", 0.12)],
  },
  { row: "each of 10,000 fails once, wall", checks: [ratio("each of 10,000 fails once", "wallMs", 0.25)] },
  {
    row: "replay of a finished FLAT map of 10,000, wall",
    checks: [ratio("replay of FLAT 10,000", "wallMs", 0.05)],
  },
  {
    row: "1,000 items, 10 ms a checkpoint, wall",
    checks: [
      ratio(TEN_MS, "wallMs", 0.95, { label: "unbounded" }),
      ratio(`${TEN_MS}, batch: 100`, "wallMs", 0.2, { label: "`batch: 100`" }),
    ],
  },
  {
    row: "1,000 items, 10 at once, 10 ms, `batch: 100`, wall",
    checks: [ratio("1,000 items, 10 at once, 10 ms, batch: 100", "wallMs", 0.15)],
  },
  { row: "bytes, 10,000 x 100 rows", checks: [ratio("10,000 x 100 rows", "bytes", 0.25)] },
  {
    row: "updates and requests, map of 10,000",
    checks: [
      ratio(NESTED, "updates", 1, { label: "updates, defaults" }),
      ratio(NESTED, "requests", 1, { label: "requests, defaults" }),
      ratio(BATCHED, "updates", 0.02, { label: "updates, `batch: 100`" }),
    ],
  },
  { row: "peak memory, map of 10,000", checks: [ratio(NESTED, "peakMegabytes", 0.3)] },
  { row: "20,000 sequential steps, wall", checks: [ratio("20,000 steps in a row", "wallMs", 0.02)] },
  {
    row: "growth of CPU, 10x items",
    checks: [
      growth("map of 1,000", NESTED, "NESTED, to 10,000"),
      growth(BATCHED, "batch: 100, 100,000", "`batch: 100`, to 100,000"),
      growth("batch: 100, 100,000", "batch: 100, 1,000,000", "`batch: 100`, to 1,000,000"),
    ],
  },
  { row: "first invocation of hello at 128 MB, no client at the top of the handler", checks: "hello" },
  { row: "bundle with external AWS SDK, gzip", checks: "bundle" },
  {
    row: "embedded engine, synced checkpoints",
    checks: [
      rate("engine, 10,000 items", 34_000, "an operation an item"),
      rate("engine, 100,000 items, batch: 100", 113_000, "`batch: 100`"),
    ],
  },
];

/** A row of the first table of the page. */
export interface Verdict {
  readonly title: string;
  /** The measured figure in the cold state, as text. */
  readonly cold: string;
  readonly warm: string;
  readonly target: string;
  readonly outcome: "met" | "missed" | "not measured";
  /** The states in which the target was missed. */
  readonly missed: readonly State[];
  readonly work?: string;
  readonly reason?: string;
}

const NOTHING = "–";
const UNITS: Readonly<Partial<Record<Metric, string>>> = {
  wallMs: " ms",
  cpuMicros: " us",
  peakMegabytes: " MB",
  itemsPerSecond: " items/s",
};

export function judge(results: Results, lambda?: LambdaResults): Verdict[] {
  return targets.flatMap(({ row, checks }) => {
    if (checks === "hello") return [judgeHello(row, lambda)];
    if (checks === "bundle") return [judgeBundle(row, lambda)];
    return checks.map((check) =>
      judgeCheck(check.label === undefined ? row : `${row}: ${check.label}`, check, results),
    );
  });
}

interface Figure {
  readonly shown: string;
  readonly measured: number;
}

function judgeCheck(title: string, check: Check, results: Results): Verdict {
  const { kind, limit, state, work, reason } = check;
  const [cold, warm] = STATES.map((one) => figureOf(check, one, results));
  const figures = { cold, warm };
  const judged = state === undefined ? STATES : [state];
  const isMet = ({ measured }: Figure) => (kind === "rate" ? measured >= limit : measured <= limit);
  const missed = judged.filter((one) => {
    const figure = figures[one];
    return figure !== undefined && !isMet(figure);
  });
  const isMeasured = judged.every((one) => figures[one] !== undefined);
  const bound = kind === "rate" ? `>= ${significant(limit)}` : `<= ${limit}${kind === "growth" ? "x" : ""}`;
  return {
    title,
    cold: cold?.shown ?? NOTHING,
    warm: warm?.shown ?? NOTHING,
    target: state === undefined ? bound : `${bound} ${state}`,
    outcome: isMeasured ? (missed.length === 0 ? "met" : "missed") : "not measured",
    ...{ missed, work, ...(reason === undefined ? {} : { reason }) },
  };
}

function figureOf({ kind, work, from = "", metric }: Check, state: State, { works }: Results): Figure | undefined {
  const of = (name: string, subject: Subject): number | undefined => {
    const values = (works[name]?.[state][subject] ?? []).flatMap((sample) => sample[metric] ?? []);
    return values.length === 0 ? undefined : median(values);
  };
  const [official, ours] = [of(work, "official"), of(work, "ours")];
  if (ours === undefined) return undefined;
  if (kind === "rate") return { shown: `${significant(ours)}${UNITS[metric]}`, measured: ours };
  if (kind === "growth") {
    const grown = (subject: Subject, many: number | undefined) => {
      const few = of(from, subject);
      // The metric is for one item, so the total of the larger work has the factor ten.
      return many === undefined || few === undefined ? undefined : (10 * many) / few;
    };
    const [before, now] = [grown("official", official), grown("ours", ours)];
    if (now === undefined) return undefined;
    return {
      shown: `${before === undefined ? NOTHING : `${significant(before)}x`} / ${significant(now)}x`,
      measured: now,
    };
  }
  if (official === undefined) return undefined;
  return metric === "bytes"
    ? compare(official / 1_000, ours / 1_000, " kB")
    : compare(official, ours, UNITS[metric] ?? "");
}

function compare(official: number, ours: number, unit: string): Figure {
  const measured = ours / official;
  const share = measured.toFixed(measured < 0.1 ? 3 : 2);
  return { shown: `${significant(official)} / ${significant(ours)}${unit} (${share})`, measured };
}

/** The verdict for a row of `bench:lambda`. These rows have only a cold state. */
function judgeLambda(title: string, target: string, limit: number, figure: Figure | undefined): Verdict {
  const isMet = figure !== undefined && figure.measured <= limit;
  const outcome = figure === undefined ? "not measured" : isMet ? "met" : "missed";
  return {
    title,
    cold: figure?.shown ?? NOTHING,
    warm: "",
    target,
    outcome,
    missed: outcome === "missed" ? ["cold"] : [],
  };
}

function judgeHello(title: string, lambda: LambdaResults | undefined): Verdict {
  const of = (subject: Subject): number | undefined => {
    const found = lambda?.isLimited
      ? lambda.rows.find((row) => row.memoryMb === 128 && row.work === "hello" && row.subject === subject)
      : undefined;
    return found && median(found.samples.map(({ firstEvent }) => firstEvent));
  };
  const [official, ours] = [of("official"), of("ours")];
  const figure = official === undefined || ours === undefined ? undefined : compare(official, ours, " ms");
  return judgeLambda(title, "<= 0.5", 0.5, figure);
}

function judgeBundle(title: string, lambda: LambdaResults | undefined): Verdict {
  const of = (subject: Subject) =>
    lambda?.sizes.find((size) => size.subject === `${subject}, AWS client external`)?.gzipped;
  const [official = Number.NaN, ours] = [of("official"), of("ours")];
  const figure =
    ours === undefined ? undefined : { shown: `${significant(official)} / ${significant(ours)} kB`, measured: ours };
  return judgeLambda(title, "<= 40 kB", 40, figure);
}
