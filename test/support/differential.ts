import * as official from "@aws/durable-execution-sdk-js";
import { expect } from "vitest";
import type { OperationUpdate } from "../../src/index.ts";
import * as ours from "../../src/index.ts";
import type { HistoryEvent } from "../../src/testing.ts";
import { type Handler, type OurOptions, type Run, runOfficial, runOurs } from "./service.ts";

/** The classes and functions that a handler takes from its SDK. */
export type Sdk = typeof ours;

/** A handler that both SDKs run; made anew for each, so that it may keep state. */
export interface Case {
  readonly name: string;
  readonly make: (sdk: Sdk) => Handler;
  /** `runtime` is for ours. */
  readonly options?: () => OurOptions;
}

export function runOn(sdk: "official" | "ours", { make, options }: Case): Promise<Run> {
  if (sdk === "official") return runOfficial(make(official as unknown as Sdk), options?.());
  return runOurs(make(ours), options?.());
}

/** Runs the handler on both SDKs over the same engine. */
export async function runBoth(testCase: Case): Promise<{ official: Run; ours: Run }> {
  return { official: await runOn("official", testCase), ours: await runOn("ours", testCase) };
}

/**
 * What must be the same: the outcome, every operation's updates with their payloads, the order of updates inside each
 * context, and the history's events.
 */
export function essence(run: Run) {
  return {
    outcome: run.outcome,
    updates: groupBy(run.updates.map(withoutRandomId), ({ Id }) => Id),
    contexts: groupBy(run.updates.map(withoutRandomId).map(brief), ({ parent }) => parent ?? "root"),
    history: groupBy(run.history.map(timeless), ({ Id }) => Id ?? "invocations"),
  };
}

export async function expectSame(testCase: Case): Promise<void> {
  const { official, ours } = await runBoth(testCase);
  expect(essence(ours)).toEqual(essence(official));
}

/** An execution's own update has an id made from the time; it means nothing. */
const withoutRandomId = (update: OperationUpdate): OperationUpdate => ({
  ...update,
  ...(update.Type === "EXECUTION" ? { Id: "execution" } : {}),
  ...(update.Payload === undefined ? {} : { Payload: withoutStack(update.Payload) }),
});

/** A settled reason is stored with its stack, which names the files of the SDK. */
const withoutStack = (payload: string): string => payload.replaceAll(/"stack":"(?:[^"\\]|\\.)*"/g, '"stack":"…"');

const brief = ({ Id, ParentId, Action, Name }: OperationUpdate) => ({
  parent: ParentId,
  what: `${Action} ${Name ?? ""} ${Id}`,
});

function groupBy<T>(values: readonly T[], key: (value: T) => string | undefined): Record<string, T[]> {
  const groups: Record<string, T[]> = {};
  for (const value of values) {
    const group = key(value) ?? "";
    groups[group] = [...(groups[group] ?? []), value];
  }
  return groups;
}

/** The event without its number, its time, and what names this very execution. */
function timeless(event: HistoryEvent) {
  return JSON.parse(
    JSON.stringify({ ...event, EventId: undefined, EventTimestamp: undefined }, (key, value) => {
      if (key === "RequestId" || key === "CallbackId" || key.endsWith("Timestamp")) return undefined;
      if (key === "DurableExecutionArn") return undefined;
      if (key === "Payload" && typeof value === "string") return withoutStack(value);
      if (key === "StackTrace" && Array.isArray(value)) return value.filter((line) => !line.includes("node:internal"));
      if (event.EventType.startsWith("Execution") && (key === "Id" || key === "Name")) return undefined;
      return value;
    }),
  );
}

/** An error with all its causes, as a result that both SDKs can return. */
export function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { thrown: error };
  const { name, message, cause, errorData } = error as Error & { errorData?: string };
  return { class: error.constructor.name, name, message, errorData, ...(cause ? { cause: describeError(cause) } : {}) };
}
