import { createInterface } from "node:readline/promises";
import pc from "picocolors";
import { DurableError } from "../../core/errors.ts";
import { MAX_OPERATIONS } from "../../core/limits.ts";
import { counted, formatCount } from "../../core/quantity.ts";
import { closeWorkers } from "../../core/worker-pools.ts";
import { readEvent } from "../event.ts";
import { ExitCode } from "../exit-code.ts";
import type { Output } from "../output.ts";
import { formatDuration } from "../quantity.ts";
import { type FunctionOption, loadFunctions } from "../run/function-option.ts";
import { loadHandlerModule, wrappedHandler } from "../run/handler-module.ts";
import { InterruptionWatch } from "../run/interruption.ts";
import { liftQuotas, quietStandardOutput } from "../run/surroundings.ts";
import { measuredFigures, PlanModel, type Variant } from "./plan-model.ts";
import { type FanOutSummary, faultOf, type PlanReport, printPlan, summariseFanOuts } from "./plan-report.ts";
import { type FanOutNode, fanOutsIn, readPlanTree } from "./plan-tree.ts";
import { nameOverrides, type Overrides, readTries, type Tried, trySetting } from "./plan-try.ts";
import { failWith, runTrial, type Trial, TrialInterrupted } from "./trial.ts";

export interface PlanOptions {
  event: string;
  export?: string;
  function?: FunctionOption[];
  plainFunction?: FunctionOption[];
  /** Milliseconds. */
  latency: number;
  /** Infinity for all. */
  sample: number;
  /** As in `100000` or `orders=100000`. */
  items?: string[];
  /** As in `batch=50,200`. */
  try?: string[];
  yes?: true;
}

export interface TuneOptions extends PlanOptions {
  vary?: string[];
  svg?: string;
}

const BATCHES = [10, 100, 1_000];
const LARGEST_BATCH = 10_000;
/** Of the quota, for a batch that is made to fit. */
const COMFORTABLE_OPERATIONS = MAX_OPERATIONS * 0.8;
const USUAL_TRIES = [`batch=${BATCHES.join(",")}`];

export function planCommand(output: Output, handlerFile: string, options: PlanOptions): Promise<ExitCode> {
  return plan(output, handlerFile, options, readTries(options.try ?? [], "--try"));
}

/** What `plan --try` was before, kept for those who call it so. */
export async function tuneCommand(output: Output, handlerFile: string, options: TuneOptions): Promise<ExitCode> {
  if (options.svg !== undefined) {
    const message =
      "--svg is gone: plan --try prints a table, and with --json all figures, from which a chart can be made.";
    throw new DurableError("ERR_USAGE", `${message} Nothing was run.`);
  }
  const texts = [...(options.vary ?? []), ...(options.try ?? [])];
  const tries = texts.length > 0 ? texts : USUAL_TRIES;
  output.say(`tune is plan ${tries.map((text) => `--try ${text}`).join(" ")}, and goes with the next version.`);
  return plan(output, handlerFile, options, readTries(tries, options.vary === undefined ? "--try" : "--vary"));
}

async function plan(
  output: Output,
  handlerFile: string,
  options: PlanOptions,
  tries: readonly Overrides[],
): Promise<ExitCode> {
  quietStandardOutput();
  liftQuotas();
  const items = readItems(options.items ?? []);
  const input = await readEvent(options.event);
  const { latency: latencyMs, sample: sampleItems } = options;
  const given = [...(options.function ?? []), ...(options.plainFunction ?? [])];
  const module = await loadHandlerModule(handlerFile, options.export);
  const functions = await loadFunctions(given);
  const runs = tries[0]?.size ? tries : [];
  await confirmSideEffects(output, warningOf(options, runs), options.yes === true);
  try {
    const handler = wrappedHandler(module);
    const trial = await runTrial({ module: { ...module, handler }, input, latencyMs, sampleItems, functions });
    await closeWorkers();
    const { functionName } = module;
    const report = planFrom(trial, { functionName, latencyMs, items });
    const args = ["plan", handlerFile, "--json", "--yes", "--event", "-", ...passedOn(options)];
    printPlan(output, runs.length === 0 ? report : await withTries(output, report, runs, args, input));
    return report.execution === undefined || report.execution.status === "SUCCEEDED"
      ? ExitCode.OK
      : ExitCode.EXECUTION_FAILED;
  } catch (error) {
    if (error instanceof TrialInterrupted) return error.interruption.exitCode;
    throw error;
  } finally {
    await closeWorkers();
  }
}

