import { barChart, lineChart, type Ratio, type Series, targetChart } from "./charts.ts";
import type { Results } from "./results.ts";
import type { Metric, SubjectName } from "./scenario.ts";
import { judge } from "./targets.ts";

interface ChartFile {
  readonly file: string;
  readonly title: string;
  readonly svg: string;
}

const SIZES = ["1", "10", "100", "1,000", "10,000", "50,000"];

/** The charts of the report. One whose scenarios were not run is left out. */
export function chartFiles(results: Results): ChartFile[] {
  const value = (scenario: string, subject: SubjectName, metric: Metric): number | undefined =>
    results.scenarios.find(({ name }) => name === scenario)?.subjects[subject]?.metrics[metric]?.median;

  const bySize = (metric: Metric): Series[] =>
    (["nested", "flat"] as const).flatMap((nesting) =>
      (["official", "ours"] as const).map((subject) => ({
        name: `${subject}, ${nesting}`,
        values: SIZES.map((size) => value(`map, ${size}, ${nesting}`, subject, metric)),
      })),
    );

  const beside = (title: string, unit: string, metric: Metric, names: readonly string[]) =>
    barChart({
      title,
      unit,
      labels: names,
      series: (["official", "ours"] as const).map((subject) => ({
        name: subject,
        values: names.map((name) => value(name, subject, metric)),
      })),
    });

  const ratios = judge(results).flatMap(({ kind, measured, limit, work, label }): Ratio[] =>
    kind === "ratio" && measured !== undefined && typeof limit === "number"
      ? [{ label: label === "" ? work : `${work}: ${label}`, measured, limit }]
      : [],
  );
  const latencies = [0, 10, 30].flatMap((ms) =>
    ["1,000 at once", "1,000, 10 at once", "1,000, batch of 100"].map((name) => `${name}, ${ms} ms a checkpoint`),
  );
  const payloads = results.scenarios.filter(({ name }) => name.startsWith("results of")).map(({ name }) => name);
  const large = ["10,000", "100,000", "1,000,000"];
  const charts: [file: string, title: string, has: boolean, draw: (title: string) => string][] = [
    ["targets.svg", "Ratios and their targets", ratios.length > 0, (title) => targetChart(title, ratios)],
    [
      "cpu-by-size.svg",
      "Processor time of a map, by its items",
      value("map, 10,000, nested", "ours", "cpuMicros") !== undefined,
      (title) => lineChart({ title, unit: "us an item", labels: SIZES, series: bySize("cpuMicros") }),
    ],
    [
      "memory-by-size.svg",
      "Peak memory of a map, by its items",
      value("map, 10,000, nested", "ours", "peakMegabytes") !== undefined,
      (title) => lineChart({ title, unit: "MB over idle", labels: SIZES, series: bySize("peakMegabytes") }),
    ],
    [
      "batches.svg",
      "Peak memory of a batched map, by its items",
      value("map, 100,000, batch of 1,000", "ours", "peakMegabytes") !== undefined,
      (title) =>
        lineChart({
          title,
          unit: "MB over idle",
          labels: large,
          series: ["", ", reduced"].map((kind) => ({
            name: kind === "" ? "all results kept" : "results reduced",
            values: large.map((size) => value(`map, ${size}, batch of 1,000${kind}`, "ours", "peakMegabytes")),
          })),
        }),
    ],
    [
      "latency.svg",
      "Wall time of 1,000 items, by the latency of a checkpoint",
      value("1,000 at once, 10 ms a checkpoint", "ours", "wallMs") !== undefined,
      (title) => beside(title, "ms", "wallMs", latencies),
    ],
    [
      "bytes.svg",
      "Bytes sent, by kind of result",
      payloads.length > 0,
      (title) => beside(title, "bytes", "bytes", payloads),
    ],
  ];
  return charts.flatMap(([file, title, has, draw]) => (has ? [{ file, title, svg: draw(title) }] : []));
}
