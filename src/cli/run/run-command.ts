import { DurableError, isDurableError } from "../../core/errors.ts";
import { MAX_DATA_BYTES, MAX_OPERATIONS } from "../../core/limits.ts";
import { closeWorkers } from "../../core/worker-pools.ts";
import type { Journal } from "../../journal/journal.ts";
import { systemClock, VirtualClock } from "../../local/clock.ts";
import { LocalEngine } from "../../local/engine.ts";
import type { ExecutionSummary } from "../../local/executions.ts";
import type { LocalExecution } from "../../local/local-execution.ts";
import { readEvent } from "../event.ts";
import type { ExitCode } from "../exit-code.ts";
import { findExecution } from "../find-execution.ts";
import { openJournal } from "../journal-file.ts";
import type { Output } from "../output.ts";
import { drive } from "./drive.ts";
import {
  type FunctionOptions,
  givenFunctions,
  loadFunctions,
  mergeFunctions,
  withFunctionHint,
} from "./function-option.ts";
import { type HandlerModule, loadHandlerModule, type WatchedHandler, watchedHandler } from "./handler-module.ts";
import { checkFailuresFile } from "./item-failures.ts";
import { type RunSettings, readSettings, toMetadata } from "./run-settings.ts";
import { quietStandardOutput, tellQuotas } from "./surroundings.ts";

interface EngineOptions extends FunctionOptions {
  db: string;
  export?: string;
  virtualTime?: true;
  maxOperations?: number;
  maxData?: number;
  failures?: string;
}

export interface RunOptions extends EngineOptions {
  event: string;
  name?: string;
  fresh?: true;
}

export interface ResumeOptions extends EngineOptions {
  handler?: string;
}

export async function runCommand(output: Output, handlerFile: string, options: RunOptions): Promise<ExitCode> {
  quietStandardOutput();
  checkFailuresFile(options.failures);
  const input = await readEvent(options.event);
  tellQuotas(options.maxOperations, options.maxData);
  const module = await loadHandlerModule(handlerFile, options.export);
  const functions = await loadFunctions(givenFunctions(options));
  const settings: RunSettings = {
    handlerFile: module.file,
    handlerExport: module.exportName,
    maxOperations: options.maxOperations ?? MAX_OPERATIONS,
    maxDataBytes: options.maxData ?? MAX_DATA_BYTES,
    virtualTime: options.virtualTime === true,
    functions,
  };
  const engine = createEngine(openJournal(options.db), settings);
  try {
    const name = options.name !== undefined && options.fresh === true ? freeName(engine, options.name) : options.name;
    const earlier = name === undefined ? undefined : findByName(engine, name);
    if (earlier !== undefined) refuseOtherHandler(earlier, module);
    const { handler, refused } = watchedHandler(module);
    engine.register(module.functionName, handler);
    for (const { register } of functions) register(engine);
    const begin = (): LocalExecution =>
      withFunctionHint(() =>
        engine.start({
          functionName: module.functionName,
          input,
          metadata: toMetadata(settings),
          ...(name !== undefined && { name }),
        }),
      );
    const named = options.name !== undefined && options.fresh !== true;
    const { db, failures } = options;
    return await drive({ output, engine, module, settings, db, failures, earlier, named, refused, begin });
  } finally {
    await engine.close();
    await closeWorkers();
  }
}

export function resumeCommand(output: Output, target: string, options: ResumeOptions): Promise<ExitCode> {
  return withEarlier(target, options, (found) => {
    const begin = (): LocalExecution => withFunctionHint(() => found.engine.resume(found.earlier.arn));
    return drive({ output, ...found, named: false, begin });
  });
}

export interface Earlier {
  readonly engine: LocalEngine;
  readonly earlier: ExecutionSummary;
  readonly module: HandlerModule;
  readonly settings: RunSettings;
  readonly refused: WatchedHandler["refused"];
  readonly db: string;
  readonly failures: string | undefined;
}

