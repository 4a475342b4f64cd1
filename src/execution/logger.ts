import { active } from "./active.ts";
import type { Scope } from "./scope.ts";

export type DurableLogLevel = "INFO" | "WARN" | "ERROR" | "DEBUG";

/** What a log line says of where it comes from. `operationId` is the wire id; absent in the handler itself. */
export interface DurableLogData {
  requestId: string;
  executionArn: string;
  tenantId?: string;
  operationId?: string;
  operationName?: string;
  attempt?: number;
  [key: string]: unknown;
}

export interface DurableLoggingContext {
  getDurableLogData: () => DurableLogData;
}

/** A logger of the user's. `log` is offered to handlers only when it exists here. */
export interface DurableLogger {
  // biome-ignore lint/suspicious/noExplicitAny: as in the official type.
  log?(level: `${DurableLogLevel}`, ...params: any): void;
  // biome-ignore lint/suspicious/noExplicitAny: as in the official type.
  error(...params: any): void;
  // biome-ignore lint/suspicious/noExplicitAny: as in the official type.
  warn(...params: any): void;
  // biome-ignore lint/suspicious/noExplicitAny: as in the official type.
  info(...params: any): void;
  // biome-ignore lint/suspicious/noExplicitAny: as in the official type.
  debug(...params: any): void;
  /** Called with the way to the current line's data. */
  configureDurableLoggingContext?(durableLoggingContext: DurableLoggingContext): void;
}

/** The part of a logger that handlers and steps see. */
export type DurableContextLogger<Logger extends DurableLogger> = Pick<
  Logger,
  "log" | "warn" | "info" | "error" | "debug"
>;

export interface LoggerConfig<Logger extends DurableLogger> {
  customLogger?: Logger;
  /** Keep quiet while replaying. Default true. */
  modeAware?: boolean;
}

/** A context's logger and whether it keeps quiet while replaying. */
export interface LoggerSetup {
  readonly logger: DurableLogger;
  readonly modeAware: boolean;
}

/** Reads the data of the line being logged from what is active. */
export function loggingContext(
  requestId: string,
  executionArn: string,
  tenantId: string | undefined,
): DurableLoggingContext {
  return {
    getDurableLogData: () => {
      const data: DurableLogData = { requestId, executionArn };
      if (tenantId !== undefined) data.tenantId = tenantId;
      const current = active.getStore();
      if (current?.operationId !== undefined) data.operationId = current.operationId;
      if (current?.operationName !== undefined) data.operationName = current.operationName;
      if (current?.attempt !== undefined) data.attempt = current.attempt;
      return data;
    },
  };
}

/**
 * The logger of a context: silent while what it says was said before. In the handler itself that is until the
 * recorded operations are used up; inside a child context, when the child had finished in an earlier invocation.
 */
export function contextLogger(scope: Scope): DurableContextLogger<DurableLogger> {
  const emit = (level: "log" | "error" | "warn" | "info" | "debug", params: unknown[]): void => {
    const { logger, modeAware } = scope.logger;
    if (modeAware && isRepeated(scope)) return;
    const method = logger[level] as ((...params: unknown[]) => void) | undefined;
    method?.apply(logger, params);
  };
  return {
    log: (...params: unknown[]) => emit("log", params),
    error: (...params: unknown[]) => emit("error", params),
    warn: (...params: unknown[]) => emit("warn", params),
    info: (...params: unknown[]) => emit("info", params),
    debug: (...params: unknown[]) => emit("debug", params),
  };
}

function isRepeated(scope: Scope): boolean {
  const current = active.getStore();
  if (current === undefined) return false;
  return (current.contextId === "root" ? scope.mode : current.enteredIn) !== "execution";
}

const stepLoggers = new WeakMap<DurableLogger, DurableContextLogger<DurableLogger>>();

/** The logger of a step: its code runs only when it has something new to say. One object serves all steps. */
export function stepLogger(scope: Scope): DurableContextLogger<DurableLogger> {
  const { logger } = scope.logger;
  let methods = stepLoggers.get(logger);
  if (methods === undefined) {
    methods = {
      error: logger.error.bind(logger),
      warn: logger.warn.bind(logger),
      info: logger.info.bind(logger),
      debug: logger.debug.bind(logger),
    };
    if (logger.log !== undefined) methods.log = logger.log.bind(logger);
    stepLoggers.set(logger, methods);
  }
  return methods;
}
