import type { Context } from "aws-lambda";
import {
  DurableExecutionInvocationInputWithClient,
  type DurableExecutionInvocationOutput,
  type DurableLambdaHandler,
  type ErrorObject,
  type Operation,
  type WireOperation,
  withDurableExecution,
} from "../../src/index.ts";
import type { Case } from "./case.ts";
import { VirtualClock } from "./clock.ts";
import { type Fault, isHarmless } from "./faults.ts";
import { Interpreter } from "./interpreter.ts";
import { Invariants, type Violation } from "./invariants.ts";
import { Invocation } from "./invocation.ts";
import { Network } from "./network.ts";
import { Random } from "./random.ts";
import { SimulatedService } from "./service.ts";
import { Tally } from "./tally.ts";
import { type Trace, traced } from "./trace.ts";

/** How one simulated execution went. */
export interface Simulated {
  readonly violations: readonly Violation[];
  readonly hasEnded: boolean;
  /** What the handler returned; undefined when it did not. */
  readonly result: unknown;
  readonly error: ErrorObject | undefined;
  /** How often each body ran. */
  readonly runs: ReadonlyMap<string, number>;
  readonly tally: Tally;
}

const ARN = "arn:aws:lambda:us-east-1:123456789012:function:f:1/durable-execution/simulated/1";
const RETRY_PAUSE_MS = 1_000;
const REINVOKE_MS = 5;
/** After its end an execution is watched for so long: nothing may go on. */
const AFTERMATH_MS = 20_000;
const MAX_INVOCATIONS = 1_000;
const MAX_EVENTS = 60_000;
const MAX_VIOLATIONS = 20;
/** For so long nothing may run, and nothing be on its way, before an invocation answers. */
const MAX_IDLE_MS = 2_000;
/** So late an attempt in process may be, besides what requests take: polls are a second apart. */
const LATE_SLACK_MS = 3_000;
/** A batch wakes once for what is due within this time, at a whole second. */
const BATCH_SLACK_MS = 6_000;
const REQUEST_BYTES = 768_000;

let unhandled: ((error: unknown) => void) | undefined;
const onUnhandled = (error: unknown): void => unhandled?.(error);

/** Runs a case from its beginning to the execution's end, in virtual time. */
export async function simulate(given: Case, trace?: Trace): Promise<Simulated> {
  const simulation = new Simulation(given, trace);
  const restore = simulation.clock.install(() => simulation.random.next());
  const listeners = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", onUnhandled);
  unhandled = (error) => simulation.watch.note("unhandled-rejection", String(error));
  try {
    return await simulation.run();
  } finally {
    unhandled = undefined;
    process.removeAllListeners("unhandledRejection");
    for (const listener of listeners) process.on("unhandledRejection", listener);
    restore();
  }
}

class Simulation {
  readonly clock = new VirtualClock();
  readonly watch: Invariants;
  readonly random: Random;
  readonly #case: Case;
  readonly #trace: Trace | undefined;
  readonly #service: SimulatedService;
  readonly #network: Network;
  readonly #lambda: DurableLambdaHandler;
  readonly #tally = new Tally();
  readonly #invocations: Invocation[] = [];
  readonly #kills: Fault[];
  readonly #maxIdleMs: number;
  /** The invocation whose answer counts. */
  #latest: Invocation | undefined;
  #isSuspended = false;
  #ended: { readonly atMs: number; readonly result?: unknown; readonly error?: ErrorObject | undefined } | undefined;