/** Says what is about to run, as exactly as it can be known before. */
function warningOf(options: PlanOptions, runs: readonly Overrides[]): string {
  const { sample, function: durable = [], plainFunction: plain = [] } = options;
  const isAll = !Number.isFinite(sample);
  const scope = isAll ? "the whole input" : `the first ${counted(sample, "item")} of each map`;
  const invoked = durable.length + plain.length > 0 ? " The functions that it invokes run whole." : "";
  if (runs.length === 0) {
    return `This really runs the handler for ${scope}, once: whatever its steps do to other systems is done.${invoked}`;
  }
  // A batch is run whole: its size is what the setting says, if it says one.
  const sizes = runs.map((overrides) => Number(overrides.get("batch")) || 1);
  const bodies = sizes.reduce((sum, size) => sum + Math.ceil(sample / size) * size, sample);
  const total = isAll ? "" : ` With ${formatCount(bodies)} items of each map in all,`;
  const names = ["as is", ...runs.map(nameOverrides)].join("; ");
  const times = `${formatCount(runs.length + 1)} times (${names})`;
  return `This really runs the handler for ${scope}, ${times}.${total} whatever its steps do to other systems is done.${invoked}`;
}

/** Asks on a terminal; elsewhere only `--yes` will do. */
async function confirmSideEffects(output: Output, warning: string, isConfirmed: boolean): Promise<void> {
  output.say(warning);
  if (isConfirmed) return;
  const refusal = new DurableError("ERR_USAGE", "Nothing was run. Say --yes to run it.");
  if (!process.stdin.isTTY || !process.stderr.isTTY) throw refusal;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question("Run it? [y/N] ").finally(() => terminal.close());
  if (!/^y(es)?$/i.test(answer.trim())) throw refusal;
}

function passedOn(options: PlanOptions): string[] {
  const {
    latency,
    sample,
    export: exportName,
    items = [],
    function: durable = [],
    plainFunction: plain = [],
  } = options;
  const asText = ({ name, file, exportName: inner }: FunctionOption): string =>
    `${name}=${file}${inner === undefined ? "" : `#${inner}`}`;
  return [
    ...["--latency", `${latency}ms`, "--sample", Number.isFinite(sample) ? String(sample) : "all"],
    ...(exportName === undefined ? [] : ["--export", exportName]),
    ...items.flatMap((text) => ["--items", text]),
    ...durable.flatMap((option) => ["--function", asText(option)]),
    ...plain.flatMap((option) => ["--plain-function", asText(option)]),
  ];
}

/** Runs the sample with each of the settings, and puts what they gave in the place of what was computed. */
async function withTries(
  output: Output,
  report: PlanReport,
  runs: readonly Overrides[],
  args: readonly string[],
  input: string,
): Promise<PlanReport> {
  const [asIs, ...computed] = report.settings;
  if (report.fault !== undefined) {
    const notes = ["The settings were not tried, since the sample failed without them.", ...report.notes];
    return { ...report, settings: [asIs, ...computed].slice(0, 1) as PlanReport["settings"], notes };
  }
  const interruption = new InterruptionWatch();
  const abort = new AbortController();
  const tried: Tried[] = [];
  try {
    for (const overrides of runs) {
      const running = trySetting(overrides, { args, input, asIs: report, signal: abort.signal });
      // It also ends by an interruption, and nobody looks then.
      running.catch(() => {});
      const ended = await Promise.race([running, interruption.interrupted]);
      if (!("setting" in ended)) return failWith(ended);
      tried.push(ended);
      const { name, fault, wallMs = 0 } = ended.setting;
      output.say(pc.dim(`${tried.length + 1} of ${runs.length + 1}  ${name}: ${fault ?? formatDuration(wallMs)}`));
    }
  } finally {
    abort.abort();
    interruption.stop();
  }
  const settings = [...report.settings.slice(0, 1), ...tried.map(({ setting }) => setting)];
  return { ...report, settings, notes: [...fixedBatches(report.maps, runs, tried), ...report.notes] };
}

