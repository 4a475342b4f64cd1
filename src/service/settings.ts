import {
  MAX_DATA_BYTES,
  MAX_ERROR_BYTES,
  MAX_EXECUTION_PAYLOAD_BYTES,
  MAX_INVOCATION_MS,
  MAX_OPERATIONS,
  MAX_PAYLOAD_BYTES,
} from "../core/limits.ts";
import { formatCount } from "../core/quantity.ts";
import { invalidSetting, type OwnRow, readTable } from "../core/setting.ts";
import { MAX_TIMER_MS } from "../core/time.ts";
import { MAX_PAGE_BYTES } from "./state-pages.ts";

/** The service's quotas. Each quota can be changed. `Infinity` removes a quota. */
export interface LocalQuotas {
  /** Operations that one execution may have, without the execution itself. 0 or more, or Infinity. Default 3,000. */
  readonly operations: number;
  /**
   * Bytes that one execution may write: payloads, errors and the input. 0 or more, or Infinity. Default 104,857,600.
   */
  readonly dataBytes: number;
  /** Bytes that one payload may have. 0 or more, or Infinity. Default 262,144. */
  readonly payloadBytes: number;
  /** An error object must have fewer bytes than this number. 0 or more, or Infinity. Default 32,768. */
  readonly errorBytes: number;
  /** Bytes that the input or the result of an execution may have. 0 or more, or Infinity. Default 6,291,456. */
  readonly inputBytes: number;
}

export interface LocalInvocationSettings {
  /** Milliseconds after which the engine ends an invocation. 0 or more, or Infinity. Default 900,000. */
  readonly timeoutMs: number;
  /** Failed invocations, one after the other, after which the execution fails. 0 or more, or Infinity. Default 5. */
  readonly maxFailures: number;
  /** Milliseconds between a failed invocation and the next one. 0 or more, or Infinity. Default 5,000. */
  readonly retryPauseMs: number;
}

/** Delays of the answers, which imitate a network. */
export interface LocalLatency {
  /** Milliseconds that the answer to each checkpoint is delayed. 0 to 2,147,483,647. Default 0. */
  readonly checkpoint: number;
  /** Milliseconds that each further page of recorded operations is delayed. 0 to 2,147,483,647. Default 0. */
  readonly getState: number;
}

/** How many recorded operations the event of an invocation contains. The handler reads the others in further pages. */
export interface LocalStatePage {
  /** Operations that the event may contain. 0 or more, or Infinity. Default Infinity. */
  readonly maxItems: number;
  /** Bytes that one page may have. 0 or more, or Infinity. Default 5,242,880. */
  readonly maxBytes: number;
}

export interface LocalSettings {
  readonly quotas: LocalQuotas;
  readonly invocation: LocalInvocationSettings;
  readonly latencyMs: LocalLatency;
  readonly statePage: LocalStatePage;
}

/** `LocalSettings` whose members are all optional. */
export type LocalSettingsOptions = { readonly [Group in keyof LocalSettings]?: Partial<LocalSettings[Group]> };

function amount(fallback: number, most = Number.POSITIVE_INFINITY): OwnRow<number> {
  const allowed = most === Number.POSITIVE_INFINITY ? "0 or more, or Infinity" : `0 to ${formatCount(most)}`;
  const read = (raw: unknown, where: string): number => {
    if (typeof raw === "number" && raw >= 0 && raw <= most) return raw;
    throw invalidSetting(where, raw, allowed);
  };
  return { fallback, variable: "", allowed, read };
}

/**
 * The settings of the engine, with their defaults. `LocalSettings` explains each setting. There are no environment
 * variables for these settings.
 */
export const ENGINE_TABLE = {
  quotas: {
    operations: amount(MAX_OPERATIONS),
    dataBytes: amount(MAX_DATA_BYTES),
    payloadBytes: amount(MAX_PAYLOAD_BYTES),
    errorBytes: amount(MAX_ERROR_BYTES),
    inputBytes: amount(MAX_EXECUTION_PAYLOAD_BYTES),
  },
  invocation: { timeoutMs: amount(MAX_INVOCATION_MS), maxFailures: amount(5), retryPauseMs: amount(5_000) },
  latencyMs: { checkpoint: amount(0, MAX_TIMER_MS), getState: amount(0, MAX_TIMER_MS) },
  statePage: { maxItems: amount(Number.POSITIVE_INFINITY), maxBytes: amount(MAX_PAGE_BYTES) },
};

/**
 * Adds the defaults to the options. Unknown members are ignored.
 * @throws DurableError `ERR_SETTING_INVALID` with the name of the setting
 */
export function resolveLocalSettings(options: LocalSettingsOptions): LocalSettings {
  const groups = Object.entries(ENGINE_TABLE).map(([name, table]) => {
    const given: Record<string, unknown> = { ...options[name as keyof LocalSettings] };
    const known = Object.fromEntries(Object.keys(table).map((key) => [key, given[key]]));
    return [name, readTable(table, name, known, {})];
  });
  return Object.fromEntries(groups);
}