  constructor(given: Case, trace: Trace | undefined) {
    this.#case = given;
    this.#trace = trace;
    const { surroundings, program, faults } = given;
    const { runtime, latencyMs, payloadBytes, skewMs, computeMs, startMs = [0, 0] } = surroundings;
    const {
      maxDelayMs = 0,
      maxUpdates = 250,
      maxBytes = REQUEST_BYTES,
      maxUnacknowledged = 500,
    } = runtime.checkpoint ?? {};
    const { graceMs = 20 } = runtime.suspension ?? {};
    this.random = new Random(surroundings.seed);
    this.#maxIdleMs = MAX_IDLE_MS + maxDelayMs + graceMs;
    const isCalm = faults.length === 0 && surroundings.invocationMs >= 900_000 && skewMs.every((ms) => ms === 0);
    const isFull = (runtime.checkpoint?.maxUpdates ?? 250) < 50 && latencyMs[1] > 0;
    const text = JSON.stringify(program);
    const isFree = !isFull && runtime.concurrency === undefined && !text.includes('"concurrency":');
    // Plain code may take longer than the grace period. In a further invocation, others may have the limiter first.
    const isDirect = computeMs === 0 && !/"kind":"(limited|code|begin)"/.test(text);
    const slackMs = isCalm && isFree ? LATE_SLACK_MS + 6 * (latencyMs[1] + maxDelayMs) : undefined;
    this.watch = new Invariants(this.clock, {
      slackMs,
      mostLateMs: slackMs && isDirect ? slackMs + BATCH_SLACK_MS + 2 * startMs[1] : undefined,
      // Where code computes, items that have a permit wait for their tick. They count as open for the runtime, but the
      // simulation sees them as open only when their functions run.
      maxUnacknowledged: computeMs > 0 ? Number.POSITIVE_INFINITY : maxUnacknowledged,
      skewMs: Math.max(...skewMs) - Math.min(...skewMs),
    });
    const limits = { payloadBytes, requestBytes: maxBytes, requestUpdates: maxUpdates, operations: 3_000 };
    this.#service = new SimulatedService(this.clock, limits);
    this.#service.onNews = () => this.#wake();
    this.#service.onObjection = (what) => this.watch.note("refused", what);
    this.#service.onRecorded = (operation) => this.watch.recorded(operation, this.#latest as Invocation);
    this.#network = new Network(given, this.clock, this.random, this.#service, this.#tally, (by, what, detail) =>
      this.#log(by, what, detail),
    );
    this.#kills = faults
      .filter(({ kind }) => kind === "killed" || kind === "second invocation")
      .sort((a, b) => a.at - b.at);
    const quotas = { ...runtime.quotas, payloadBytes };
    this.#lambda = withDurableExecution(
      (_, context) => {
        const by = this.clock.current as Invocation;
        return new Interpreter(by, this.watch, this.clock, surroundings, (id, outside) =>
          this.#service.submitted(id, outside),
        ).handler(context, program);
      },
      { runtime: { codec: "json", tickMs: Number.POSITIVE_INFINITY, ...runtime, quotas } },
    );
  }

  async run(): Promise<Simulated> {
    this.#begin();
    await this.clock.run((nextMs) => this.#mayGoOn(nextMs));
    this.#tally.events = this.clock.happened;
    this.#tally.retries = this.watch.retries;
    this.#tally.virtualMs = this.clock.nowMs;
    const { violations, runs } = this.watch;
    return {
      violations,
      hasEnded: this.#ended !== undefined,
      result: this.#ended?.result,
      error: this.#ended?.error,
      runs,
      tally: this.#tally,
    };
  }

  /** Between two events; false when nothing more is of interest. */
  #mayGoOn(nextMs: number): boolean {
    if (this.#ended !== undefined) return nextMs < this.#ended.atMs + AFTERMATH_MS;
    if (this.watch.violations.length >= MAX_VIOLATIONS) return false;
    if (this.#strikes()) return true;
    if (this.clock.happened > MAX_EVENTS || this.#invocations.length > MAX_INVOCATIONS) {
      this.watch.note("endless", `${this.#invocations.length} invocations, ${this.clock.happened} events`);
      return false;
    }
    if (nextMs === Number.POSITIVE_INFINITY) {
      this.watch.note("stuck", this.#latest?.isActive ? "in an invocation" : "between invocations");
      return false;
    }
    return !this.#hangs(nextMs);
  }

  #hangs(nextMs: number): boolean {
    const by = this.#latest;
    if (by === undefined || !by.isActive) return false;
    if (by.working > 0 || by.requests > 0) {
      by.idleSinceMs = undefined;
      return false;
    }
    by.idleSinceMs ??= this.clock.nowMs;
    if (nextMs <= by.idleSinceMs + this.#maxIdleMs) return false;
    this.watch.note("hang", `invocation ${by.number} since ${by.idleSinceMs} ms`);
    return true;
  }

  /** Kills, and begins second invocations, when their time has come. */
  #strikes(): boolean {
    const next = this.#kills[0];
    const by = this.#latest;
    if (next === undefined || this.clock.happened < next.at || by === undefined || !by.isActive) return false;
    this.#kills.shift();
    this.#tally.fault(next.kind);
    this.#log(by, next.kind);
    if (next.kind === "killed") this.#lose(by);
    else {
      by.superseded = true;
      this.watch.ended(by, false);
      this.#begin();
    }
    return true;
  }

  #lose(by: Invocation): void {
    by.killed = true;
    this.watch.ended(by, false);
    this.clock.after(RETRY_PAUSE_MS, () => this.#begin());
  }

  #begin(): void {
    const { surroundings } = this.#case;
    const { skewMs, invocationMs, pageSize } = surroundings;
    const number = this.#invocations.length;
    const by = new Invocation(number, this.clock.nowMs, invocationMs, skewMs[number % skewMs.length] ?? 0);
    this.#invocations.push(by);
    this.#latest = by;
    this.#isSuspended = false;
    this.#tally.invocations++;
    const { token, operations, updatedIds } = this.#service.begin();
    this.#log(by, "begins", operations);
    const execution: Operation = {
      ...{ Id: "execution", Type: "EXECUTION", Status: "STARTED", StartTimestamp: new Date(this.clock.epochMs()) },
      ExecutionDetails: { InputPayload: "{}" },
    };
    const all: WireOperation[] = [execution, ...operations];
    const event = new DurableExecutionInvocationInputWithClient(
      {
        DurableExecutionArn: ARN,
        CheckpointToken: token,
        InitialExecutionState: {
          Operations: all.slice(0, pageSize),
          ...(all.length > pageSize ? { NextMarker: String(pageSize) } : {}),
        },
        ...(number === 0 ? {} : { UpdatedOperationIds: updatedIds }),
      },
      this.#network.client(by, all),
    );
    const context = {
      awsRequestId: `request-${number}`,
      getRemainingTimeInMillis: () => by.deadlineMs - this.clock.nowMs,
    } as unknown as Context;
    this.clock.after(
      0,
      () => {
        this.#lambda(event, context).then(
          (output) => this.#answered(by, output),
          (error) => this.#answered(by, undefined, error),
        );
      },
      by,
    );
    this.clock.after(invocationMs, () => this.#cutOff(by));
  }

  #cutOff(by: Invocation): void {
    if (!by.isActive || this.#ended !== undefined) return;
    this.#tally.fault("cut off");
    this.#log(by, "is cut off");
    if (by === this.#latest) this.#lose(by);
    else by.killed = true;
  }

  #answered(by: Invocation, output: DurableExecutionInvocationOutput | undefined, error?: unknown): void {
    by.answered = true;
    by.endedMs = this.clock.nowMs;
    this.#log(by, "answers", output ?? String(error));
    this.clock.after(0, () => this.#checkTimers(by));
    if (by !== this.#latest || by.superseded) return;
    const isClean = output !== undefined && !by.closed;
    this.watch.ended(by, isClean);
    if (output === undefined || (by.closed && output.Status !== "PENDING")) {
      this.clock.after(RETRY_PAUSE_MS, () => this.#begin());
      return;
    }
    if (output.Status === "PENDING") this.#suspended(by);
    else if (output.Status === "SUCCEEDED") {
      const text = this.#service.result?.payload ?? output.Result;
      this.#ended = { atMs: this.clock.nowMs, result: text ? JSON.parse(text) : undefined };
    } else this.#ended = { atMs: this.clock.nowMs, error: output.Error ?? {} };
  }

  #suspended(by: Invocation): void {
    this.#tally.suspensions++;
    if (by.closed) {
      this.clock.after(RETRY_PAUSE_MS, () => this.#begin());
      return;
    }
    const isNearDeadline = by.deadlineMs - this.clock.nowMs < 60_000;
    if (by.working > 0 && by.awaiting === 0 && !isNearDeadline) {
      this.watch.note("suspended-early", `invocation ${by.number}`);
    }
    if (!this.#service.hasNews && !this.#service.hasPending) {
      this.watch.note("pending-with-nothing", `invocation ${by.number}`);
      this.clock.after(RETRY_PAUSE_MS, () => this.#begin());
      return;
    }
    this.#isSuspended = true;
    if (this.#service.hasNews) this.#wake();
    for (const { Type, Status, SubType } of this.#service.operations.values()) {
      if (Type === "STEP" && Status === "PENDING" && SubType !== "Step" && SubType !== "WaitForCondition") {
        this.#tally.sleepingBatches++;
      }
    }
  }

  /** Something has changed that the function does not know. */
  #wake(): void {
    if (!this.#isSuspended || this.#ended !== undefined) return;
    this.#isSuspended = false;
    const { startMs } = this.#case.surroundings;
    const lateMs = startMs === undefined ? 0 : this.random.int(...startMs);
    this.clock.after(REINVOKE_MS + lateMs, () => this.#begin());
  }

  #checkTimers(by: Invocation): void {
    if (!by.killed && by.timers > 0) this.watch.note("timer-left", `${by.timers} in invocation ${by.number}`);
  }

  #log(by: Invocation, what: string, detail?: unknown): void {
    this.#trace?.(traced(this.clock.nowMs, by.number, what, detail));
  }
}

/** Whether faults of the case can make work run again. */
export function isCut({ faults, surroundings }: Case): boolean {
  return surroundings.invocationMs < 900_000 || faults.some((fault) => !isHarmless(fault));
}
