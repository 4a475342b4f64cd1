import { writeFileSync } from "node:fs";
import { basename, extname } from "node:path";
import pc from "picocolors";
import { DurableError, isDurableError } from "../../core/errors.ts";
import { counted } from "../../core/quantity.ts";
import { readEvent } from "../event.ts";
import { ExitCode } from "../exit-code.ts";
import type { Output } from "../output.ts";
import { formatDuration } from "../quantity.ts";
import { confirmSideEffects, type PlanOptions } from "./plan-command.ts";
import type { FanOutSummary } from "./plan-report.ts";
import { drawTuning, printTuning, recommendTried, type TuneReport } from "./tune-report.ts";
import {
  combinations,
  DEFAULT_VARIATIONS,
  LATER_VARIATIONS,
  nameOverrides,
  type Overrides,
  parseVariation,
  VARIATIONS_OF_FIXED_BATCHES,
} from "./tune-sweep.ts";
import {
  hasFixedBatches,
  hasSameBatches,
  type Tried,
  type TuneRun,
  tryOverrides,
  withoutNewFailures,
} from "./tune-trial.ts";

export interface TuneOptions extends PlanOptions {
  vary?: string[];
  svg?: string;
}

export async function tuneCommand(output: Output, handlerFile: string, options: TuneOptions): Promise<ExitCode> {
  const input = await readEvent(options.event);
  const variations = options.vary?.map(parseVariation);
  const first = combinations(variations ?? DEFAULT_VARIATIONS);
  const later = variations === undefined ? LATER_VARIATIONS.flatMap((variation) => combinations([variation])) : [];
  const { latency: latencyMs, sample: sampleItems } = options;
  const run: TuneRun = { handlerFile, export: options.export, input, latencyMs, sampleItems, items: options.items };
  const runs = counted(1 + first.length + later.length, "time");
  const atMost = variations === undefined ? "at most " : "";
  const scope = Number.isFinite(sampleItems)
    ? `the first ${counted(sampleItems, "item")} of each map`
    : "the whole input";
  const warning = `This really runs the handler for ${scope}, ${atMost}${runs}: whatever its steps do to other systems is done as often.`;
  await confirmSideEffects(output, warning, options.yes === true);

  const sweep = new Sweep(output, run, 1 + first.length + later.length);
  const asItIs = await sweep.begin();
  if (variations === undefined) await sweep.tryDefaults(asItIs, first);
  else for (const overrides of first) await sweep.try(overrides);
  const best = recommendTried(sweep.tried)?.overrides ?? new Map();
  for (const overrides of later) await sweep.try(new Map([...best, ...overrides]));

  const report: TuneReport = {
    functionName: basename(handlerFile, extname(handlerFile)),
    latencyMs,
    tried: sweep.tried,
    notes: notesOn(asItIs, sweep.tried, variations),
  };
  printTuning(output, report);
  if (options.svg !== undefined) writeSvg(options.svg, drawTuning(report));
  return sweep.tried.some(({ fault }) => fault === undefined) ? ExitCode.OK : ExitCode.EXECUTION_FAILED;
}

/** Tries one setting after the other, and says how far it is. */
class Sweep {
  readonly tried: Tried[] = [];
  readonly #output: Output;
  readonly #run: TuneRun;
  #runs: number;

  constructor(output: Output, run: TuneRun, runs: number) {
    this.#output = output;
    this.#run = run;
    this.#runs = runs;
  }

  /** Tries the handler as it is. A mistake in it, or in the arguments, is thrown: it would be the same in any setting. */
  async begin(): Promise<Tried> {
    const asItIs = await tryOverrides(this.#run, new Map());
    this.#add(asItIs);
    return asItIs;
  }

  /** Tries the usual settings, without those of batches where the first, which has none, changes nothing. */
  async tryDefaults(asItIs: Tried, [first = new Map(), ...others]: readonly Overrides[]): Promise<void> {
    await this.try(first);
    const tried = this.tried.at(-1) as Tried;
    if (!hasFixedBatches(asItIs, tried)) {
      for (const overrides of others) await this.try(overrides);
      return;
    }
    const [same = new Map(), ...rest] = combinations(VARIATIONS_OF_FIXED_BATCHES);
    this.tried.splice(-1, 1, { ...tried, overrides: same, name: nameOverrides(same) });
    this.#runs -= others.length - rest.length;
    for (const overrides of rest) await this.try(overrides);
  }

  async try(overrides: Overrides): Promise<void> {
    try {
      const tried = await tryOverrides(this.#run, overrides);
      this.#add(withoutNewFailures(tried, this.tried[0] as Tried));
    } catch (error) {
      if (!isDurableError(error)) throw error;
      // The setting itself is not allowed, or the handler cannot live with it.
      const nothing = { operations: 0, requests: 0, dataBytes: 0, wallMs: 0, dollars: 0, refusedByAws: [], maps: [] };
      this.#add({ ...nothing, name: nameOverrides(overrides), overrides, fault: error.message });
    }
  }

  #add(tried: Tried): void {
    this.tried.push(tried);
    const how = tried.fault ?? formatDuration(tried.wallMs);
    this.#output.say(pc.dim(`${this.tried.length} of ${this.#runs}  ${tried.name}: ${how}`));
  }
}

function notesOn(asItIs: Tried, tried: readonly Tried[], variations = DEFAULT_VARIATIONS): string[] {
  const ofOwn = ({ kind, canShare }: FanOutSummary) => kind === "map" && canShare;
  const fixed = asItIs.maps.filter((map) => ofOwn(map) && tried.every((other) => hasSameBatches(map, other)));
  const own = variations.some(({ path }) => path === "batch") ? fixed.map(({ name }) => `"${name}"`) : [];
  return [
    ...(own.length === 0
      ? []
      : [
          `Batches were the same in all runs of ${own.join(", ")}: what a call says itself wins. \`durable-fanout plan\` compares other sizes.`,
        ]),
    "A call's own maxConcurrency and batch win over settings. Times are for the whole input, from this machine.",
    "Cost is that of operations and data written (us-east-1), without Lambda compute and requests.",
  ];
}

function writeSvg(file: string, svg: string): void {
  try {
    writeFileSync(file, svg);
  } catch (error) {
    const message = `The chart could not be written to ${file}: ${(error as Error).message}.`;
    throw new DurableError("ERR_USAGE", message, { cause: error });
  }
}
