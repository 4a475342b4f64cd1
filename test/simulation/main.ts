import { parseArgs } from "node:util";
import type { Case } from "./case.ts";
import { check } from "./check.ts";
import { judgeOf } from "./equivalence.ts";
import { generateCase } from "./generator.ts";
import type { Kind, Violation } from "./invariants.ts";
import { type Capabilities, PROFILES, type ProfileName } from "./profiles.ts";
import { Contents, failure, kindsOf, table } from "./report.ts";
import { shrink } from "./shrinker.ts";
import { Tally } from "./tally.ts";

const USAGE = `npm run simulate -- [options]
  --seeds N           how many (default 1,000)
  --seed S            the first one (default 1)
  --profile NAME      ${Object.keys(PROFILES).join(", ")} (default mixed)
  --capabilities C    old or new (default new): what the generated programs may ask for
  --kinds             goes on after a failure, and shows the first seed of each kind
  --ignore A,B        kinds that do not count
  --only A,B          kinds that count
  --no-shrink         shows failing cases as they are
  --trace             shows every request and event of the first seed, which then is the only one
  --case JSON         runs this case in place of a seed's`;

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1000" },
    seed: { type: "string", default: "1" },
    profile: { type: "string", default: "mixed" },
    capabilities: { type: "string", default: "new" },
    kinds: { type: "boolean", default: false },
    ignore: { type: "string", default: "" },
    only: { type: "string", default: "" },
    "no-shrink": { type: "boolean", default: false },
    trace: { type: "boolean", default: false },
    case: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

const judge = judgeOf(values.profile);

async function main(): Promise<number> {
  const profile = PROFILES[values.profile as ProfileName];
  if (values.help || profile === undefined || !["old", "new"].includes(values.capabilities)) {
    console.log(USAGE);
    return values.help ? 0 : 2;
  }
  const firstSeed = Number(values.seed);
  const caseOf = (seed: number): Case =>
    values.case === undefined
      ? generateCase(seed, profile, values.capabilities as Capabilities)
      : (JSON.parse(values.case) as Case);
  if (values.trace) return traceOne(firstSeed, caseOf(firstSeed));
  const seeds = values.case === undefined ? Number(values.seeds) : 1;
  const ignored = new Set(values.ignore.split(","));
  const only = values.only === "" ? undefined : new Set(values.only.split(","));
  const counts = (violation: Violation): boolean =>
    !ignored.has(violation.kind) && (only === undefined || only.has(violation.kind));
  const tally = new Tally();
  const contents = new Contents();
  const found = new Map<Kind, number[]>();
  const beginMs = performance.now();
  let done = 0;
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    const given = caseOf(seed);
    const checked = await judge(given);
    done++;
    tally.add(checked.tally);
    contents.add(given, checked.tally);
    const violations = checked.violations.filter(counts);
    const kinds = kindsOf(violations);
    const fresh = kinds.filter((kind) => !found.has(kind));
    for (const kind of kinds) found.set(kind, [...(found.get(kind) ?? []), seed]);
    for (const kind of values.kinds ? fresh : fresh.slice(0, 1)) await show(seed, given, violations, kind);
    if (kinds.length > 0 && !values.kinds) break;
  }
  console.log(table(done, tally, contents, performance.now() - beginMs));
  for (const [kind, seeds] of found)
    console.log(`FOUND ${kind}: ${seeds.length} seeds: ${seeds.slice(0, 20).join(" ")}`);
  return found.size === 0 ? 0 : 1;
}

async function show(seed: number, given: Case, violations: readonly Violation[], kind: Kind): Promise<void> {
  if (values["no-shrink"]) return console.log(failure(seed, violations, given));
  const small = await shrink(given, async (candidate) =>
    (await judge(candidate)).violations.some((one) => one.kind === kind),
  );
  const again = (await judge(small)).violations.filter((one) => one.kind === kind);
  console.log(`${failure(seed, again, small)}\n`);
}

async function traceOne(seed: number, given: Case): Promise<number> {
  console.log(JSON.stringify(given));
  const { violations } = await check(given, (line) => console.log(line));
  console.log(violations.length === 0 ? "nothing is wrong" : failure(seed, violations, given));
  return violations.length === 0 ? 0 : 1;
}

process.exitCode = await main();
