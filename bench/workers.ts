// Worker threads beside the main thread: node --expose-gc bench/workers.ts [--runs n] [--filter text] [--json]
import { execFileSync } from "node:child_process";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Case, Figures } from "./workers-case.ts";
import { spin } from "./workers-tasks.ts";

/** One line of the report. `official` is the official SDK 2.4.0, or the main thread where it has no counterpart. */
interface Row {
  readonly scenario: string;
  readonly metric: string;
  readonly unit: string;
  readonly official?: number | undefined;
  readonly ours: number;
  /** What the ratio to the baseline, or the figure if there is none, is to reach. */
  readonly target?: string | undefined;
}

interface Scenario {
  readonly name: string;
  /** The variants of a round, in turn. */
  readonly cases: Readonly<Record<string, Case>>;
  rows(this: { readonly name: string }, figures: Readonly<Record<string, Figures>>): Row[];
}

const CASE = join(import.meta.dirname, "workers-case.ts");

/** Rounds of `spin` in a millisecond here: the same work for everybody, however fast the machine is. */
function calibrate(): number {
  const ROUNDS = 2_000_000;
  const times = Array.from({ length: 15 }, () => {
    const startMs = performance.now();
    spin(ROUNDS);
    return performance.now() - startMs;
  });
  return Math.round(ROUNDS / median(times.slice(5)));
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] as number;
}

function run(given: Case): Figures {
  const printed = execFileSync(process.execPath, ["--expose-gc", CASE, JSON.stringify(given)], { encoding: "utf8" });
  return JSON.parse(printed.trim().split("\n").at(-1) as string) as Figures;
}

function mapScenario(items: number, ms: number, roundsPerMs: number): Scenario {
  const base = { what: "map", items, rounds: ms * roundsPerMs, threads: 2, batch: 0 } as const;
  return {
    name: `map of ${items.toLocaleString("en")} steps of ${ms} ms`,
    cases: {
      official: { ...base, on: "official" },
      "main thread": { ...base, on: "inline" },
      "1 thread": { ...base, on: "threads", threads: 1 },
      "2 threads": { ...base, on: "threads" },
      "2 threads, batch": { ...base, on: "threads", batch: 50 },
    },
    rows(figures) {
      const official = figures["official"] as Figures;
      const blocked: Row[] = [
        {
          scenario: `${this.name}, official SDK`,
          metric: "main-thread delay, p99",
          unit: "ms",
          ours: official["delayP99Ms"] ?? 0,
        },
      ];
      const rows = Object.entries(figures)
        .filter(([variant]) => variant !== "official")
        .flatMap(([variant, figure]): Row[] => {
          const scenario = `${this.name}, ${variant}`;
          const isTwo = variant.startsWith("2");
          const { wallMs = 0, delayP99Ms = 0, delayMaxMs = 0 } = figure;
          return [
            {
              scenario,
              metric: "wall",
              unit: "ms",
              official: official["wallMs"],
              ours: wallMs,
              target: isTwo ? "0.55" : undefined,
            },
            {
              ...{ scenario, metric: "main-thread delay, p99", unit: "ms" },
              ...{ ours: delayP99Ms, target: isTwo ? "20 ms" : undefined },
            },
            {
              scenario,
              metric: "main-thread delay, longest",
              unit: "ms",
              ours: delayMaxMs,
            },
          ];
        });
      return [...blocked, ...rows];
    },
  };
}

/** Round trips, and from how long a task on it pays to take it to a thread. */
function roundTrips(roundsPerMs: number): Scenario[] {
  const calls = (rounds: number, inFlight: number, perMessage: number): Case => ({
    ...{
      what: "calls",
      on: "threads",
      inFlight,
      calls: Math.min(perMessage === 1 ? 4_000 : 20_000, Math.ceil((500 * roundsPerMs) / rounds)),
      rounds,
      perMessage,
    },
  });
  const trip = (name: string, given: Case): Scenario => ({
    name,
    cases: { ours: given },
    rows: ({ ours = {} }) => [
      { scenario: name, metric: "a task", unit: "us", ours: ours["wallMicros"] ?? 0 },
      { scenario: name, metric: "of it on the main thread", unit: "us", ours: ours["mainMicros"] ?? 0 },
    ],
  });
  const lengths = [25, 50, 100, 200, 400];
  const breakEven = (perMessage: number): Scenario => ({
    name: perMessage === 1 ? "break-even, each call alone" : `break-even, ${perMessage} calls a message`,
    cases: Object.fromEntries(
      lengths.flatMap((micros): [string, Case][] => {
        const rounds = Math.round((micros * roundsPerMs) / 1_000);
        const given = calls(rounds, 64, perMessage);
        return [
          [`threads ${micros}`, given],
          [`inline ${micros}`, { ...given, on: "inline" } as Case],
        ];
      }),
    ),
    rows(figures) {
      const ratio = (micros: number): number =>
        (figures[`threads ${micros}`]?.["wallMicros"] ?? 0) / (figures[`inline ${micros}`]?.["wallMicros"] ?? 1);
      const rows = lengths.map(
        (micros): Row => ({
          ...{ scenario: `${this.name}, tasks of ${micros} us`, metric: "wall a task", unit: "us" },
          ...{
            official: figures[`inline ${micros}`]?.["wallMicros"],
            ours: figures[`threads ${micros}`]?.["wallMicros"] ?? 0,
          },
        }),
      );
      const from = lengths.findIndex((_, at) => lengths.slice(at).every((micros) => ratio(micros) <= 1));
      const ours = from < 0 ? Number.POSITIVE_INFINITY : (lengths[from] as number);
      return [...rows, { scenario: this.name, metric: "pays from tasks of", unit: "us", ours }];
    },
  });
  return [
    trip("one call after the other", calls(10, 1, 1)),
    trip("64 calls in flight", calls(10, 64, 1)),
    trip("100 calls a message", calls(10, 4, 100)),
    breakEven(1),
    breakEven(100),
  ];
}

