import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { basename, extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { DurableError, isDurableError, messageOf } from "../../core/errors.ts";
import type { LocalHandler } from "../../local/local-execution.ts";
import { HandlerImportError } from "../exit-code.ts";

export interface HandlerModule {
  /** An absolute path. */
  file: string;
  exportName: string;
  /** The name of the file without its extension. `run` and `plan` give this name to the function. */
  functionName: string;
  handler: LocalHandler;
  /** The export `formatResult`, which turns a result into text. Absent if the file exports no such function. */
  formatResult?: (result: unknown) => unknown;
}

/**
 * The handler is the export `wantedExport`. If `wantedExport` is undefined, the handler is the export `handler`, or
 * else the default export.
 * @throws DurableError `ERR_HANDLER_MISSING`, `ERR_HANDLER_EXPORT`, or `HandlerImportError`
 */
export async function loadHandlerModule(path: string, wantedExport: string | undefined): Promise<HandlerModule> {
  const file = resolve(path);
  if (!existsSync(file)) throw new DurableError("ERR_HANDLER_MISSING", `There is no handler file ${file}.`);
  if (statSync(file).isDirectory()) {
    throw new DurableError("ERR_HANDLER_MISSING", `${file} is a directory; give the file that exports the handler.`);
  }
  const names = await importModule(file);
  const exportName = wantedExport ?? ["handler", "default"].find((name) => names[name] !== undefined) ?? "handler";
  const handler = names[exportName];
  if (typeof handler !== "function") {
    const functions = Object.keys(names).filter((name) => typeof names[name] === "function");
    const others = functions.length === 0 ? "It exports no function." : `It exports ${functions.join(", ")}.`;
    const problem =
      handler === undefined ? `has no export "${exportName}"` : `exports "${exportName}", which is not a function`;
    throw new DurableError(
      "ERR_HANDLER_EXPORT",
      `${file} ${problem}. ${others} With --export, name the export that withDurableExecution made.`,
    );
  }
  const { formatResult } = names;
  return {
    file,
    exportName,
    functionName: basename(file, extname(file)),
    handler: handler as LocalHandler,
    ...(typeof formatResult === "function" && { formatResult: formatResult as (result: unknown) => unknown }),
  };
}

const LOOK_MS = 5_000;

const SET_TYPE =
  '. Node reads the file as CommonJS, because the nearest package.json says "type": "commonjs". Run ' +
  '"npm pkg set type=module", or let the name of the file end in .mts or .mjs.';

function isTakenForCommonJs(error: unknown): boolean {
  return error instanceof SyntaxError && /import statement outside|Unexpected token 'export'/.test(error.message);
}

const WITH_TSX = 'install tsx (npm install --save-dev tsx) and set NODE_OPTIONS="--import tsx"';

/** The ending that the path of an import lacks, for example `.ts`. Undefined if no known ending gives a file. */
function missingEnding(error: unknown): string | undefined {
  const [, path = ""] = /^Cannot find module '([^']+)'/.exec(messageOf(error)) ?? [];
  return [".ts", ".mts", ".js", ".mjs", "/index.ts", "/index.js"].find((ending) => existsSync(path + ending));
}

function adviceFor(error: unknown): string {
  if (isTakenForCommonJs(error)) return SET_TYPE;
  const code = (error as { code?: unknown } | null)?.code;
  if (code === "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX") {
    return `. Node only strips types, and this syntax makes code. Write it otherwise, or ${WITH_TSX}.`;
  }
  const ending = code === "ERR_MODULE_NOT_FOUND" ? missingEnding(error) : undefined;
  if (ending !== undefined) {
    return `. Node wants the whole name of the file: let the import end in "${ending}", or ${WITH_TSX}.`;
  }
  if (code !== "ERR_UNKNOWN_FILE_EXTENSION") return "";
  return (
    `. Node loads TypeScript from 22.18 on (.ts, .mts, .cts); this is ${process.version}. Use such a version, or give a ` +
    "JavaScript file that is built from this file."
  );
}

