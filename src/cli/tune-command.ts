import { writeFileSync } from "node:fs";
import { basename, extname } from "node:path";
import pc from "picocolors";
import { DurableError, isDurableError } from "../core/errors.ts";
import { counted } from "../core/quantity.ts";
import { readEvent } from "./event.ts";
import { ExitCode } from "./exit-code.ts";
import type { Output } from "./output.ts";
import { confirmSideEffects, type PlanOptions } from "./plan-command.ts";
import { formatDuration } from "./quantity.ts";
import { drawTuning, printTuning, recommendTried, type TuneReport } from "./tune-report.ts";
import {
  combinations,
  DEFAULT_VARIATIONS,
  LATER_VARIATIONS,
  nameOverrides,
  type Overrides,
  parseVariation,
} from "./tune-sweep.ts";
import { type Tried, type TuneRun, tryOverrides, withoutNewFailures } from "./tune-trial.ts";

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
  const scope = Number.isFinite(sampleItems)
    ? `the first ${counted(sampleItems, "item")} of each map`
    : "the whole input";
  const warning = `This really runs the handler for ${scope}, ${runs}: whatever its steps do to other systems is done as often.`;
  await confirmSideEffects(output, warning, options.yes === true);

  const sweep = new Sweep(output, run, 1 + first.length + later.length);
  const asItIs = await sweep.begin();
  for (const overrides of first) await sweep.try(overrides);
  const best = recommendTried(sweep.tried)?.overrides ?? new Map();
  for (const overrides of later) await sweep.try(new Map([...best, ...overrides]));

  const report: TuneReport = {
    functionName: basename(handlerFile, extname(handlerFile)),
    latencyMs,
    tried: sweep.tried,
    notes: notesOn(asItIs, sweep.tried),
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
  readonly #runs: number;

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

function notesOn(asItIs: Tried, tried: readonly Tried[]): string[] {
  const fixed = asItIs.maps.filter(
    ({ name, kind, canShare }) =>
      kind === "map" &&
      canShare &&
      tried.every(({ maps }) => {
        const map = maps.find((one) => one.name === name);
        const before = asItIs.maps.find((one) => one.name === name);
        return map === undefined || (map.form === before?.form && map.batchItems === before.batchItems);
      }),
  );
  const own = tried.some(({ overrides }) => overrides.has("batch")) ? fixed.map(({ name }) => `"${name}"`) : [];
  return [
    ...(own.length === 0
      ? []
      : [`Batches were the same in all runs of ${own.join(", ")}: what a call says itself wins.`]),
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
