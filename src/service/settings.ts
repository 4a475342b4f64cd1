import {
  MAX_DATA_BYTES,
  MAX_ERROR_BYTES,
  MAX_EXECUTION_PAYLOAD_BYTES,
  MAX_INVOCATION_MS,
  MAX_OPERATIONS,
  MAX_PAYLOAD_BYTES,
} from "../core/limits.ts";
import { invalidSetting, type OwnRow, readTable } from "../core/setting.ts";
import { MAX_PAGE_BYTES } from "./state-pages.ts";

/** The service's limits. Each limit can be changed, and `Infinity` removes it. */
export interface LocalQuotas {
  /** Operations of one execution, the execution itself not counted. 0 or more, or Infinity. Default 3,000. */
  readonly operations: number;
  /** Bytes written by one execution: payloads, errors and the input. 0 or more, or Infinity. Default 104,857,600. */
  readonly dataBytes: number;
  /** Bytes of one payload. 0 or more, or Infinity. Default 262,144. */
  readonly payloadBytes: number;
  /** Bytes of one error object. 0 or more, or Infinity. Default 32,768. */
  readonly errorBytes: number;
  /** Bytes of an execution's input, and of its result. 0 or more, or Infinity. Default 6,291,456. */
  readonly inputBytes: number;
}

export interface LocalInvocationSettings {
  /** Milliseconds until an invocation is cut off. 0 or more, or Infinity. Default 900,000. */
  readonly timeoutMs: number;
  /** Failed invocations in a row that end the execution. 0 or more, or Infinity. Default 5. */
  readonly maxFailures: number;
  /** Milliseconds between a failed invocation and the next one. 0 or more, or Infinity. Default 5,000. */
  readonly retryPauseMs: number;
}

/** A delay for each answer, as in a network. */
export interface LocalLatency {
  /** Milliseconds added to the answer to each checkpoint. 0 or more, or Infinity. Default 0. */
  readonly checkpoint: number;
  /** Milliseconds added to each page of recorded operations. 0 or more, or Infinity. Default 0. */
  readonly getState: number;
}

/** The part of the recorded operations in an invocation's event. The handler reads the others. */
export interface LocalStatePage {
  /** Operations in the event. 0 or more, or Infinity. Default Infinity. */
  readonly maxItems: number;
  /** Bytes of a page. 0 or more, or Infinity. Default 5,242,880. */
  readonly maxBytes: number;
}

export interface LocalSettings {
  readonly quotas: LocalQuotas;
  readonly invocation: LocalInvocationSettings;
  readonly latencyMs: LocalLatency;
  readonly statePage: LocalStatePage;
}

/** The same settings, with optional members. */
export type LocalSettingsOptions = { readonly [Group in keyof LocalSettings]?: Partial<LocalSettings[Group]> };

function amount(fallback: number): OwnRow<number> {
  const allowed = "0 or more, or Infinity";
  const read = (raw: unknown, where: string): number => {
    if (typeof raw === "number" && raw >= 0) return raw;
    throw invalidSetting(where, raw, allowed);
  };
  return { fallback, variable: "", allowed, read };
}

/**
 * The settings of the engine. The docstrings of `LocalSettings` say what each setting means. No variable overrides
 * them.
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
  latencyMs: { checkpoint: amount(0), getState: amount(0) },
  statePage: { maxItems: amount(Number.POSITIVE_INFINITY), maxBytes: amount(MAX_PAGE_BYTES) },
};

/**
 * Completes the options with the defaults. Members that the table lacks are ignored.
 * @throws DurableError `ERR_SETTING_INVALID`, naming the setting.
 */
export function resolveLocalSettings(options: LocalSettingsOptions): LocalSettings {
  const groups = Object.entries(ENGINE_TABLE).map(([name, table]) => {
    const given: Record<string, unknown> = { ...options[name as keyof LocalSettings] };
    const known = Object.fromEntries(Object.keys(table).map((key) => [key, given[key]]));
    return [name, readTable(table, name, known, {})];
  });
  return Object.fromEntries(groups);
}
