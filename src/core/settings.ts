import { type BatchSize, readBatchSize } from "./batch-size.ts";
import { environment } from "./environment.ts";
import { MAX_DATA_BYTES, MAX_OPERATIONS, MAX_PAYLOAD_BYTES, MAX_REQUEST_BYTES, MAX_REQUEST_UPDATES } from "./limits.ts";
import { type OwnRow, oneOf, readTable, rowsOf, type SettingsOf, variableOf, whole } from "./setting.ts";

/**
 * The form in which payloads are written. All forms are always read.
 * - `json`: exactly `JSON.stringify`, byte for byte what the official SDK writes.
 * - `compact`: the same values as JSON gives, in fewer bytes; short payloads stay JSON.
 * - `typed`: also keeps Date, Map, Set, BigInt, typed arrays, `undefined` members, NaN, infinities, -0, RegExp, Error.
 */
export type CodecName = "json" | "compact" | "typed";

/** What happens when a map or parallel begins and needs more operations than the execution may still begin. */
export type QuotaReaction = "error" | "warn" | "off";

/** The runtime's settings. All are optional. The environment variable named beside a setting overrides the setting. */
export interface RuntimeOptions {
  /**
   * How many branches of one `map` or `parallel` may be at work at once, if the call has neither `concurrency` nor
   * `maxConcurrency`. A branch that only waits is not at work. 1 to 1,000,000, or Infinity ("unlimited"). Default 256.
   * `DURABLE_FANOUT_CONCURRENCY`
   */
  concurrency?: number;
  /**
   * How many items of a `map` share one operation, unless the call has a `batch` of its own: 1 to 10,000,
   * `{ maxItems, maxBytes }`, or false for no batches. The environment variable is a number or JSON. Default: batches
   * of 100 for a map of a stream and for a map that does not collect all results, otherwise no batches.
   * `DURABLE_FANOUT_BATCH`
   */
  batch?: number | false | BatchSize;
  /**
   * Milliseconds for which the functions of items and steps may compute in one tick of the event loop. Further
   * functions wait for the next tick, so that requests leave and timers fire. With 0 each function waits. No function
   * is ever interrupted. 0 to 60,000, or Infinity ("unlimited"). Default 32. `DURABLE_FANOUT_TICK_MS`
   */
  tickMs?: number;
  /**
   * The old name of `tickMs`, in milliseconds. If `tickMs` is not 32, `turnMs` has no effect. 0 to 60,000, or
   * Infinity ("unlimited"). Default: the value of `tickMs`. `DURABLE_FANOUT_TURN_MS`
   * @deprecated Use `tickMs` and `DURABLE_FANOUT_TICK_MS`. The next version drops this name.
   */
  turnMs?: number;
  checkpoint?: {
    /**
     * The greatest number of bytes of one checkpoint request. An update with more bytes is sent alone. 1,024 to
     * 6,291,456. Default 768,000. `DURABLE_FANOUT_CHECKPOINT_MAX_BYTES`
     */
    maxBytes?: number;
    /**
     * The greatest number of updates in one checkpoint request. 1 to 1,000. Default 250.
     * `DURABLE_FANOUT_CHECKPOINT_MAX_UPDATES`
     */
    maxUpdates?: number;
    /**
     * The greatest number of items in batches that have ended and are not yet recorded. At this number, no further item
     * begins. After a crash, these items and the running items run again. With 0 each item is recorded before the next
     * item begins. 0 to 100,000. Default 500. `DURABLE_FANOUT_CHECKPOINT_MAX_UNACKNOWLEDGED`
     */
    maxUnacknowledged?: number;
    /**
     * Milliseconds for which an ended item of a batch may stay unrecorded while another item of the batch waits. After
     * this time, the ended items are written to a further operation. 0 to 900,000. Default 30,000.
     * `DURABLE_FANOUT_CHECKPOINT_MAX_UNRECORDED_MS`
     */
    maxUnrecordedMs?: number;
    /**
     * Whether to leave out the START of a step, condition or context that ends before an update inside it is sent. A
     * map with `NestingType.FLAT` then sends half the updates, in fewer requests. The history shows such an operation
     * only when the operation ends, or when something inside it is recorded. At-most-once steps and repeated attempts
     * always send their START. Default false. `DURABLE_FANOUT_CHECKPOINT_ELIDE_STARTS`
     */
    elideStarts?: boolean;
    /**
     * Milliseconds for which an update may wait, so that one request carries more updates. There are fewer requests
     * than with 0, and acknowledgements come later. No update waits when a request is full or the invocation is about
     * to end. An operation is not yet recorded while its START waits. 0 to 10,000. Default 0.
     * `DURABLE_FANOUT_CHECKPOINT_MAX_DELAY_MS`
     */
    maxDelayMs?: number;
  };
  /**
   * The form in which payloads are written. All forms are always read. `json`, `compact` or `typed`. Default `compact`.
   * `DURABLE_FANOUT_CODEC`
   */
  codec?: CodecName;
  /**
   * The codecs `compact` and `typed` pack a payload that has at least this number of bytes as JSON, if this saves a
   * tenth of the bytes. A shorter payload stays JSON, which people can read in consoles. For the payload of a batch the
   * number is a quarter of this number. For the result of a map or parallel it is 16 times this number. With Infinity
   * no JSON is packed. The codec `typed` always packs a value that JSON cannot store. 0 to 6,291,456, or Infinity
   * ("unlimited"). Default 4,096. `DURABLE_FANOUT_PACK_FROM_BYTES`
   */
  packFromBytes?: number;
  quotas?: {
    /**
     * The greatest number of bytes of one operation's payload. A step with a larger result fails. A context with a
     * larger result is recorded without the result, and a replay makes the result again from the operations inside the
     * context. 1,024 to 6,291,456. Default 262,144. `DURABLE_FANOUT_QUOTA_PAYLOAD_BYTES`
     */
    payloadBytes?: number;
    /**
     * The number of operations that the service accepts in one execution. Warnings and checks use this number. 1 to
     * 1,000,000,000, or Infinity ("unlimited"). Default 3,000. `DURABLE_FANOUT_QUOTA_OPERATIONS`
     */
    operations?: number;
    /**
     * The number of bytes of data that one execution may write. Warnings use this number. 1 to 1,000,000,000,000, or
     * Infinity ("unlimited"). Default 104,857,600. `DURABLE_FANOUT_QUOTA_DATA_BYTES`
     */
    dataBytes?: number;
    /**
     * What happens when a map or parallel begins and needs more operations than the quota has left. `warn` logs a
     * warning. `error` fails the execution before the map writes anything. `off` does nothing. `error`, `warn` or
     * `off`. Default `warn`. `DURABLE_FANOUT_QUOTA_ON_EXCEED`
     */
    onExceed?: QuotaReaction;
  };
  /** Whether to log the usage of each invocation, as one line at its end. Default false. `DURABLE_FANOUT_LOG_USAGE` */
  logUsage?: boolean;
  suspension?: {
    /**
     * The grace period in milliseconds. When all operations wait, the invocation ends after this time. Code between
     * operations must reach its next operation within this time. 0 to 10,000. Default 20.
     * `DURABLE_FANOUT_SUSPENSION_GRACE_MS`
     */
    graceMs?: number;
    /**
     * Milliseconds before the platform's deadline at which the invocation begins to drain: nothing new begins, running
     * work ends and is recorded, and all other work continues in the next invocation. With 0 the deadline makes no
     * invocation drain. 0 to 900,000. Default: a tenth of the invocation's time, 1,000 to 30,000, but at most half of
     * the time. `DURABLE_FANOUT_SUSPENSION_RESERVE_MS`
     */
    reserveMs?: number;
  };
}

