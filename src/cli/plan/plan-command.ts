import { createInterface } from "node:readline/promises";
import pc from "picocolors";
import { DurableError } from "../../core/errors.ts";
import { MAX_OPERATIONS } from "../../core/limits.ts";
import { counted, formatCount, formatDuration } from "../../core/quantity.ts";
import { closeWorkers } from "../../core/worker-pools.ts";
import { readEvent } from "../event.ts";
import { ExitCode } from "../exit-code.ts";
import type { Output } from "../output.ts";
import { type FunctionOptions, givenFunctions, loadFunctions } from "../run/function-option.ts";
import { loadHandlerModule, NOT_DURABLE, wrappedHandler } from "../run/handler-module.ts";
import { InterruptionWatch } from "../run/interruption.ts";
import { liftQuotas, quietStandardOutput } from "../run/surroundings.ts";
import { measuredFigures, predictor, type Variant } from "./plan-model.ts";
import { type FanOutSummary, faultOf, type PlanReport, printPlan, summariseFanOuts } from "./plan-report.ts";
import { type FanOutNode, fanOutsIn, readPlanTree } from "./plan-tree.ts";
import { batchItemsOf, nameOverrides, type Overrides, readTries, type Tried, trySetting } from "./plan-try.ts";
import { failWith, runTrial, type Trial, TrialInterrupted } from "./trial.ts";

export interface PlanOptions extends FunctionOptions {
  event: string;
  export?: string;
  /** Milliseconds that each request to the service takes. */
  latency: number;
  /** The greatest number of items of each map and parallel that begin, rounded up to whole batches. Infinity: all. */
  sample: number;
  /** The assumed number of items of outermost maps, and of maps whose number is unknown. Undefined: the real number. */
  items?: number;
  /** For example `batch=50,200`. */
  try?: string[];
  yes?: true;
}

export interface TuneOptions extends PlanOptions {
  vary?: string[];
  svg?: string;
}

const BATCHES = [10, 100, 1_000];
const LARGEST_BATCH = 10_000;
/** If AWS refuses all computed settings, the plan adds a batch size: the largest map then has about so many batches. */
const COMFORTABLE_OPERATIONS = MAX_OPERATIONS * 0.8;
const USUAL_TRIES = [`batch=${BATCHES.join(",")}`];

export function planCommand(output: Output, handlerFile: string, options: PlanOptions): Promise<ExitCode> {
  return plan(output, handlerFile, options, readTries(options.try ?? [], "--try"));
}