/** For some files, V8 prints the place only when the error ends a process. So a second process imports the file. */
function placeOf(error: SyntaxError, file: string): string | undefined {
  const found = placeIn(error.stack);
  if (found !== undefined) return found;
  const script = `import(${JSON.stringify(pathToFileURL(file).href)})`;
  return placeIn(spawnSync(process.execPath, ["--eval", script], { encoding: "utf8", timeout: LOOK_MS }).stderr);
}

function placeIn(text: string | undefined): string | undefined {
  const [, place] = /^((?:file:\/\/)?[^\s()]+:\d+)$/m.exec(text ?? "") ?? [];
  return place?.replace(/^file:\/\//, "");
}

/** For example `/app/orders.ts:12`. Undefined for a `DurableError`, because its stack begins in this package. */
function firstFrame(error: unknown): string | undefined {
  if (!(error instanceof Error) || isDurableError(error)) return undefined;
  const [, place] = /^ +at .*?((?:file:\/\/)?\/[^\s()]+:\d+):\d+\)?$/m.exec(error.stack ?? "") ?? [];
  return place?.replace(/^file:\/\//, "");
}

async function importModule(file: string): Promise<Record<string, unknown>> {
  let names: Record<string, unknown>;
  try {
    names = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (error) {
    const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    const place = error instanceof SyntaxError ? placeOf(error, file) : firstFrame(error);
    const at = place === undefined ? "" : ` (${place})`;
    const message = `${file} cannot be imported: ${reason}${at}${adviceFor(error)}`;
    // The code of a DurableError, for example of a wrong setting, helps the user more than "ERR_HANDLER_IMPORT".
    const code = isDurableError(error) ? error.code : "ERR_HANDLER_IMPORT";
    throw new HandlerImportError(code, message, { cause: error });
  }
  // Node does not find all exports of some CommonJS files. The default export has all of them.
  const inner = names["default"];
  if (names["module.exports"] === undefined || typeof inner !== "object" || inner === null) return names;
  return { ...(inner as Record<string, unknown>), ...names };
}

/** Matches the errors of a plain function that uses the context of Lambda like a durable context. */
const LACKS =
  /\b(?:step|map|parallel|wait|invoke|runInChildContext|createCallback|waitForCallback|waitForCondition|configureLogger) is not a function|\(reading '(?:info|warn|error|debug|all|allSettled|any|race)'\)/;

/**
 * The wrapped handler calls `refuse` if the handler seems to be a plain function (without `withDurableExecution`): the
 * answer has no `Status`, or the handler throws an error that matches `LACKS`.
 * @param refuse by default fails the execution, because the service would repeat an invocation that throws
 */
export function wrappedHandler(
  { file, exportName, handler }: Omit<HandlerModule, "functionName">,
  refuse: (error: DurableError) => ReturnType<LocalHandler> = failExecution,
): LocalHandler {
  const advice = `The export "${exportName}" of ${file} is a plain function: wrap it in withDurableExecution.`;
  const refused = () => refuse(new DurableError(NOT_DURABLE, advice));
  return async (event, context) => {
    try {
      const answer = await handler(event, context);
      return typeof answer === "object" && answer !== null && "Status" in answer ? answer : refused();
    } catch (error) {
      if (error instanceof TypeError && LACKS.test(error.message)) return refused();
      throw error;
    }
  };
}

export const NOT_DURABLE = "ERR_HANDLER_NOT_DURABLE";

async function failExecution({ code, message }: DurableError) {
  return { Status: "FAILED", Error: { ErrorType: code, ErrorMessage: message } };
}

/** `refused` resolves if the handler is a plain function. The handler's promise then never settles. */
export interface WatchedHandler {
  readonly handler: LocalHandler;
  readonly refused: Promise<{ readonly error: DurableError }>;
}

/** A plain function does not end the execution. So a corrected handler can continue an earlier execution. */
export function watchedHandler(module: HandlerModule): WatchedHandler {
  let settle: (refusal: { error: DurableError }) => void = () => {};
  const refused = new Promise<{ error: DurableError }>((resolve) => {
    settle = resolve;
  });
  const refuse = (error: DurableError): Promise<never> => {
    settle({ error });
    return new Promise(() => {});
  };
  return { handler: wrappedHandler(module, refuse), refused };
}
