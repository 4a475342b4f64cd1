import { active } from "./active.ts";

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
      if (current?.operation !== undefined) data.operationId = current.operation.id;
      if (current?.operationName !== undefined) data.operationName = current.operationName;
      if (current?.attempt !== undefined) data.attempt = current.attempt;
      return data;
    },
  };
}
