/**
 * Measures this package beside the official SDK: `npm run bench -- [--filter text] [--runs n] [--json]`.
 * See bench/README.md for what the numbers mean.
 */
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { measureCodecs } from "./codec.ts";
import { type Measurement, measure, type SubjectName } from "./harness.ts";
import { codecTable, growthTable, scenarioTable } from "./report.ts";
import { scenarios } from "./scenarios.ts";

const { values } = parseArgs({
  options: {
    filter: { type: "string", default: "" },
    runs: { type: "string", default: "5" },
    json: { type: "boolean", default: false },
  },
});
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1) {
  console.error(`--runs is "${values.runs}"; it takes a whole number from 1.`);
  process.exit(2);
}

const machine = `${cpus().length} x ${cpus()[0]?.model ?? "unknown"}, Node ${process.version}`;
const results: Record<string, Record<SubjectName, Measurement>> = {};
for (const scenario of scenarios.filter(({ name }) => name.includes(values.filter))) {
  if (!values.json) console.error(`measuring: ${scenario.name}`);
  results[scenario.name] = await measure(scenario, runs);
}
const codecs = "codec".includes(values.filter) ? await measureCodecs() : [];

if (values.json) {
  console.log(JSON.stringify({ machine, runs, results, codecs }, null, 2));
} else {
  console.log(`\n${machine}; medians of ${runs} interleaved runs, official SDK 2.4.0 / durable-fanout (ratio)\n`);
  if (Object.keys(results).length > 0) console.log(`${scenarioTable(results)}\n`);
  const growth = growthTable(results);
  if (growth !== "") console.log(`${growth}\n`);
  if (codecs.length > 0) console.log(codecTable(codecs));
}
