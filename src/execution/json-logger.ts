import { environment } from "../core/environment.ts";
import { isError } from "../core/errors.ts";
import type { DurableLogData, DurableLogger, DurableLoggingContext, DurableLogLevel } from "./logger.ts";

const SEVERITY: Record<DurableLogLevel, number> = { DEBUG: 0, INFO: 1, WARN: 2, ERROR: 3 };

let output: InstanceType<typeof console.Console> | undefined;

/**
 * Writes one JSON object per line, with the members of Lambda's structured logging. The levels debug and info go to
 * standard output, warnings and errors to standard error. `AWS_LAMBDA_LOG_LEVEL` sets the lowest level that is written:
 * DEBUG, INFO, WARN or ERROR. With another value all lines are written.
 */
export class JsonLogger implements DurableLogger {
  #context: DurableLoggingContext | undefined;
  readonly #least: number;
  readonly #extraMembers: (() => object | undefined) | undefined;

  /** `extraMembers` is called for each written line. Its members come before the message. */
  constructor(extraMembers?: () => object | undefined) {
    this.#extraMembers = extraMembers;
    const level = environment().AWS_LAMBDA_LOG_LEVEL?.toUpperCase() ?? "DEBUG";
    this.#least = SEVERITY[level as DurableLogLevel] ?? SEVERITY.DEBUG;
  }

  configureDurableLoggingContext(context: DurableLoggingContext): void {
    this.#context = context;
  }

  error(...params: unknown[]): void {
    this.log("ERROR", ...params);
  }

  warn(...params: unknown[]): void {
    this.log("WARN", ...params);
  }

  info(...params: unknown[]): void {
    this.log("INFO", ...params);
  }

  debug(...params: unknown[]): void {
    this.log("DEBUG", ...params);
  }

  log(level: DurableLogLevel, ...params: unknown[]): void {
    if (SEVERITY[level] < this.#least) return;
    const { requestId, executionArn, ...rest }: Partial<DurableLogData> = this.#context?.getDurableLogData() ?? {};
    const known = { requestId, timestamp: new Date().toISOString(), level, executionArn, ...rest };
    const text = toLine({ ...known, ...this.#extraMembers?.() }, params);
    output ??= new (process.getBuiltinModule("node:console").Console)(process.stdout, process.stderr);
    if (level === "WARN" || level === "ERROR") output.error(text);
    else output.log(text);
  }
}

function toLine(line: object, params: readonly unknown[]): string {
  if (params.length === 0 || (params.length === 1 && params[0] === undefined))
    return JSON.stringify({ ...line, message: "" });
  if (params.length === 1) {
    const [message] = params;
    try {
      return JSON.stringify({ ...line, message: isError(message) ? describe(message) : message });
    } catch {
      return JSON.stringify({ ...line, message: format(params) });
    }
  }
  const error = params.find(isError);
  return JSON.stringify({ ...line, message: format(params), ...(error && describeMain(error)) });
}

function format(params: readonly unknown[]): string {
  return process.getBuiltinModule("node:util").formatWithOptions({ breakLength: Number.POSITIVE_INFINITY }, ...params);
}

function describeMain(error: Error) {
  return { errorType: error.name, errorMessage: error.message, stackTrace: error.stack?.split("\n") ?? [] };
}

function describe(error: Error) {
  return { ...describeMain(error), ...error };
}
