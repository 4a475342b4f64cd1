import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { type DurableExecutionClient, DurableExecutionInvocationInputWithClient } from "../../client/client.ts";
import { BATCH_SUBTYPE, recordedRange } from "../../core/batch-operation.ts";
import { isDurableError } from "../../core/errors.ts";
import { FAN_OUT_CHANNEL, type FanOutAnnouncement } from "../../core/fan-out-announcement.ts";
import { isItem, type Operation, type OperationUpdate } from "../../core/wire.ts";
import type { ExecutionCounters } from "../../journal/journal.ts";
import { VirtualClock } from "../../local/clock.ts";
import { LocalEngine } from "../../local/engine.ts";
import type { ExecutionOutcome } from "../../service/execution-outcome.ts";
import { dataBytes } from "../../service/metering.ts";
import type { LoadedFunction } from "../run/function-option.ts";
import type { HandlerModule } from "../run/handler-module.ts";
import { type Interruption, InterruptionWatch } from "../run/interruption.ts";

export interface TrialOptions {
  readonly module: Pick<HandlerModule, "functionName" | "handler">;
  /** The input as JSON text. */
  readonly input: string;
  /** Milliseconds that each request to the service takes. */
  readonly latencyMs: number;
  /**
   * The greatest number of items that a map or parallel begins, rounded up to whole batches. If a map has more items,
   * or an unknown number, the trial ends when this number of its items has ended. Infinity: all items run.
   */
  readonly sampleItems: number;
  /** The functions that the handler may invoke. Default: none. */
  readonly functions?: readonly LoadedFunction[];
}

export interface OperationTally {
  updates: number;
  retries: number;
  dataBytes: number;
}

export interface Pace {
  readonly updates: number;
  readonly requests: number;
  readonly wallMs: number;
  /** The part of `wallMs` before the first request. */
  readonly startMs: number;
}

/** What happened in an execution of the handler on an engine in memory, in virtual time. */
export interface Trial {
  readonly input: string;
  /** Absent if the trial stopped the execution. */
  readonly outcome?: ExecutionOutcome;
  readonly operations: readonly Operation[];
  /** The keys are the ids of operations. */
  readonly tallies: ReadonlyMap<string, OperationTally>;
  /** The keys are the ids of maps and parallels. Empty for a handler on another runtime, which announces no maps. */
  readonly fanOuts: ReadonlyMap<string, FanOutAnnouncement>;
  readonly counters: ExecutionCounters;
  readonly pace: Pace;
  /** Milliseconds of waits and retry delays, which were skipped. */
  readonly skippedMs: number;
  /**
   * The names of the callbacks for which the trial ended, because nobody completes callbacks in a trial. Undefined for
   * a callback without a name. Empty if the trial ended for another reason.
   */
  readonly waitsFor: readonly (string | undefined)[];
}

const CHECK_EVERY_MS = 10;

/**
 * Runs a handler without the quotas of operations and data. Its steps really run.
 * @throws `TrialInterrupted` for a signal, the error of another interruption, or an error of the engine
 */
export async function runTrial(options: TrialOptions): Promise<Trial> {
  const trial = new RunningTrial(options);
  const interruption = new InterruptionWatch();
  try {
    const running = trial.run();
    const first = await Promise.race([running, interruption.interrupted]);
    if ("input" in first) return first;
    if (trial.endWhenIdle(first)) return await running;
    return failWith(first);
  } finally {
    interruption.stop();
    await trial.close();
  }
}

/** A signal, such as Ctrl-C, has ended a trial. Its journal was in memory, so the trial cannot be resumed. */
export class TrialInterrupted extends Error {
  readonly interruption: Extract<Interruption, { signal: string }>;

  constructor(interruption: Extract<Interruption, { signal: string }>) {
    super(`Interrupted by ${interruption.signal}.`);
    this.interruption = interruption;
  }
}

export function failWith(interruption: Interruption): never {
  if ("error" in interruption) throw interruption.error;
  throw new TrialInterrupted(interruption);
}

class RunningTrial {
  readonly #options: TrialOptions;
  readonly #clock = new VirtualClock();
  readonly #engine: LocalEngine;
  readonly #announced = new Map<string, FanOutAnnouncement>();
  readonly #tallies = new Map<string, OperationTally>();
  /** By the id of a map or parallel: the number of items whose contexts or batches are recorded as ended. */
  readonly #recordedItems = new Map<string, number>();
  #arn: string | undefined;
  readonly #startMs = performance.now();
  #updates = 0;
  #requests = 0;
  #firstRequestMs: number | undefined;
  #isEnough = false;
  #waitsFor: readonly (string | undefined)[] = [];

