import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { type DurableExecutionClient, DurableExecutionInvocationInputWithClient } from "../../client/client.ts";
import type { ErrorObject, Operation, OperationUpdate } from "../../core/wire.ts";
import type { ExecutionCounters } from "../../journal/journal.ts";
import { VirtualClock } from "../../local/clock.ts";
import { LocalEngine } from "../../local/engine.ts";
import type { ExecutionOutcome } from "../../service/execution-outcome.ts";
import { dataBytes } from "../../service/metering.ts";
import type { HandlerModule } from "../run/handler-module.ts";
import { type Interruption, InterruptionWatch } from "../run/interruption.ts";
import { BATCH_CHANNEL, type BatchAnnouncement } from "../run/progress.ts";

export interface TrialOptions {
  readonly module: Pick<HandlerModule, "functionName" | "handler">;
  /** JSON text. */
  readonly input: string;
  /** Milliseconds that each request to the service takes. */
  readonly latencyMs: number;
  /** Ends the trial once a map with more items than these has ended so many of them; Infinity never does. */
  readonly sampleItems: number;
}

/** What was written of one operation. */
export interface OperationTally {
  updates: number;
  retries: number;
  dataBytes: number;
}

/** What had passed by a moment of a trial. */
export interface Pace {
  readonly updates: number;
  readonly requests: number;
  readonly wallMs: number;
  /** Milliseconds of the handler's own work at least: those of CPU, or those in which no request was under way. */
  readonly workMs: number;
}

/** How far a map or parallel came. */
export interface FanOutCounts {
  readonly total: number;
  readonly isTotalKnown: boolean;
  readonly ended: number;
  /** Undefined unless items share operations. */
  readonly batchItems: number | undefined;
}

/** What a handler did on an engine in memory, in virtual time. */
export interface Trial {
  readonly input: string;
  /** Absent when the trial ended before the execution did. */
  readonly outcome?: ExecutionOutcome;
  readonly operations: readonly Operation[];
  /** By wire id. */
  readonly tallies: ReadonlyMap<string, OperationTally>;
  /** By wire id; of runtimes that announce what they begin. */
  readonly fanOuts: ReadonlyMap<string, FanOutCounts>;
  readonly counters: ExecutionCounters;
  readonly pace: Pace;
  /** The same when half of the sample was run: what comes later is free of the cost of a start. */
  readonly halfway: Pace | undefined;
  /** Milliseconds of waits and retry delays, which were skipped. */
  readonly skippedMs: number;
}

const ITEM_CONTEXTS = new Set(["MapIteration", "ParallelBranch"]);
const STOPPED: ErrorObject = { ErrorType: "Sampled", ErrorMessage: "The trial has seen enough." };

/**
 * Runs a handler with quotas lifted. Its steps really run.
 * @throws what an interruption brings: the signal's `Interruption`, or the error that escaped from the handler
 */
export async function runTrial(options: TrialOptions): Promise<Trial> {
  const trial = new RunningTrial(options);
  const interruption = new InterruptionWatch();
  try {
    return await Promise.race([trial.run(), interruption.interrupted.then(failWith)]);
  } finally {
    interruption.stop();
    await trial.close();
  }
}

/** Ctrl-C during a trial: nothing is kept, so nothing is to be resumed. */
export class TrialInterrupted extends Error {
  readonly interruption: Extract<Interruption, { signal: string }>;

  constructor(interruption: Extract<Interruption, { signal: string }>) {
    super(`Interrupted by ${interruption.signal}.`);
    this.interruption = interruption;
  }
}

function failWith(interruption: Interruption): never {
  if ("error" in interruption) throw interruption.error;
  throw new TrialInterrupted(interruption);
}