function costs(): Scenario[] {
  const figure = (scenario: string, metric: string, unit: string, ours: number | undefined): Row => ({
    ...{ scenario, metric, unit, ours: ours ?? 0 },
  });
  return [
    {
      name: "memory of threads",
      cases: {
        0: { what: "memory", threads: 0 },
        1: { what: "memory", threads: 1 },
        2: { what: "memory", threads: 2 },
      },
      rows(figures) {
        const { 0: none, 1: one, 2: two } = figures;
        const of = (given: Figures | undefined): number => given?.["rssMB"] ?? 0;
        return [
          figure(this.name, "the pool with its first thread", "MB", of(one) - of(none)),
          figure(this.name, "each further thread", "MB", of(two) - of(one)),
        ];
      },
    },
    {
      name: "10 MB there and back",
      cases: {
        copied: { what: "buffer", megabytes: 10, moved: false },
        moved: { what: "buffer", megabytes: 10, moved: true },
      },
      rows: ({ copied, moved }) => [
        {
          scenario: "10 MB there and back",
          metric: "moved with transfer(), beside copied",
          unit: "ms",
          official: copied?.["wallMs"],
          ours: moved?.["wallMs"] ?? 0,
        },
      ],
    },
  ];
}

/** Each variant in a process of its own, in turn, round after round; medians. */
function measure({ cases, rows, name }: Scenario, runs: number): Row[] {
  const all: Record<string, Figures[]> = {};
  for (let round = 0; round < runs; round++) {
    for (const [variant, given] of Object.entries(cases)) {
      const list = all[variant] ?? [];
      all[variant] = list;
      list.push(run(given));
    }
  }
  const medians = Object.entries(all).map(([variant, list]): [string, Figures] => {
    const metrics = Object.keys(list[0] as Figures);
    return [
      variant,
      Object.fromEntries(metrics.map((metric) => [metric, median(list.map((one) => one[metric] ?? 0))])),
    ];
  });
  return rows.call({ name }, Object.fromEntries(medians));
}

const { values } = parseArgs({
  options: {
    json: { type: "boolean" },
    runs: { type: "string", default: "3" },
    filter: { type: "string", default: "" },
  },
});
const roundsPerMs = calibrate();
const scenarios = [
  mapScenario(1_000, 5, roundsPerMs),
  mapScenario(100, 50, roundsPerMs),
  ...roundTrips(roundsPerMs),
  ...costs(),
].filter(({ name }) => name.includes(values.filter));
const rows: Row[] = [];
for (const scenario of scenarios) {
  process.stderr.write(`measuring: ${scenario.name}\n`);
  rows.push(...measure(scenario, Number(values.runs)));
}
if (values.json) console.log(JSON.stringify(rows));
else {
  const machine = `${availableParallelism()} x ${cpus()[0]?.model.trim()}, Node ${process.version}`;
  console.log(`${machine}; medians of ${values.runs} interleaved runs, each in a process of its own\n`);
  console.log(
    "| scenario | figure | official SDK, or main thread | threads | ratio | target |\n|---|---|---|---|---|---|",
  );
  const round = (value: number | undefined): string =>
    value === undefined ? "" : value >= 100 ? value.toFixed(0) : value.toFixed(1);
  for (const { scenario, metric, unit, official, ours, target = "" } of rows) {
    const ratio = official === undefined ? "" : (ours / official).toFixed(2);
    const before = official === undefined ? "" : `${round(official)} ${unit}`;
    console.log(`| ${scenario} | ${metric} | ${before} | ${round(ours)} ${unit} | ${ratio} | ${target} |`);
  }
}
