import pc from "picocolors";
import { DurableError } from "../../core/errors.ts";
import { formatDuration } from "../../core/quantity.ts";
import type { ErrorObject } from "../../core/wire.ts";
import { LocalEngine } from "../../local/engine.ts";
import type { OpenCallback } from "../../service/open-callbacks.ts";
import { commandHint } from "../command-hint.ts";
import { callbackDocument } from "../documents.ts";
import { ExitCode } from "../exit-code.ts";
import { findExecution } from "../find-execution.ts";
import { describePlaces, placed } from "../inspect/callback-places.ts";
import { openJournalToRead } from "../journal-file.ts";
import type { Output } from "../output.ts";
import { readTextSource } from "../text-source.ts";
import { deliver } from "./callback-delivery.ts";
import type { CallbackRequest } from "./callback-request.ts";

interface CallbackOptions {
  db: string;
}

interface FoundCallback extends OpenCallback {
  readonly executionName: string;
  readonly places: readonly string[];
}

async function openCallbacks(db: string, target: string | undefined): Promise<FoundCallback[]> {
  const engine = new LocalEngine({ journal: openJournalToRead(db) });
  try {
    const executions = target === undefined ? engine.list() : [findExecution(engine, target)];
    return executions.flatMap(({ arn, name, status }) => {
      const open = status === "RUNNING" ? engine.openCallbacks(arn) : [];
      if (open.length === 0) return [];
      return placed(open, engine.operations(arn)).map((callback) => ({ ...callback, executionName: name }));
    });
  } finally {
    await engine.close();
  }
}

export async function callbacksCommand(
  output: Output,
  target: string | undefined,
  { db }: CallbackOptions,
): Promise<ExitCode> {
  const open = await openCallbacks(db, target);
  if (output.json) {
    for (const callback of open) output.printJson(callbackDocument(callback));
    return ExitCode.OK;
  }
  if (open.length === 0) output.say("No callback is open.");
  const nowMs = Date.now();
  for (const callback of open) {
    const { executionName, startTimestamp, callbackId } = callback;
    const since = formatDuration(Math.max(0, nowMs - startTimestamp));
    const cells = [
      pc.bold(describePlaces(callback)),
      executionName,
      `open for ${since}`,
      ...deadlines(callback, nowMs),
    ];
    output.print(cells.join("  "));
    output.print(pc.dim(`  ${callbackId}`));
  }
  return ExitCode.OK;
}

function deadlines({ timeoutTimestamp, heartbeatTimestamp }: OpenCallback, nowMs: number): string[] {
  const within = (what: string, atMs: number | undefined): string[] => {
    if (atMs === undefined) return [];
    return [atMs > nowMs ? `${what} in ${formatDuration(atMs - nowMs)}` : `${what} now`];
  };
  const told = [...within("times out", timeoutTimestamp), ...within("heartbeat due", heartbeatTimestamp)];
  return told.length === 0 ? ["no time-out"] : told;
}

export async function completeCommand(
  output: Output,
  target: string,
  { db, result }: CallbackOptions & { result?: string },
): Promise<ExitCode> {
  const text = result === undefined ? undefined : await readText(result, "--result", "result");
  return act(output, target, db, (callbackId) => ({ action: "complete", callbackId, result: text }));
}

export async function failCommand(
  output: Output,
  target: string,
  { db, error }: CallbackOptions & { error?: string },
): Promise<ExitCode> {
  const given = error === undefined ? {} : readErrorObject(await readText(error, "--error", "error"));
  return act(output, target, db, (callbackId) => ({ action: "fail", callbackId, error: given }));
}

export async function heartbeatCommand(output: Output, target: string, { db }: CallbackOptions): Promise<ExitCode> {
  return act(output, target, db, (callbackId) => ({ action: "heartbeat", callbackId }));
}

const DONE: Readonly<Record<CallbackRequest["action"], string>> = {
  complete: "is completed",
  fail: "has failed",
  heartbeat: "has had its heartbeat",
};

async function act(
  output: Output,
  target: string,
  db: string,
  make: (callbackId: string) => CallbackRequest,
): Promise<ExitCode> {
  const found = choose(target, await openCallbacks(db, undefined));
  const request = make(found?.callbackId ?? target);
  const doer = await deliver(db, request);
  if (output.json)
    output.printJson({ type: "callback-done", action: request.action, callbackId: request.callbackId, doneBy: doer });
  else output.say(`Callback ${found?.name ?? target} ${DONE[request.action]}.`);
  if (doer === "this process" && found !== undefined) {
    const hint = commandHint(["resume", found.executionName], db);
    output.say(`No process runs the execution. To let it go on: ${pc.cyan(hint)}`);
  }
  return ExitCode.OK;
}

function choose(target: string, open: readonly FoundCallback[]): FoundCallback | undefined {
  const byId = open.find(({ callbackId }) => callbackId === target);
  if (byId !== undefined) return byId;
  const named = open.filter(({ name }) => name === target);
  if (named.length === 1) return named[0];
  if (named.length > 1) {
    const message = `${named.length} open callbacks are named "${target}". Give an id; the callbacks command lists them.`;
    throw new DurableError("ERR_CALLBACK_AMBIGUOUS", message);
  }
  // A long text in base64 counts as an id. If the callback is not open, the engine throws an error that says why.
  if (/^[A-Za-z0-9+/=]{60,}$/.test(target)) return undefined;
  const names = [...new Set(open.map(({ name }) => name ?? "(unnamed)"))].slice(0, 10).join(", ");
  const there = open.length === 0 ? "None is open." : `Open: ${names}.`;
  throw new DurableError("ERR_CALLBACK_UNKNOWN", `No open callback has the id or name "${target}". ${there}`);
}

/** Removes one line break at the end of the text, because most files and the output of `echo` end with a line break. */
async function readText(source: string, option: string, noun: "result" | "error"): Promise<string> {
  const { text } = await readTextSource(source, option, noun, `ERR_${noun.toUpperCase()}_UNREADABLE`);
  return text.replace(/\r?\n$/, "");
}

function readErrorObject(text: string): ErrorObject {
  if (!text.trimStart().startsWith("{")) return { ErrorMessage: text };
  let given: Record<string, unknown>;
  try {
    given = JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    throw invalidError(`it is not JSON: ${(error as Error).message}`, error);
  }
  for (const [member, value] of Object.entries(given)) {
    const isLines = Array.isArray(value) && value.every((line) => typeof line === "string");
    const isRight = member === "StackTrace" ? isLines : typeof value === "string";
    if (!isRight || !["ErrorMessage", "ErrorType", "ErrorData", "StackTrace"].includes(member)) {
      throw invalidError(`it has "${member}": ${JSON.stringify(value)}`);
    }
  }
  return given as ErrorObject;
}

function invalidError(problem: string, cause?: unknown): DurableError {
  const message =
    `The --error cannot be taken, ${problem}. Give a message, or JSON with ErrorMessage, ErrorType and ErrorData ` +
    "(text) and StackTrace (a list of texts).";
  return new DurableError("ERR_ERROR_INVALID", message, { cause });
}