/** Names the maps whose batches no setting has changed. */
function fixedBatches(maps: readonly FanOutSummary[], runs: readonly Overrides[], tried: readonly Tried[]): string[] {
  if (!runs.some((overrides) => overrides.has("batch"))) return [];
  const isSame = ({ name, form, batchItems }: FanOutSummary, other: Tried): boolean => {
    const map = other.maps.find((one) => one.name === name);
    return map === undefined || (map.form === form && map.batchItems === batchItems);
  };
  const fixed = maps.filter((map) => map.kind === "map" && map.canShare && tried.every((other) => isSame(map, other)));
  if (fixed.length === 0) return [];
  const names = fixed.map(({ name }) => `"${name}"`).join(", ");
  return [
    `Batches were the same in all runs of ${names}: what a call says itself wins. \`plan\` without --try computes other sizes.`,
  ];
}

/** How many items maps are computed for: all that no other map is around, and those of a name. */
export interface WantedItems {
  readonly outermost?: number;
  readonly byName: ReadonlyMap<string, number>;
}

/** @throws DurableError `ERR_USAGE` */
export function readItems(texts: readonly string[]): WantedItems {
  const byName = new Map<string, number>();
  let outermost: number | undefined;
  for (const text of texts) {
    const [, name, digits] = /^(?:(.+)=)?(\d+)$/s.exec(text) ?? [];
    const count = Number(digits);
    if (!Number.isSafeInteger(count) || count < 1) {
      const message = `--items ${text}: Give a whole number from 1 on, or <map>=<number>.`;
      throw new DurableError("ERR_USAGE", `${message} Nothing was run.`);
    }
    if (name === undefined) outermost = count;
    else byName.set(name, count);
  }
  return { byName, ...(outermost === undefined ? {} : { outermost }) };
}

interface PlanSetup {
  readonly functionName: string;
  readonly latencyMs: number;
  readonly items: WantedItems;
}

/** @throws DurableError `ERR_PLAN_ITEMS_UNKNOWN` */
export function planFrom(trial: Trial, { functionName, latencyMs, items }: PlanSetup): PlanReport {
  const nodes = readPlanTree(
    trial,
    (name, isOutermost, isTotalKnown) =>
      items.byName.get(name) ?? (isOutermost || !isTotalKnown ? items.outermost : undefined),
  );
  const fanOuts = [...fanOutsIn(nodes)];
  for (const fanOut of fanOuts) refuseUnknownTotal(fanOut);
  const isWhole = trial.outcome !== undefined && !fanOuts.some(({ isComputed }) => isComputed);
  const model = new PlanModel(nodes, trial, isWhole);
  const batches = BATCHES.map((size): Variant => ({ way: "batch", items: size }));
  const variants: Variant[] = [{ way: "as is" }, { way: "flat" }, ...batches];
  const predictions = variants.flatMap((variant) => model.predict(variant) ?? []);
  if (predictions.every(({ refusedByAws }) => refusedByAws.length > 0)) {
    const most = Math.max(...fanOuts.map(({ total }) => total));
    const size = Math.min(LARGEST_BATCH, Math.ceil(most / COMFORTABLE_OPERATIONS / 100) * 100);
    predictions.push(...[model.predict({ way: "batch", items: size })].filter((one) => one !== undefined));
  }
  const maps = summariseFanOuts(fanOuts);
  const { status, error } = trial.outcome ?? {};
  const { ErrorType: type = "Error", ErrorMessage: message = "" } = error ?? {};
  const execution = status && { status, ...(status === "SUCCEEDED" ? {} : { error: { type, message } }) };
  const fault = faultOf({ maps, ...(execution && { execution }) });
  return {
    ...{ functionName, latencyMs },
    ...(execution && { execution }),
    ...(fault === undefined ? {} : { fault }),
    sample: measuredFigures(trial),
    maps,
    settings: predictions,
    notes: notesOn(trial, fanOuts, maps, items),
  };
}

