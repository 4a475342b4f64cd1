import type { LineOrigin } from "../client/client.ts";
import { active } from "./active.ts";

export type DurableLogLevel = "INFO" | "WARN" | "ERROR" | "DEBUG";

/**
 * The data that says where a log line comes from. `operationId` is the wire id of the active operation, and absent in
 * the handler itself.
 */
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

/** A logger of the user. The context's logger has `log` only if this logger has `log`. */
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
  /** Called by `configureLogger`, with an object whose function returns the data of the current log line. */
  configureDurableLoggingContext?(durableLoggingContext: DurableLoggingContext): void;
}

/** The part of a logger that handlers and steps see. */
export type DurableContextLogger<Logger extends DurableLogger> = Pick<
  Logger,
  "log" | "warn" | "info" | "error" | "debug"
>;

export interface LoggerConfig<Logger extends DurableLogger> {
  customLogger?: Logger;
  /**
   * Whether the logger of a context is silent during a replay. Default: as before the call, and true before the first
   * call. The logger of a step always writes.
   */
  modeAware?: boolean;
}

export interface LoggerSetup {
  readonly logger: DurableLogger;
  readonly modeAware: boolean;
}

export function lineOrigin(): LineOrigin {
  const { contextId: path = "root", operationName: name, attempt } = active.getStore() ?? {};
  return { path, name, attempt };
}

/** Reads the data of the current log line from the active operation. */
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
