import { DurableError } from "../core/errors.ts";
import {
  MAX_DATA_BYTES,
  MAX_ERROR_BYTES,
  MAX_EXECUTION_PAYLOAD_BYTES,
  MAX_INVOCATION_MS,
  MAX_OPERATIONS,
  MAX_PAYLOAD_BYTES,
} from "../core/limits.ts";
import { MAX_PAGE_BYTES } from "./state-pages.ts";

/** What the service allows; each can be moved, and `Infinity` lifts it. */
export interface LocalQuotas {
  /** Operations of one execution, the execution itself not counted. Default 3,000. */
  readonly operations: number;
  /** Bytes written by one execution: payloads, errors and the input. Default 100 MB. */
  readonly dataBytes: number;
  /** Bytes of one payload. Default 262,144. */
  readonly payloadBytes: number;
  /** Bytes of one error object. Default 32,768. */
  readonly errorBytes: number;
  /** Bytes of an execution's input, and of its result. Default 6 MB. */
  readonly inputBytes: number;
}

export interface LocalInvocationSettings {
  /** Milliseconds until an invocation is cut off. Default 900,000. */
  readonly timeoutMs: number;
  /** Failed invocations in a row that end the execution. Default 5. */
  readonly maxFailures: number;
  /** Milliseconds between a failed invocation and the next one. Default 5,000. */
  readonly retryPauseMs: number;
}

/** Milliseconds added to each answer, as a network would. Default 0. */
export interface LocalLatency {
  readonly checkpoint: number;
  readonly getState: number;
}

export interface LocalStatePage {
  /** Operations in the event. Default: no limit. */
  readonly maxItems: number;
  /** Bytes of a page. Default 5 MiB. */
  readonly maxBytes: number;
}

export interface LocalSettings {
  readonly quotas: LocalQuotas;
  readonly invocation: LocalInvocationSettings;
  readonly latencyMs: LocalLatency;
  readonly statePage: LocalStatePage;
}

/** The same, each member optional. */
export type LocalSettingsOptions = { readonly [Group in keyof LocalSettings]?: Partial<LocalSettings[Group]> };

const DEFAULTS: LocalSettings = {
  quotas: {
    operations: MAX_OPERATIONS,
    dataBytes: MAX_DATA_BYTES,
    payloadBytes: MAX_PAYLOAD_BYTES,
    errorBytes: MAX_ERROR_BYTES,
    inputBytes: MAX_EXECUTION_PAYLOAD_BYTES,
  },
  invocation: { timeoutMs: MAX_INVOCATION_MS, maxFailures: 5, retryPauseMs: 5_000 },
  latencyMs: { checkpoint: 0, getState: 0 },
  statePage: { maxItems: Number.POSITIVE_INFINITY, maxBytes: MAX_PAGE_BYTES },
};

/** @throws DurableError `ERR_SETTING_INVALID`, naming the setting. */
export function resolveLocalSettings(options: LocalSettingsOptions): LocalSettings {
  const groups = Object.entries(DEFAULTS).map(([group, defaults]) => {
    const given = options[group as keyof LocalSettings] ?? {};
    const chosen = {
      ...defaults,
      ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    };
    for (const [name, value] of Object.entries(chosen)) {
      if (typeof value === "number" && value >= 0) continue;
      throw new DurableError("ERR_SETTING_INVALID", `${group}.${name} is ${value}; allowed: 0 or more, or Infinity.`);
    }
    return [group, chosen];
  });
  return Object.fromEntries(groups) as LocalSettings;
}