/**
 * Calls `goOn` with an engine that has the handler of an execution in the journal. For options that are not given, the
 * values that the journal stores for the execution are used. The journal stores no `failures`.
 */
export async function withEarlier(
  target: string,
  options: ResumeOptions,
  goOn: (found: Earlier) => Promise<ExitCode>,
): Promise<ExitCode> {
  quietStandardOutput();
  checkFailuresFile(options.failures);
  // This engine only finds the execution. The engine that runs the execution needs settings from the journal.
  const journal = openJournal(options.db);
  let engine = new LocalEngine({ journal });
  try {
    const earlier = findExecution(engine, target);
    const kept = readSettings(earlier);
    const handlerFile = options.handler ?? kept.handlerFile;
    if (handlerFile === undefined) {
      const message = `The journal does not say which handler ${earlier.name} belongs to. Name its file with --handler.`;
      throw new DurableError("ERR_HANDLER_UNKNOWN", message);
    }
    tellQuotas(options.maxOperations ?? kept.maxOperations, options.maxData ?? kept.maxDataBytes);
    const module = await loadKept(handlerFile, options.export ?? kept.handlerExport, options.handler === undefined);
    const functions = await loadFunctions(mergeFunctions(givenFunctions(options), kept.functions ?? []));
    const settings: RunSettings = {
      handlerFile: module.file,
      handlerExport: module.exportName,
      maxOperations: options.maxOperations ?? kept.maxOperations ?? MAX_OPERATIONS,
      maxDataBytes: options.maxData ?? kept.maxDataBytes ?? MAX_DATA_BYTES,
      virtualTime: options.virtualTime ?? kept.virtualTime ?? false,
      functions,
    };
    engine = createEngine(journal, settings);
    const { handler, refused } = watchedHandler(module);
    engine.register(earlier.functionName, handler);
    for (const { register } of functions) register(engine);
    return await goOn({ engine, earlier, module, settings, refused, db: options.db, failures: options.failures });
  } finally {
    await engine.close();
    await closeWorkers();
  }
}

async function loadKept(file: string, exportName: string | undefined, isFromJournal: boolean): Promise<HandlerModule> {
  try {
    return await loadHandlerModule(file, exportName);
  } catch (error) {
    if (!isFromJournal || !isDurableError(error) || !MOVED.includes(error.code)) throw error;
    const advice = "If it has moved, name its file with --handler, and its export with --export.";
    throw new DurableError(error.code, `${error.message} ${advice}`, { cause: error });
  }
}

const MOVED = ["ERR_HANDLER_MISSING", "ERR_HANDLER_EXPORT"];

/** The pause before a failed invocation is repeated. The engine's default is longer, but a user waits for this. */
const RETRY_PAUSE_MS = 1_000;

function createEngine(journal: Journal, settings: RunSettings): LocalEngine {
  return new LocalEngine({
    journal,
    clock: settings.virtualTime ? new VirtualClock() : systemClock,
    quotas: { operations: settings.maxOperations, dataBytes: settings.maxDataBytes },
    invocation: { retryPauseMs: RETRY_PAUSE_MS },
  });
}

function findByName(engine: LocalEngine, name: string): ExecutionSummary | undefined {
  const found = engine.find(name);
  return found?.name === name ? found : undefined;
}

/** The first free name of `friday`, `friday-2`, `friday-3` … */
export function freeName(engine: LocalEngine, name: string): string {
  let free = name;
  for (let number = 2; findByName(engine, free) !== undefined; number++) free = `${name}-${number}`;
  return free;
}

function refuseOtherHandler(earlier: ExecutionSummary, module: HandlerModule): void {
  const { handlerExport = module.exportName } = readSettings(earlier);
  if (earlier.functionName === module.functionName && handlerExport === module.exportName) return;
  throw new DurableError(
    "ERR_EXECUTION_NAME_TAKEN",
    `The name "${earlier.name}" belongs to an execution of ${earlier.functionName} (export ${handlerExport}). Choose another --name.`,
  );
}
