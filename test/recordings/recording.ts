import {
  DurableExecutionClientError,
  type Operation,
  type RuntimeOptions,
  type WireOperation,
} from "../../src/index.ts";
import { LocalEngine, VirtualClock } from "../../src/testing.ts";
import { withRuntime } from "../support/service.ts";
import type { Ran, RecordedHandler } from "./handler-parts.ts";
import { handlers } from "./handlers.ts";
import { journalOf } from "./seeded-journal.ts";

/** An execution as the service held it at one moment, and how it must end from there. */
export interface Recording {
  /** What is special about it. */
  readonly about: string;
  /** The execution's ARN, which its callbacks' ids name. */
  readonly arn: string;
  /** The name of one of the recorded handlers. */
  readonly handler: string;
  readonly input: unknown;
  readonly runtime: RuntimeOptions;
  /** Settings that have changed since. */
  readonly runtimeNow?: RuntimeOptions;
  /** How the last invocation ended: it answered PENDING, or it was cut off after its last acknowledged request. */
  readonly lastInvocation: "pending" | "cut off";
  /** When that was. */
  readonly at: string;
  readonly operations: readonly WireOperation[];
  /** What callbacks and chained invokes, by their names, are completed with before the execution goes on. */
  readonly answers?: Readonly<Record<string, string>>;
  /** What callbacks are completed with once nothing else is left to do. */
  readonly lateAnswers?: Readonly<Record<string, string>>;
  readonly expected: Expected;
}

export interface Expected {
  readonly result?: unknown;
  readonly error?: { readonly ErrorType: string; readonly ErrorMessage: string };
  /** How often each piece of code runs from here on; what is not named does not run. */
  readonly runs: Readonly<Record<string, number>>;
  /** Seconds after the recording before which a piece of code must not run. */
  readonly notBefore?: Readonly<Record<string, number>>;
  /** Everything is recorded already: nothing more is sent. */
  readonly isFinished?: true;
}

/** What became of a recording that was carried on. */
export interface Carried {
  readonly result: unknown;
  readonly error: unknown;
  readonly runs: Record<string, number>;
  /** Seconds after the recording at which each piece of code ran first. */
  readonly firstSeconds: Record<string, number>;
  readonly updates: number;
}

/** More than any recording needs. An execution that forgets attempts would go on for ever, since its time is virtual. */
const MAX_INVOCATIONS = 50;

/** The operations that an engine holds which is given the recording, before anything else happens. */
export function heldOf(recording: Recording): Operation[] {
  const engine = new LocalEngine({ journal: journalOf({ ...recording, answers: {} }, Date.now()) });
  return engine.operations(recording.arn).filter(({ Type }) => Type !== "EXECUTION");
}

/**
 * Lets an embedded engine with virtual time carry on a recording, as if it had been made `agoMs` ago. After
 * `cutAfter` requests the invocation is cut off once.
 */
export async function carryOn(
  recording: Recording,
  { agoMs, cutAfter = Number.POSITIVE_INFINITY }: { agoMs: number; cutAfter?: number },
): Promise<Carried> {
  const { arn, handler, runtime, runtimeNow, lateAnswers = {} } = recording;
  const clock = new VirtualClock();
  const atMs = clock.now() - agoMs;
  const payloadBytes = runtime.quotas?.payloadBytes;
  const engine = new LocalEngine({
    clock,
    journal: journalOf(recording, atMs),
    invocation: { retryPauseMs: 0 },
    ...(payloadBytes === undefined ? {} : { quotas: { payloadBytes } }),
  });
  const runs: Record<string, number> = {};
  const firstSeconds: Record<string, number> = {};
  const ran: Ran = (label) => {
    runs[label] = (runs[label] ?? 0) + 1;
    firstSeconds[label] ??= (clock.now() - atMs) / 1_000;
  };
  const lambda = withRuntime((handlers[handler] as RecordedHandler)(ran), { runtime: { ...runtime, ...runtimeNow } });
  let requests = 0;
  let invocations = 0;
  engine.register("recorded", async (event, context) => {
    if (++invocations > MAX_INVOCATIONS) throw new Error("the execution does not end");
    const { durableExecutionClient: client } = event;
    const checkpoint = client.checkpoint.bind(client);
    client.checkpoint = async (params) => {
      const answer = await checkpoint(params);
      if (++requests === cutAfter) throw new DurableExecutionClientError("cut off");
      return answer;
    };
    return lambda(event, context);
  });
  const { result } = engine.resume(arn);
  for (let hasEnded = false; !hasEnded; ) {
    hasEnded = await Promise.race([result.then(() => true), engine.rest().then(() => false)]);
    if (hasEnded) break;
    const open = engine.openCallbacks(arn);
    if (open.length === 0) break;
    for (const { callbackId, name: callback = "" } of open) {
      engine.completeCallback(callbackId, lateAnswers[callback]);
    }
  }
  const outcome = await result;
  const updates = engine.find(arn)?.counters.updates ?? 0;
  await engine.close();
  return {
    result: outcome.result === undefined ? undefined : JSON.parse(outcome.result),
    error: outcome.error,
    runs,
    firstSeconds,
    updates,
  };
}