/** The former name of `plan --try`, kept for one version. */
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
  const input = await readEvent(options.event);
  const { latency: latencyMs, sample: sampleItems } = options;
  const module = await loadHandlerModule(handlerFile, options.export);
  const functions = await loadFunctions(givenFunctions(options));
  const runs = tries[0]?.size ? tries : [];
  await confirmSideEffects(output, warningOf(options, runs), options.yes === true);
  try {
    const handler = wrappedHandler(module);
    const trial = await runTrial({ module: { ...module, handler }, input, latencyMs, sampleItems, functions });
    await closeWorkers();
    const { functionName } = module;
    const { error } = trial.outcome ?? {};
    if (error?.ErrorType === NOT_DURABLE) throw new DurableError(NOT_DURABLE, error.ErrorMessage ?? "");
    const report = planFrom(trial, { functionName, latencyMs, items: options.items });
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

function warningOf(options: PlanOptions, runs: readonly Overrides[]): string {
  const { sample } = options;
  const isAll = !Number.isFinite(sample);
  const scope = isAll ? "the whole input" : `the first ${counted(sample, "item")} of each map`;
  const names = ["as is", ...runs.map(nameOverrides)].join("; ");
  const times = runs.length === 0 ? "once" : `${formatCount(runs.length + 1)} times (${names})`;
  // A batch always runs whole. So a tried batch size rounds the sample up to whole batches.
  const sizes = runs.map(batchItemsOf);
  const bodies = sizes.reduce((sum, size) => sum + Math.ceil(sample / size) * size, sample);
  const total = isAll || runs.length === 0 ? "" : ` In all that is ${formatCount(bodies)} items of each map.`;
  const whole = givenFunctions(options).length > 0 ? "Batches and the functions that it invokes" : "Batches";
  const rest = isAll ? "" : ` ${whole} run whole.`;
  return `This really runs the handler for ${scope}, ${times}: whatever its steps do to other systems is done.${total}${rest}`;
}

/** @throws DurableError `ERR_USAGE` without a confirmation. Without a terminal, only `--yes` confirms. */
async function confirmSideEffects(output: Output, warning: string, isConfirmed: boolean): Promise<void> {
  output.say(warning);
  if (isConfirmed) return;
  const refusal = new DurableError("ERR_USAGE", "Nothing was run. Say --yes to run it.");
  if (!process.stdin.isTTY || !process.stderr.isTTY) throw refusal;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  // Ctrl-C and Ctrl-D reject the question.
  const answer = await terminal.question("Run it? [y/N] ").catch(() => "no");
  terminal.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw refusal;
}

function passedOn({ latency, sample, items, ...rest }: PlanOptions): string[] {
  return [
    ...["--latency", `${latency}ms`, "--sample", Number.isFinite(sample) ? String(sample) : "all"],
    ...(rest.export === undefined ? [] : ["--export", rest.export]),
    ...(items === undefined ? [] : ["--items", String(items)]),
    ...givenFunctions(rest).flatMap(({ name, file, exportName, kind }) => [
      kind === "plain" ? "--plain-function" : "--function",
      `${name}=${file}${exportName === undefined ? "" : `#${exportName}`}`,
    ]),
  ];
}

/** Replaces the settings after the first (`as is`) by tried ones. If the report has a fault, nothing is tried. */
async function withTries(
  output: Output,
  report: PlanReport,
  runs: readonly Overrides[],
  args: readonly string[],
  input: string,
): Promise<PlanReport> {
  if (report.fault !== undefined) {
    const notes = ["The settings were not tried, since the sample failed without them.", ...report.notes];
    return { ...report, settings: report.settings.slice(0, 1), notes };
  }
  const interruption = new InterruptionWatch();
  const abort = new AbortController();
  const tried: Tried[] = [];
  try {
    for (const overrides of runs) {
      const running = trySetting(overrides, { args, input, asIs: report, signal: abort.signal });
      // After an interruption nobody awaits this promise. Without this line, a rejection would then be unhandled.
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

/** At most one note, which names the maps in batches that ran in tried settings, always with the same batch size. */
function fixedBatches(maps: readonly FanOutSummary[], runs: readonly Overrides[], tried: readonly Tried[]): string[] {
  if (!runs.some((overrides) => overrides.has("batch"))) return [];
  const isFixed = ({ name, batchItems }: FanOutSummary): boolean => {
    const others = tried.flatMap((one) => one.maps.filter((map) => map.name === name));
    return others.length > 0 && others.every((other) => other.batchItems === batchItems);
  };
  const fixed = maps.filter((map) => map.batchItems !== undefined && isFixed(map));
  const names = fixed.map(({ name }) => `"${name}"`).join(", ");
  return names === ""
    ? []
    : [`The tried values of batch changed nothing for ${names}: the code sets its own batch there.`];
}

interface PlanSetup {
  readonly functionName: string;
  readonly latencyMs: number;
  readonly items?: number | undefined;
}

/** @throws DurableError `ERR_PLAN_ITEMS_UNKNOWN` if the number of a map's items is neither known nor assumed */
export function planFrom(trial: Trial, { functionName, latencyMs, items }: PlanSetup): PlanReport {
  const nodes = readPlanTree(trial, items);
  const fanOuts = [...fanOutsIn(nodes)];
  for (const fanOut of fanOuts) refuseUnknownTotal(fanOut);
  const isWhole = trial.outcome !== undefined && !fanOuts.some(({ isComputed }) => isComputed);
  const predict = predictor(nodes, trial, isWhole);
  const batches = BATCHES.map((size): Variant => ({ way: "batch", items: size }));
  const variants: Variant[] = [{ way: "as is" }, { way: "flat" }, ...batches];
  const predictions = variants.flatMap((variant) => predict(variant) ?? []);
  if (predictions.every(({ refusedByAws }) => refusedByAws.length > 0)) {
    const most = Math.max(...fanOuts.map(({ total }) => total));
    const size = Math.min(LARGEST_BATCH, Math.ceil(most / COMFORTABLE_OPERATIONS / 100) * 100);
    const fitting = predict({ way: "batch", items: size });
    if (fitting !== undefined) predictions.push(fitting);
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
    notes: notesOn(trial, fanOuts, maps),
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

function nameCallback(name: string | undefined): string {
  return name === undefined ? "a callback without a name" : `"${name}"`;
}

function notesOn(
  { outcome, operations, counters, skippedMs, waitsFor }: Trial,
  fanOuts: readonly FanOutNode[],
  maps: readonly FanOutSummary[],
): string[] {
  const quoted = (names: Iterable<string>): string => Array.from(new Set(names), (name) => `"${name}"`).join(", ");
  const namesOf = (nodes: readonly FanOutNode[]): string => quoted(nodes.map(({ name }) => name));
  const open = fanOuts.filter(({ hasEnded }) => !hasEnded);
  const unseen = open.filter(({ items }) => items.length === 0);
  const computed = fanOuts.filter(({ isComputed }) => isComputed);
  const invokes = operations.filter(({ Type }) => Type === "CHAINED_INVOKE");
  const isUnknown = invokes.some((one) => one.ChainedInvokeDetails?.Error?.ErrorType === "ResourceNotFoundException");
  const retries = counters.retries + counters.invocationFailures;
  const ended =
    waitsFor.length > 0
      ? `where all waited for ${waitsFor.map(nameCallback).join(", ")}, since nobody completes callbacks in a plan`
      : `in ${namesOf(open)}`;
  const notes: readonly (readonly [applies: boolean, note: string])[] = [
    [outcome === undefined, `The sample ended ${ended}: what the handler does after that is left out.`],
    [(outcome?.status ?? "SUCCEEDED") !== "SUCCEEDED", "The figures are those up to where the execution ended."],
    [isUnknown, "Name the functions that it invokes: --function or --plain-function <name>=<file>#<export>."],
    [invokes.length > 0 && !isUnknown, "What the functions that it invokes take themselves is left out."],
    [unseen.length > 0, `No item of ${namesOf(unseen)} was seen: what they take is left out.`],
    ...maps.map(({ name, failed, sampled, error }) => {
      const note = `${failed} of ${counted(sampled, "item")} of "${name}" failed in the sample: ${error}.`;
      return [failed > 0, note] as const;
    }),
    [computed.length > 0, `${namesOf(computed)}: as many items as --items says, with the input as it is.`],
    [
      retries > 0,
      `Steps were tried again (${formatCount(retries)} times in the sample): AWS charges an operation for each.`,
    ],
    [
      retries > 0 && maps.some(({ canShare }) => canShare),
      "What a batch writes for such retries depends on when they fall due: --try batch=… measures it.",
    ],
    [
      skippedMs > 0,
      `Waits and retry delays were skipped, and add to the time: ${formatDuration(skippedMs)} in the sample.`,
    ],
    [open.length > 0, "Early ends by a completion policy are not foreseen."],
    [true, "Cost is that of operations and data written (us-east-1), without Lambda compute and requests."],
  ];
  return notes.flatMap(([applies, note]) => (applies ? [note] : []));
}