function refuseUnknownTotal({ name, isTotalKnown, hasEnded, isComputed }: FanOutNode): void {
  if (isTotalKnown || hasEnded || isComputed) return;
  throw new DurableError(
    "ERR_PLAN_ITEMS_UNKNOWN",
    `Map "${name}" reads its items one after the other, so that nobody knows how many there are. ` +
      "Say how many with --items, or run all of them with --sample all.",
  );
}

/** What the figures leave out, or rest on. */
function notesOn(
  { outcome, operations, counters, skippedMs, waitsFor }: Trial,
  fanOuts: readonly FanOutNode[],
  maps: readonly FanOutSummary[],
  items: WantedItems,
): string[] {
  const notes: string[] = [];
  const quoted = (names: readonly string[]): string => [...new Set(names)].map((name) => `"${name}"`).join(", ");
  const open = fanOuts.filter(({ hasEnded }) => !hasEnded);
  if (outcome !== undefined && outcome.status !== "SUCCEEDED") {
    notes.push("The figures are those up to where the execution ended.");
  } else if (waitsFor.length > 0) {
    const names = quoted(waitsFor);
    notes.push(
      `Nobody completes callbacks in a plan. The sample ended where all waited for ${names}: what follows is left out.`,
    );
  } else if (outcome === undefined) {
    const names = quoted(open.map(({ name }) => name));
    notes.push(`The sample ended in ${names}: what the handler does after that is not in these numbers.`);
  }
  const invokes = operations.filter(({ Type }) => Type === "CHAINED_INVOKE");
  const unknown = invokes.some((one) => one.ChainedInvokeDetails?.Error?.ErrorType === "ResourceNotFoundException");
  if (unknown) {
    notes.push(
      "A function that it invokes is not known: name it with --function or --plain-function <name>=<file>#<export>.",
    );
  } else if (invokes.length > 0) {
    notes.push(
      `${counted(invokes.length, "invoke")} ran other functions in the sample: what these take themselves is left out.`,
    );
  }
  const unseen = open.filter((fanOut) => fanOut.items.length === 0);
  if (unseen.length > 0) {
    const names = unseen.map(({ name, total }) => `"${name}" (${formatCount(total)})`).join(", ");
    notes.push(`No item of ${names} was seen: what they take is not in these numbers.`);
  }
  for (const { name, failed, sampled, error } of maps) {
    if (failed > 0) notes.push(`${failed} of ${counted(sampled, "item")} of "${name}" failed in the sample: ${error}.`);
  }
  const computed = fanOuts.filter(({ isComputed }) => isComputed);
  if (computed.length > 0) {
    const names = quoted(computed.map(({ name }) => name));
    notes.push(`The number of items of ${names} is that of --items; the input is taken as it is.`);
  }
  const strangers = [...items.byName.keys()].filter((name) => !maps.some((map) => map.name === name));
  if (strangers.length > 0) notes.push(`No map is named ${quoted(strangers)}: --items changed nothing for it.`);
  const retries = counters.retries + counters.invocationFailures;
  if (retries > 0) {
    const batches = maps.some(({ canShare }) => canShare)
      ? " What a batch writes for its retries depends on when they fall due: --try batch=… measures it."
      : "";
    notes.push(
      `${formatCount(retries)} ${retries === 1 ? "retry" : "retries"} in the sample; costs have a metered operation for each.${batches}`,
    );
  }
  if (skippedMs > 0) {
    notes.push(
      `Waits and retry delays were skipped, and come on top of times: ${formatDuration(skippedMs)} in what was run.`,
    );
  }
  if (open.length > 0) notes.push("Early ends by a completion policy are not foreseen.");
  notes.push("Cost is that of operations and data written (us-east-1), without Lambda compute and requests.");
  return notes;
}