export const PACK_FROM_BYTES = 4_096;

/** For a batch's payload, `packFromBytes` is multiplied by this factor, because people need not read the payload. */
export const BATCH_PACK_FACTOR = 1 / 4;

/**
 * For the result of a map or parallel, `packFromBytes` is multiplied by this factor. The factor is large, so that a
 * hundred small results do not make a new process load the packing code.
 */
export const FAN_OUT_PACK_FACTOR = 16;

const LARGEST_BYTES = 6 * 1024 * 1024;

const BATCH: OwnRow<BatchSize | false | undefined> = {
  fallback: undefined,
  read: (raw, where, isText) => {
    const given = isText ? jsonOrText(raw as string) : raw;
    return given === false ? false : readBatchSize((member) => where + member, given);
  },
};

/** A text that is not JSON is returned unchanged, so that the error can show the text. */
function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The table of the settings in `runtime`. The docstrings of `RuntimeOptions` say what the settings mean. */
export const RUNTIME_TABLE = {
  concurrency: whole(256, 1, 1_000_000, true),
  batch: BATCH,
  tickMs: whole(32, 0, 60_000, true),
  turnMs: whole(undefined, 0, 60_000, true),
  checkpoint: {
    maxBytes: whole(MAX_REQUEST_BYTES, 1_024, LARGEST_BYTES),
    maxUpdates: whole(MAX_REQUEST_UPDATES, 1, 1_000),
    maxUnacknowledged: whole(500, 0, 100_000),
    maxUnrecordedMs: whole(30_000, 0, 900_000),
    elideStarts: oneOf(false, [true, false]),
    maxDelayMs: whole(0, 0, 10_000),
  },
  codec: oneOf<CodecName>("compact", ["json", "compact", "typed"]),
  packFromBytes: whole(PACK_FROM_BYTES, 0, LARGEST_BYTES, true),
  quotas: {
    payloadBytes: whole(MAX_PAYLOAD_BYTES, 1_024, LARGEST_BYTES),
    operations: whole(MAX_OPERATIONS, 1, 1_000_000_000, true),
    dataBytes: whole(MAX_DATA_BYTES, 1, 1_000_000_000_000, true),
    onExceed: oneOf<QuotaReaction>("warn", ["error", "warn", "off"]),
  },
  logUsage: oneOf(false, [true, false]),
  suspension: {
    graceMs: whole(20, 0, 10_000),
    // The default is undefined, because the execution computes a share of the invocation's time.
    reserveMs: whole(undefined, 0, 900_000),
  },
};

export type Settings = SettingsOf<typeof RUNTIME_TABLE>;

/** The environment variables of the settings, by path without `runtime.`: `checkpoint.maxBytes`. */
export function settingVariables(): ReadonlyMap<string, string> {
  const rows = rowsOf(RUNTIME_TABLE, "runtime");
  return new Map(rows.map(([path, row]) => [path.slice("runtime.".length), variableOf(path, row) as string]));
}

/**
 * Settings from the environment variables, the options and the defaults.
 * @throws DurableError `ERR_SETTING_INVALID`, `ERR_SETTING_UNKNOWN` or `ERR_BATCH_INVALID`
 */
export function resolveSettings(options?: RuntimeOptions, variables = environment()): Settings {
  const settings = readTable(RUNTIME_TABLE, "runtime", options, variables);
  readBatchSize((member) => `runtime.batch${member}`, settings.batch, settings.quotas.payloadBytes);
  const { tickMs, turnMs = tickMs } = settings;
  return tickMs === RUNTIME_TABLE.tickMs.fallback ? { ...settings, tickMs: turnMs } : settings;
}
