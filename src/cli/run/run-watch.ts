import { subscribe, unsubscribe } from "node:diagnostics_channel";
import pc from "picocolors";
import { FAN_OUT_CHANNEL, type FanOutAnnouncement } from "../../core/fan-out-announcement.ts";
import type { ErrorObject, Operation } from "../../core/wire.ts";
import { type ExecutionCounters, noCounters } from "../../journal/journal.ts";
import type { LocalEngine } from "../../local/engine.ts";
import { quotaOperations } from "../cost.ts";
import { errorDocument } from "../documents.ts";
import { awaitedOf, summarizeAwaited } from "../inspect/waiting.ts";
import type { Output } from "../output.ts";
import { type BatchProgress, Progress } from "./progress.ts";
import { createProgressView, type Moment, type ProgressView } from "./progress-view.ts";

const JSON_EVERY_MS = 1_000;

export interface RunTotals {
  wallMs: number;
  /** All maps and parallels. Their counts include items that were recorded before `start`. */
  batches: BatchProgress[];
  /** How many items or steps of maps and parallels ended between `start` and `stop`. */
  endedHere: number;
}

export class RunWatch {
  readonly #output: Output;
  readonly #engine: LocalEngine;
  readonly #maxOperations: number;
  readonly #view: ProgressView;
  readonly #progress = new Progress();
  #startedAtMs = performance.now();
  #endedAtMs: number | undefined;
  #unsubscribe: () => void = () => {};
  #waitsFor: string | undefined;
  #counters: Pick<ExecutionCounters, "operations" | "retries" | "dataBytes" | "checkpoints"> = noCounters();

  constructor(options: { output: Output; engine: LocalEngine; maxOperations: number }) {
    this.#output = options.output;
    this.#engine = options.engine;
    this.#maxOperations = options.maxOperations;
    this.#view = options.output.json ? new JsonView(options.output) : createProgressView(process.stderr);
  }

  /** @param recorded the operations of the execution that are recorded already */
  start(arn: string, recorded: readonly Operation[]): void {
    this.#startedAtMs = performance.now();
    this.#progress.recall(recorded);
    const onBatch = (message: unknown): void => {
      const announcement = message as FanOutAnnouncement;
      if (announcement.executionArn === arn) this.#progress.announce(announcement);
    };
    subscribe(FAN_OUT_CHANNEL, onBatch);
    const stopListening = this.#engine.subscribe((event) => {
      if (event.arn !== arn) return;
      // The awaited operations are looked up only once for each suspension, because an execution may be large.
      if (event.type === "invocation-started") this.#waitsFor = undefined;
      else if (event.type === "checkpoint") {
        this.#progress.apply(event.updates);
        this.#counters = event.counters;
      } else if (event.type === "invocation-ended") {
        if (event.error === undefined) this.#waitsFor = this.#lookForAwaited(arn);
        else this.#reportFailure(event.error);
      }
    });
    this.#unsubscribe = () => {
      stopListening();
      unsubscribe(FAN_OUT_CHANNEL, onBatch);
    };
    // If the execution was suspended before this process began, no event will say for what it waits.
    if (this.#engine.suspended().includes(arn)) this.#waitsFor = this.#lookForAwaited(arn);
    this.#counters = this.#engine.find(arn)?.counters ?? this.#counters;
    this.#view.start(() => this.#moment());
  }

  stop(): void {
    this.#endedAtMs ??= performance.now();
    this.#unsubscribe();
    this.#view.stop();
  }

  totals(): RunTotals {
    const wallMs = (this.#endedAtMs ?? performance.now()) - this.#startedAtMs;
    return { wallMs, batches: this.#progress.batches(), endedHere: this.#progress.endedHere };
  }

  #lookForAwaited(arn: string): string | undefined {
    return summarizeAwaited(awaitedOf(this.#engine.operations(arn), this.#engine.openCallbacks(arn)));
  }

  /** Without this report, the user would not see why there is no progress while the engine repeats invocations. */
  #reportFailure({ ErrorType: type = "Error", ErrorMessage: message = "" }: ErrorObject): void {
    if (this.#output.json)
      this.#output.printJson({
        type: "invocation-failed",
        error: errorDocument({ ErrorType: type, ErrorMessage: message }),
      });
    this.#output.say(pc.yellow(`An invocation failed: ${type}: ${message}`));
  }

  #moment(): Moment {
    const { dataBytes, checkpoints } = this.#counters;
    return {
      elapsedMs: performance.now() - this.#startedAtMs,
      batches: this.#progress.batches(),
      endedHere: this.#progress.endedHere,
      operations: quotaOperations(this.#counters),
      maxOperations: this.#maxOperations,
      dataBytes,
      requests: checkpoints,
      waitsFor: this.#waitsFor,
    };
  }
}

class JsonView implements ProgressView {
  readonly #output: Output;
  #timer: NodeJS.Timeout | undefined;

  constructor(output: Output) {
    this.#output = output;
  }

  start(read: () => Moment): void {
    const print = (): void => {
      const { maxOperations, ...moment } = read();
      const limit = Number.isFinite(maxOperations) ? maxOperations : null;
      this.#output.printJson({ type: "progress", ...moment, maxOperations: limit });
    };
    this.#timer = setInterval(print, JSON_EVERY_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
