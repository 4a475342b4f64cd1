/**
 * Measures cold starts, bundle sizes and wall time under the limits of Lambda, for this package and the official SDK:
 * `npm run bench:lambda -- [--runs 9] [--memory 128,512,1769] [--format esm] [--work hello] [--client <program of a
 * runtime client>] [--json]`. bench/README.md says what is measured. `isWhole` says when the results are written to
 * bench/results/lambda.json, which `npm run bench:docs` reads.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { LambdaService } from "../test/lambda/lambda-service.ts";
import { BundlingProject, type Format } from "../test/lambda/project.ts";
import { lambdaTables } from "./docs.ts";
import { Limits } from "./lambda/limits.ts";
import { LAMBDA_RESULTS, type LambdaResults, type LambdaRow, type LambdaSample, writeResults } from "./results.ts";

const SIZES = "128,512,1769";
const CLIENT = join(import.meta.dirname, "../test/lambda/bootstrap.mjs");
const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "9" },
    memory: { type: "string", default: SIZES },
    format: { type: "string", default: "esm" },
    work: { type: "string", default: "" },
    client: { type: "string", default: CLIENT },
    json: { type: "boolean", default: false },
  },
});
const runs = Number(values.runs);
const format = values.format as Format;
/** Only results with the default memory, work, format and client are written, so that they can be compared. */
const isWhole = values.memory === SIZES && values.work === "" && format === "esm" && values.client === CLIENT;
const OFFICIAL = "@aws/durable-execution-sdk-js";

/** The AWS client in an ES module needs `require`. `ours` loads the client in another way and needs no banner. */
const REQUIRE = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";
const banner = { js: format === "esm" ? REQUIRE : "" };

const SUBJECTS = {
  official: { entry: "bench/handler.ts", alias: { "durable-fanout": OFFICIAL }, banner },
  ours: { entry: "bench/handler.ts" },
  "ours, client at the top": { entry: "bench/handler-with-client.ts", banner },
} as const;
type Subject = keyof typeof SUBJECTS;

interface Work {
  readonly name: string;
  readonly handler: "hello" | "map" | "batch";
  readonly count: number;
  /** The least memory, in megabytes, for this work. With less memory it would take too long. */
  readonly fromMb: number;
}

const WORKS: readonly Work[] = [
  { name: "hello", handler: "hello", count: 0, fromMb: 0 },
  { name: "map of 10", handler: "map", count: 10, fromMb: 0 },
  { name: "map of 1,000", handler: "map", count: 1_000, fromMb: 512 },
  { name: "map of 1,000, batch of 100", handler: "batch", count: 1_000, fromMb: 512 },
];

/** The service answers after so many milliseconds, about as long as AWS needs within a Region. */
const LATENCY_MS = 10;

const project = new BundlingProject();
const folders = {} as Record<Subject, string>;
const sizes: { subject: string; kilobytes: number; gzipped: number }[] = [];

async function bundleAll(): Promise<void> {
  project.copy(join(import.meta.dirname, "lambda"), "bench");
  for (const [name, { entry, ...options }] of Object.entries(SUBJECTS)) {
    folders[name as Subject] = await project.bundle({ format, entry, outbase: "bench", hasPlugin: false, ...options });
    measureSize(`${name}, with the AWS client`, folders[name as Subject]);
    if (entry !== "bench/handler.ts") continue;
    const external = ["@aws-sdk/*"];
    measureSize(
      `${name}, AWS client external`,
      await project.bundle({ format, entry, hasPlugin: false, external, ...options }),
    );
  }
}

function measureSize(subject: string, folder: string): void {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
  const contents = files.map(({ parentPath, name }) => readFileSync(join(parentPath, name)));
  const total = (of: readonly Buffer[]) => of.reduce((sum, { length }) => sum + length, 0) / 1_000;
  sizes.push({ subject, kilobytes: total(contents), gzipped: total(contents.map((file) => gzipSync(file))) });
}

async function sample(
  subject: Subject,
  { handler, count }: Work,
  memoryMb: number,
  limits?: Limits,
): Promise<LambdaSample> {
  const lambda = await new LambdaService({ node: process.execPath, program: values.client }).start();
  lambda.api.latencyMs = LATENCY_MS;
  let init = 0;
  lambda.beforeInvoke = async (environment) => {
    init ||= await environment.initialisedMs;
    // Lambda gives a whole processor to the start of a process. So the limits begin after the start.
    limits?.add(environment.pid);
  };
  try {
    const file = subject === "ours, client at the top" ? "handler-with-client" : "handler";
    lambda.deploy({ name: "f", folder: folders[subject], handler: `${file}.${handler}`, memoryMb, timeoutMs: 60_000 });
    for (let invocation = 0; invocation < 2; invocation++) {
      const { status, result, error } = await lambda.run("f", { count });
      if (status !== "SUCCEEDED" || (handler !== "hello" && Number(result) !== count)) {
        throw new Error(`${subject}: ${status} ${result} ${JSON.stringify(error)}\n${lambda.output}`);
      }
    }
    const [first, second] = lambda.invocations;
    return { init, firstEvent: first?.ms ?? Number.NaN, secondEvent: second?.ms ?? Number.NaN };
  } finally {
    await lambda.close();
  }
}

let isLimited = true;

/** Returns undefined and prints a message if this machine allows no control groups. */
function tryTo(make: () => Limits): Limits | undefined {
  try {
    return make();
  } catch (error) {
    isLimited = false;
    console.error(`No limits on this machine, so all sizes are alike: ${(error as Error).message}`);
    return undefined;
  }
}

async function measure(): Promise<LambdaRow[]> {
  const rows: LambdaRow[] = [];
  for (const memoryMb of values.memory.split(",").map(Number)) {
    const limits = tryTo(() => Limits.of(memoryMb));
    for (const work of WORKS.filter(({ name, fromMb }) => memoryMb >= fromMb && name.includes(values.work))) {
      console.error(`${memoryMb} MB: ${work.name}`);
      const subjects = Object.keys(SUBJECTS) as Subject[];
      const samples = Object.fromEntries(subjects.map((subject) => [subject, [] as LambdaSample[]]));
      for (let run = 0; run < runs; run++) {
        for (const subject of run % 2 === 0 ? subjects : subjects.toReversed()) {
          samples[subject]?.push(await sample(subject, work, memoryMb, limits));
        }
      }
      rows.push(
        ...subjects.map((subject) => ({ memoryMb, work: work.name, subject, samples: samples[subject] ?? [] })),
      );
    }
    // The kernel removes a killed process a moment later. Before that, its group cannot be removed.
    await new Promise((resolve) => setTimeout(resolve, 500));
    limits?.remove();
  }
  return rows;
}

const precedence = tryTo(() => Limits.precedence());
try {
  await bundleAll();
  precedence?.add(process.pid);
  const rows = await measure();
  const results: LambdaResults = {
    date: new Date().toISOString(),
    ...{ node: process.versions.node, isLimited, sizes, rows },
  };
  if (isWhole) writeResults(LAMBDA_RESULTS, results);
  console.log(values.json ? JSON.stringify(results, null, 2) : lambdaTables(results));
} finally {
  project.close();
  precedence?.remove();
}
