import pc from "picocolors";
import { environment } from "../../core/environment.ts";
import { counted, formatBytes, formatCount, formatDuration } from "../../core/quantity.ts";
import { lineStart } from "../line-start.ts";
import type { BatchProgress } from "./progress.ts";

export interface Moment {
  elapsedMs: number;
  batches: readonly BatchProgress[];
  endedHere: number;
  operations: number;
  /** The quota of operations. Infinity if the user has lifted the quota. */
  maxOperations: number;
  /** The bytes that the quota of data counts. */
  dataBytes: number;
  requests: number;
  /** A text about the operations for which the suspended execution waits. Undefined while an invocation runs. */
  waitsFor: string | undefined;
}

export interface ProgressView {
  start(read: () => Moment): void;
  stop(): void;
}

const MAX_BATCHES_SHOWN = 5;
const BAR_CELLS = 20;
const REDRAW_MS = 100;
const FIRST_LINE_MS = 1_000;
const LINE_EVERY_MS = 5_000;

export function createProgressView(stream: NodeJS.WriteStream): ProgressView {
  return stream.isTTY && environment().TERM !== "dumb" ? new BarView(stream) : new LineView(stream);
}

/** For example `cities: 8,123/25,000 steps done, 3 failed, 250 running, 12 waiting`. */
export function describeBatch(batch: BatchProgress): string {
  const of = batch.total === undefined ? "" : `/${formatCount(batch.total)}`;
  const parts = [`${formatCount(batch.done)}${of} ${batch.unit} done`];
  if (batch.failed > 0) parts.push(`${formatCount(batch.failed)} failed`);
  if (batch.running > 0) parts.push(`${formatCount(batch.running)} running`);
  if (batch.waiting > 0) parts.push(`${formatCount(batch.waiting)} waiting`);
  return `${batch.name}: ${parts.join(", ")}`;
}

function describeTotals(moment: Moment): string {
  const operations = Number.isFinite(moment.maxOperations)
    ? `${formatCount(moment.operations)} of ${counted(moment.maxOperations, "operation")}`
    : counted(moment.operations, "operation");
  return `${operations}, ${formatBytes(moment.dataBytes)} written, ${counted(moment.requests, "request")}`;
}

function shownBatches(moment: Moment): readonly BatchProgress[] {
  const open = moment.batches.filter((batch) => !batch.ended);
  return open.length > 0 ? open : moment.batches.slice(-1);
}

/** Writes less than a minute in whole seconds, because an estimate is not more precise. */
function formatTimeLeft(seconds: number): string {
  return seconds < 60 ? `${Math.ceil(seconds)} s` : formatDuration(seconds * 1_000);
}

class LineView implements ProgressView {
  readonly #stream: NodeJS.WriteStream;
  #timer: NodeJS.Timeout | undefined;
  #said: string | undefined;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  start(read: () => Moment): void {
    const print = (): void => {
      const moment = read();
      const line = this.#line(moment);
      if (line !== this.#said) this.#stream.write(`${lineStart()}${formatDuration(moment.elapsedMs)} | ${line}\n`);
      this.#said = line;
      this.#timer = setTimeout(print, LINE_EVERY_MS).unref();
    };
    this.#timer = setTimeout(print, FIRST_LINE_MS).unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #line(moment: Moment): string {
    const batches = shownBatches(moment).slice(0, MAX_BATCHES_SHOWN).map(describeBatch);
    const waits = moment.waitsFor === undefined ? [] : [moment.waitsFor];
    return [...batches, ...waits, describeTotals(moment)].join(" | ");
  }
}

/** Redraws lines at the bottom of the terminal. `process.stdout.write` and `process.stderr.write` first erase them. */
class BarView implements ProgressView {
  readonly #stream: NodeJS.WriteStream;
  readonly #restore: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;
  #linesDrawn = 0;
  #drawing = false;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  start(read: () => Moment): void {
    for (const stream of [process.stdout, process.stderr]) {
      const write = stream.write;
      stream.write = ((...args: Parameters<typeof write>) => {
        if (!this.#drawing) this.#erase();
        return write.apply(stream, args);
      }) as typeof write;
      this.#restore.push(() => {
        stream.write = write;
      });
    }
    this.#timer = setInterval(() => this.#draw(read()), REDRAW_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#erase();
    for (const restore of this.#restore.splice(0)) restore();
  }

  #draw(moment: Moment): void {
    const width = Math.max(20, (this.#stream.columns || 80) - 1);
    const shown = shownBatches(moment);
    const lines = shown.slice(0, MAX_BATCHES_SHOWN).map((batch) => this.#bar(batch, moment, width));
    if (shown.length > MAX_BATCHES_SHOWN) lines.push(pc.dim(`… ${shown.length - MAX_BATCHES_SHOWN} more`));
    if (moment.waitsFor !== undefined) lines.push(pc.yellow(moment.waitsFor.slice(0, width)));
    lines.push(pc.dim(`${formatDuration(moment.elapsedMs)}  ${describeTotals(moment)}`.slice(0, width)));
    this.#erase();
    this.#write(`${lineStart()}${lines.join("\n")}\n`);
    this.#linesDrawn = lines.length;
  }

  /** The most important text comes first, because the line is cut to the width of the terminal. */
  #bar(batch: BatchProgress, moment: Moment, width: number): string {
    const perSecond = moment.endedHere / (moment.elapsedMs / 1_000);
    const rate = perSecond >= 1 ? `, ${formatCount(Math.round(perSecond))}/s` : "";
    const text = describeBatch(batch);
    if (batch.total === undefined) return `${text}${rate}`.slice(0, width);
    const ended = batch.done + batch.failed;
    const share = batch.total === 0 ? 1 : Math.min(1, ended / batch.total);
    const left = perSecond >= 1 && share < 1 ? `, ${formatTimeLeft((batch.total - ended) / perSecond)} left` : "";
    const full = Math.round(share * BAR_CELLS);
    const bar = pc.green("━".repeat(full)) + pc.dim("─".repeat(BAR_CELLS - full));
    const percent = `${Math.floor(share * 100)} %`.padStart(5);
    const room = width - BAR_CELLS - 1;
    const line = `${percent}${left}  ${text}`;
    // A rate that does not fit is left out, because a cut number would look like a smaller number.
    return `${bar} ${line.length + rate.length <= room ? line + rate : line.slice(0, room)}`;
  }

  #erase(): void {
    if (this.#linesDrawn === 0) return;
    const lines = this.#linesDrawn;
    this.#linesDrawn = 0;
    this.#write(`\u001b[${lines}F\u001b[J`);
  }

  #write(text: string): void {
    this.#drawing = true;
    this.#stream.write(text);
    this.#drawing = false;
  }
}