class RunningTrial {
  readonly #options: TrialOptions;
  readonly #clock = new VirtualClock();
  readonly #engine: LocalEngine;
  readonly #announced = new Map<string, BatchAnnouncement>();
  readonly #tallies = new Map<string, OperationTally>();
  /** By the map or parallel: items whose own contexts are recorded as ended. */
  readonly #recordedItems = new Map<string, number>();
  #arn: string | undefined;
  readonly #startMs = performance.now();
  readonly #cpuStart = process.cpuUsage();
  #updates = 0;
  #requests = 0;
  #flightMs = 0;
  #halfway: Pace | undefined;
  #isEnough = false;

  constructor(options: TrialOptions) {
    this.#options = options;
    const lifted = Number.POSITIVE_INFINITY;
    const { latencyMs } = options;
    this.#engine = new LocalEngine({
      clock: this.#clock,
      quotas: { operations: lifted, dataBytes: lifted },
      latencyMs: { checkpoint: latencyMs, getState: latencyMs },
    });
  }

  async run(): Promise<Trial> {
    const { module, input } = this.#options;
    const { functionName, handler } = module;
    const listen = (message: unknown): void => {
      const announcement = message as BatchAnnouncement;
      if (announcement.executionArn === this.#arn) this.#announced.set(announcement.operationId, announcement);
    };
    this.#engine.register(functionName, (event, context) => {
      const client = this.#observed(event.durableExecutionClient);
      return handler(new DurableExecutionInvocationInputWithClient(event, client), context);
    });
    subscribe(BATCH_CHANNEL, listen);
    const clockStartMs = this.#clock.now();
    try {
      const execution = this.#engine.start({ functionName, input });
      this.#arn = execution.arn;
      const outcome = await execution.result;
      const pace = this.#pace();
      return {
        input,
        ...(this.#isEnough ? {} : { outcome }),
        operations: this.#engine.operations(execution.arn),
        tallies: this.#tallies,
        fanOuts: this.#counts(),
        counters: this.#engine.find(execution.arn)?.counters as ExecutionCounters,
        pace,
        halfway: this.#halfway,
        skippedMs: this.#clock.now() - clockStartMs,
      };
    } finally {
      unsubscribe(BATCH_CHANNEL, listen);
    }
  }

  async close(): Promise<void> {
    await this.#engine.close();
  }

  #observed(client: DurableExecutionClient): DurableExecutionClient {
    return {
      checkpoint: async (params) => {
        const sentMs = performance.now();
        const answer = await client.checkpoint(params);
        this.#flightMs += performance.now() - sentMs;
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
    if (!ITEM_CONTEXTS.has(subType)) return;
    const ended = this.#recordedItems.get(parent) ?? 0;
    this.#recordedItems.set(parent, update.Action === "START" ? ended : ended + 1);
  }

  #pace(): Pace {
    const wallMs = performance.now() - this.#startMs;
    const { user, system } = process.cpuUsage(this.#cpuStart);
    const workMs = Math.max(0, wallMs - this.#flightMs, (user + system) / 1_000);
    return { updates: this.#updates, requests: this.#requests, wallMs, workMs };
  }

  #stopIfEnough(): void {
    const { sampleItems } = this.#options;
    if (this.#isEnough || sampleItems === Number.POSITIVE_INFINITY || this.#arn === undefined) return;
    for (const announcement of this.#announced.values()) {
      const { succeeded, failed } = announcement.counts();
      if (announcement.isTotalKnown && announcement.total <= sampleItems) continue;
      if (succeeded + failed >= sampleItems / 2) this.#halfway ??= this.#pace();
      // An item counts when it has ended; of one with a context of its own, the record of that may be on its way.
      const recorded = this.#recordedItems.get(announcement.operationId) ?? sampleItems;
      if (Math.min(recorded, succeeded + failed) < sampleItems) continue;
      this.#isEnough = true;
      this.#engine.stop(this.#arn, STOPPED);
      return;
    }
  }

  #counts(): Map<string, FanOutCounts> {
    return new Map(
      Array.from(this.#announced, ([id, announcement]) => {
        const { succeeded, failed } = announcement.counts();
        const { total, isTotalKnown, batchItems } = announcement;
        return [id, { total, isTotalKnown, batchItems, ended: succeeded + failed }];
      }),
    );
  }
}
