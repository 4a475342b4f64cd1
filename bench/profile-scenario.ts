/** Prints where ours spends its processor time in one scenario: `node bench/profile-scenario.ts "<scenario>" [items]`. */
import { profile } from "./profile.ts";
import { scenarios } from "./scenarios.ts";

const [name = "", items] = process.argv.slice(2);
const scenario = scenarios.find((one) => one.name === name);
if (scenario === undefined) {
  console.error(`There is no scenario "${name}"; there are:\n${scenarios.map((one) => `  ${one.name}`).join("\n")}`);
  process.exitCode = 2;
} else {
  for (const row of await profile(name, Number(items ?? scenario.items), 300_000)) {
    console.log(`${row.percent.toFixed(1).padStart(5)} %  ${row.name.padEnd(30)} ${row.at}`);
  }
}
