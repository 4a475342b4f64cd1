import { existsSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { DurableError, messageOf } from "../../core/errors.ts";
import { MAX_INVOCATION_MS } from "../../core/limits.ts";
import { closeWorkers } from "../../core/worker-pools.ts";
import { LocalEngine } from "../../local/engine.ts";
import { lambdaContext } from "../../local/lambda-context.ts";
import { type Recording, readRecording } from "../../replay/recording.ts";
import { rehearse } from "../../replay/rehearsal.ts";
import { readEvent } from "../event.ts";
import { ExitCode } from "../exit-code.ts";
import { findExecution } from "../find-execution.ts";
import { openJournalToRead } from "../journal-file.ts";
import type { Output } from "../output.ts";
import { loadHandlerModule, wrappedHandler } from "../run/handler-module.ts";
import { quietStandardOutput } from "../run/surroundings.ts";
import { describeReplay, replayDocument } from "./replay-report.ts";

export interface ReplayOptions {
  db: string;
  handlerFile: string;
  export?: string;
  event?: string;
}

export async function replayCommand(output: Output, target: string, options: ReplayOptions): Promise<ExitCode> {
  quietStandardOutput();
  const given = options.event === undefined ? undefined : await readEvent(options.event);
  const found = isFile(target) ? await readFileOf(target) : await readJournal(target, options.db);
  if (found.lacksInput === true && given === undefined) {
    const message = `${target} does not have the whole input of the execution. Give the input with --event.`;
    throw new DurableError("ERR_RECORDING_INVALID", message);
  }
  const recording = given === undefined ? found : { ...found, input: given };
  const module = await loadHandlerModule(options.handlerFile, options.export);
  const functionName = recording.functionName ?? module.functionName;
  const identity = { functionName, functionArn: functionName, requestId: "replay", tenantId: undefined };
  try {
    const rehearsal = await rehearse(
      wrappedHandler(module),
      { ...recording, functionName },
      { lambdaContext: lambdaContext(identity, () => MAX_INVOCATION_MS), handlerFile: module.file },
    );
    if (output.json) output.printJson(replayDocument(recording, rehearsal));
    else for (const line of describeReplay(recording, rehearsal)) output.print(line);
    return rehearsal.divergence === undefined ? ExitCode.OK : ExitCode.EXECUTION_FAILED;
  } finally {
    await closeWorkers();
  }
}

function isFile(target: string): boolean {
  if (existsSync(target)) return statSync(target).isFile();
  if (!target.endsWith(".json")) return false;
  throw new DurableError("ERR_RECORDING_INVALID", `There is no file ${target}.`);
}

async function readFileOf(path: string): Promise<Recording> {
  let document: unknown;
  try {
    document = JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    throw new DurableError("ERR_RECORDING_INVALID", `${path} cannot be read as JSON: ${messageOf(error)}.`, {
      cause: error,
    });
  }
  return readRecording(document);
}

async function readJournal(target: string, db: string): Promise<Recording> {
  const engine = new LocalEngine({ journal: openJournalToRead(db) });
  try {
    const { arn, input, functionName } = findExecution(engine, target);
    const operations = engine.operations(arn).filter(({ Type: type }) => type !== "EXECUTION");
    return { input, functionName, operations };
  } finally {
    await engine.close();
  }
}