  constructor(options: TrialOptions) {
    this.#options = options;
    const lifted = Number.POSITIVE_INFINITY;
    const { latencyMs } = options;
    this.#engine = new LocalEngine({
      clock: this.#clock,
      quotas: { operations: lifted, dataBytes: lifted },
      latencyMs: { checkpoint: latencyMs, getState: latencyMs },
      // With `true`, virtual time would jump to the time-outs of callbacks, and the callbacks would time out.
      skipCallbackTimeouts: false,
    });
  }

  async run(): Promise<Trial> {
    const { module, input } = this.#options;
    const { functionName, handler } = module;
    const listen = (message: unknown): void => {
      const announcement = message as FanOutAnnouncement;
      if (announcement.executionArn !== this.#arn) return;
      this.#announced.set(announcement.operationId, announcement);
      // A handler may import version 2.0.0 of the runtime, whose announcements have no `beginAtMost`.
      announcement.beginAtMost?.(this.#mostOf(announcement));
    };
    for (const { register } of this.#options.functions ?? []) register(this.#engine);
    this.#engine.register(functionName, (event, context) => {
      this.#arn ??= event.DurableExecutionArn;
      // The handler may invoke itself, or a function that invokes the handler. Only the first execution is observed.
      if (event.DurableExecutionArn !== this.#arn) return handler(event, context);
      const client = this.#observed(event.durableExecutionClient);
      return handler(new DurableExecutionInvocationInputWithClient(event, client), context);
    });
    subscribe(FAN_OUT_CHANNEL, listen);
    const clockStartMs = this.#clock.now();
    // Each request also calls `#stopIfEnough`. The timer is needed if the last items end after the last request.
    const timer = setInterval(() => this.#stopIfEnough(), CHECK_EVERY_MS).unref();
    try {
      const execution = this.#engine.start({ functionName, input });
      const outcome = await execution.result;
      const endMs = performance.now();
      return {
        input,
        ...(this.#isEnough ? {} : { outcome }),
        operations: this.#engine.operations(execution.arn),
        tallies: this.#tallies,
        fanOuts: this.#announced,
        counters: this.#engine.find(execution.arn)?.counters as ExecutionCounters,
        pace: {
          ...{ updates: this.#updates, requests: this.#requests },
          wallMs: endMs - this.#startMs,
          startMs: (this.#firstRequestMs ?? endMs) - this.#startMs,
        },
        skippedMs: this.#clock.now() - clockStartMs,
        waitsFor: this.#waitsFor,
      };
    } finally {
      clearInterval(timer);
      unsubscribe(FAN_OUT_CHANNEL, listen);
    }
  }

  /** Ends the trial and returns true if the handler is stuck after a whole sample, or with an open callback. */
  endWhenIdle(interruption: Interruption): boolean {
    const error = "error" in interruption ? interruption.error : undefined;
    if (this.#arn === undefined || !isDurableError(error) || error.code !== "ERR_HANDLER_STUCK") return false;
    this.#stopIfEnough();
    if (this.#isEnough) return true;
    const open = this.#engine.list().flatMap(({ arn }) => this.#engine.openCallbacks(arn));
    if (open.length === 0) return false;
    this.#waitsFor = [...new Set(open.map(({ name }) => name))];
    this.#end();
    return true;
  }

  async close(): Promise<void> {
    await this.#engine.close();
  }

  #observed(client: DurableExecutionClient): DurableExecutionClient {
    return {
      checkpoint: async (params) => {
        this.#firstRequestMs ??= performance.now();
        const answer = await client.checkpoint(params);
        this.#requests++;
        for (const update of params.Updates ?? []) this.#tally(update);
        this.#stopIfEnough();
        return answer;
      },
      getExecutionState: (params) => client.getExecutionState(params),
    };
  }

  #tally(update: OperationUpdate): void {
    const id = update.Id as string;
    let tally = this.#tallies.get(id);
    if (tally === undefined) {
      tally = { updates: 0, retries: 0, dataBytes: 0 };
      this.#tallies.set(id, tally);
    }
    tally.updates++;
    this.#updates++;
    tally.dataBytes += dataBytes(update);
    if (update.Action === "RETRY") tally.retries++;
    const { SubType: subType = "", ParentId: parent = "" } = update;
    const { first = 0, last = 0 } = (subType === BATCH_SUBTYPE && recordedRange(update.Name)) || {};
    if (subType !== BATCH_SUBTYPE && !isItem(subType)) return;
    const hasEnded = update.Action === "SUCCEED" || update.Action === "FAIL";
    this.#recordedItems.set(parent, (this.#recordedItems.get(parent) ?? 0) + (hasEnded ? last - first + 1 : 0));
  }

  #mostOf({ batchItems = 1 }: FanOutAnnouncement): number {
    return Math.ceil(this.#options.sampleItems / batchItems) * batchItems;
  }

  #stopIfEnough(): void {
    if (this.#isEnough) return;
    for (const announcement of this.#announced.values()) {
      const most = this.#mostOf(announcement);
      if (announcement.isTotalKnown && announcement.total <= most) continue;
      const { succeeded, failed } = announcement.counts();
      // An item counts if it has ended, and if the context or batch that keeps its outcome is recorded as ended. Flat
      // items have no context and no batch.
      const { batchItems, nesting, operationId } = announcement;
      const isRecorded = nesting === "FLAT" && batchItems === undefined;
      const recorded = isRecorded ? most : (this.#recordedItems.get(operationId) ?? 0);
      if (Math.min(recorded, succeeded + failed) < most) continue;
      this.#end();
      return;
    }
  }

  #end(): void {
    this.#isEnough = true;
    this.#engine.stop(this.#arn as string);
  }
}
