// Compares worker threads with the main thread: node --expose-gc bench/workers.ts [--runs n] [--filter text]
import { execFileSync } from "node:child_process";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { markdownTable, median } from "./table.ts";
import type { Case, Figures } from "./workers-case.ts";
import { spin } from "./workers-tasks.ts";

interface WorkerRow {
  readonly scenario: string;
  readonly metric: string;
  readonly unit: string;
  readonly official?: number;
  readonly ours: number;
}

interface Scenario {
  readonly name: string;
  readonly cases: Readonly<Record<string, Case>>;
  rows(this: { readonly name: string }, figures: Readonly<Record<string, Figures>>): WorkerRow[];
}

const CASE = join(import.meta.dirname, "workers-case.ts");

/** How many rounds of `spin` this machine computes in a millisecond. So a task takes equally long on every machine. */
function calibrate(): number {
  const ROUNDS = 5_000;
  const times = Array.from({ length: 15 }, () => {
    const startMs = performance.now();
    spin(ROUNDS);
    return performance.now() - startMs;
  });
  return Math.round(ROUNDS / median(times.slice(5)));
}

function run(given: Case): Figures {
  const printed = execFileSync(process.execPath, ["--expose-gc", CASE, JSON.stringify(given)], { encoding: "utf8" });
  return JSON.parse(printed.trim().split("\n").at(-1) as string) as Figures;
}

function mapScenario(items: number, ms: number, roundsPerMs: number): Scenario {
  const work = { items, rounds: ms * roundsPerMs };
  const base = { what: "map", ...work, threads: 2, batch: 0, figures: "times" } as const;
  const variants: Readonly<Record<string, Extract<Case, { what: "map" }>>> = {
    official: { ...base, on: "official" },
    "main thread": { ...base, on: "inline" },
    "1 thread": { ...base, on: "threads", threads: 1 },
    "2 threads": { ...base, on: "threads" },
    "2 threads, batch": { ...base, on: "threads", batch: 50 },
  };
  const delayed = Object.entries(variants).map(([name, given]): [string, Case] => {
    return [`${name}, delay`, { ...given, figures: "delay" }];
  });
  return {
    name: `map of ${items.toLocaleString("en")} steps of ${ms} ms`,
    cases: {
      ...variants,
      ...Object.fromEntries(delayed),
      "no SDK, main thread": { what: "bare", threads: 0, ...work },
      "no SDK, 2 threads": { what: "bare", threads: 2, ...work },
    },
    rows(measured) {
      const of = (variant: string): Figures => ({ ...measured[variant], ...measured[`${variant}, delay`] });
      const official = of("official");
      const bare = ["main thread", "2 threads"].flatMap((where): WorkerRow[] => {
        const figures = of(`no SDK, ${where}`);
        const row = (metric: string, key: string): WorkerRow => ({
          ...{ scenario: `${this.name}, without an SDK, ${where}`, metric, unit: "ms" },
          ...{ official: official[key] ?? 0, ours: figures[key] ?? 0 },
        });
        return [row("wall", "wallMs"), row("processor time of the process", "cpuMs")];
      });
      const [, ...ours] = Object.keys(variants);
      const rows = ours.flatMap((variant) => {
        const figures = of(variant);
        const compared = (metric: string, unit: string, key: string): WorkerRow => ({
          ...{ scenario: `${this.name}, ${variant}`, metric, unit },
          ...{ official: official[key] ?? 0, ours: figures[key] ?? 0 },
        });
        return [
          compared("wall", "ms", "wallMs"),
          // The figure comes from processor time, because other programs of the machine change the wall time.
          compared("wall on two free cores, at best", "ms", "twoCoresMs"),
          compared("processor time of the process", "ms", "cpuMs"),
          compared("processor time of the main thread", "ms", "mainMs"),
          compared("main-thread delay, p99", "ms", "delayP99Ms"),
          compared("main-thread delay, longest", "ms", "delayMaxMs"),
        ];
      });
      return [...rows, ...bare];
    },
  };
}

/** Scenarios for the time of a call to a thread and back, and for the length from which a task is faster on threads. */
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
  const lengths = [25, 50, 100, 200, 400, 800];
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
      // The default `key` comes from processor time, because other programs of the machine change the wall time.
      const of = (variant: string, micros: number, key = "twoCoresMicros"): number =>
        figures[`${variant} ${micros}`]?.[key] ?? 0;
      const rows = lengths.flatMap((micros) => {
        const row = (metric: string, ours: number): WorkerRow => ({
          ...{ scenario: `${this.name}, tasks of about ${micros} us`, metric, unit: "us", ours },
        });
        return [
          row("a task on the main thread", of("inline", micros)),
          row("a task on 2 threads and 2 free cores, at best", of("threads", micros)),
          row("the same, wall", of("threads", micros, "wallMicros")),
        ];
      });
      const pays = (micros: number): boolean => of("threads", micros) <= of("inline", micros);
      const from = lengths.findIndex((_, at) => lengths.slice(at).every(pays));
      const metric = from < 0 ? "does not pay up to tasks of" : "pays from tasks of";
      return [...rows, { scenario: this.name, metric, unit: "us", ours: of("inline", lengths.at(from) as number) }];
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
  const figure = (scenario: string, metric: string, unit: string, ours: number | undefined): WorkerRow => ({
    ...{ scenario, metric, unit, ours: ours ?? 0 },
  });
  return [
    {
      name: "memory of threads",
      cases: {
        0: { what: "memory", threads: 0 },
        1: { what: "memory", threads: 1 },
        5: { what: "memory", threads: 5 },
      },
      rows(figures) {
        const { 0: none, 1: one, 5: five } = figures;
        const of = (given: Figures | undefined): number => given?.["rssMB"] ?? 0;
        return [
          figure(this.name, "the pool with its first thread", "MB", of(one) - of(none)),
          figure(this.name, "each further thread", "MB", (of(five) - of(one)) / 4),
        ];
      },
    },
    ...[1, 10, 50].map(
      (megabytes): Scenario => ({
        name: `buffer of ${megabytes} MB there and back`,
        cases: {
          copied: { what: "buffer", megabytes, moved: false },
          moved: { what: "buffer", megabytes, moved: true },
        },
        rows({ copied, moved }) {
          return [
            figure(this.name, "copied", "ms", copied?.["wallMs"]),
            figure(this.name, "moved with transfer()", "ms", moved?.["wallMs"]),
          ];
        },
      }),
    ),
  ];
}

/** Measures the variants in turn for several rounds, each in a new process. Returns medians. */
function measure({ cases, rows, name }: Scenario, runs: number): WorkerRow[] {
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
const rows: WorkerRow[] = [];
for (const scenario of scenarios) {
  process.stderr.write(`measuring: ${scenario.name}\n`);
  rows.push(...measure(scenario, Number(values.runs)));
}
const machine = `${availableParallelism()} x ${cpus()[0]?.model.trim()}, Node ${process.version}`;
console.log(`${machine}; medians of ${values.runs} interleaved runs, each in a process of its own\n`);
const round = (value: number, unit: string): string =>
  `${value.toFixed(value >= 100 ? 0 : value >= 1 ? 1 : 2)} ${unit}`;
const lines = rows.map(({ scenario, metric, unit, official, ours }) => {
  const compared = official === undefined ? ["", ""] : [round(official, unit), (ours / official).toFixed(2)];
  return [scenario, metric, compared[0] ?? "", round(ours, unit), compared[1] ?? ""];
});
console.log(markdownTable(["scenario", "figure", "official SDK", "ours", "ratio"], lines));
