import { type BatchSize, readBatchSize } from "./batch-size.ts";
import { DurableError } from "./errors.ts";
import { MAX_DATA_BYTES, MAX_OPERATIONS, MAX_PAYLOAD_BYTES, MAX_REQUEST_BYTES, MAX_REQUEST_UPDATES } from "./limits.ts";
import {
  invalidSetting,
  type NumberRule,
  parseNumber,
  readNumber,
  readNumberIfAny,
  readWord,
  type WordRule,
} from "./setting.ts";

/**
 * How payloads are written; all of them are always read.
 * - `json`: exactly `JSON.stringify`, byte for byte what the official SDK writes.
 * - `compact`: the same values as JSON gives, in fewer bytes; short payloads stay JSON.
 * - `typed`: also keeps Date, Map, Set, BigInt, typed arrays, `undefined` members, NaN, infinities, -0, RegExp, Error.
 */
export type CodecName = "json" | "compact" | "typed";

/** What happens when a map or parallel begins that needs more operations than the execution has left. */
export type QuotaReaction = "error" | "warn" | "off";

/** Our settings, all optional; each can be overridden by the environment variable named beside it. */
export interface RuntimeOptions {
  /**
   * Branches of one `map` or `parallel` that execute at once when the call has no `maxConcurrency`; a branch that
   * only waits does not count. 1 or more, or Infinity ("unlimited"). Default 256. `DURABLE_FANOUT_CONCURRENCY`
   */
  concurrency?: number;
  /**
   * How many items of a `map` share one operation, unless the call says otherwise with its own `batch`: 1 to 10,000,
   * or `{ maxItems, maxBytes }`. Default: none, each item has its own operations. `DURABLE_FANOUT_BATCH` (a number)
   */
  batch?: number | false | BatchSize;
  /**
   * Milliseconds for which the functions of items and steps may compute in a row; then further ones wait until requests
   * have left and timers have fired. 0 (each function waits so) to 60,000, or Infinity ("unlimited"). Default 32.
   * `DURABLE_FANOUT_TURN_MS`
   */
  turnMs?: number;
  checkpoint?: {
    /** Bytes of one checkpoint request, 1,024 to 6,291,456. Default 768,000. `DURABLE_FANOUT_CHECKPOINT_MAX_BYTES` */
    maxBytes?: number;
    /** Updates in one checkpoint request, 1 to 1,000. Default 250. `DURABLE_FANOUT_CHECKPOINT_MAX_UPDATES` */
    maxUpdates?: number;
    /**
     * Items of batches that have ended and are not recorded: what runs again after a crash, beside the items under way.
     * No further item begins while they are so many. With 0 each one is recorded before the next begins. 0 to 100,000.
     * Default 500. `DURABLE_FANOUT_CHECKPOINT_MAX_UNACKNOWLEDGED`
     */
    maxUnacknowledged?: number;
    /**
     * Milliseconds for which an item of a batch that has ended may stay unrecorded beside one that waits. Then what there is
     * is written to a further operation. 0 to 900,000. Default 30,000. `DURABLE_FANOUT_CHECKPOINT_MAX_UNRECORDED_MS`
     */
    maxUnrecordedMs?: number;
    /**
     * Leave out the START of a step, condition or context that ends before anything inside it is sent: fewer updates and
     * requests. An operation that runs is then not in the history until it ends, or something inside it is recorded.
     * At-most-once steps and later attempts always send theirs. Default false. `DURABLE_FANOUT_CHECKPOINT_ELIDE_STARTS`
     */
    elideStarts?: boolean;
    /**
     * Milliseconds for which an update may wait for others to travel with: fewer requests, and each acknowledgement so
     * much later. It does not wait when a request is full or the invocation is about to end. What runs meanwhile is not
     * recorded as begun. 0 to 10,000. Default 0. `DURABLE_FANOUT_CHECKPOINT_MAX_DELAY_MS`
     */
    maxDelayMs?: number;
  };
  /** How payloads are written: `json`, `compact` or `typed`. Default `compact`. `DURABLE_FANOUT_CODEC` */
  codec?: CodecName;
  /**
   * Bytes of JSON from which on `compact` and `typed` pack a payload; what is shorter is JSON, and can be read in
   * consoles. The payload of a batch is packed from a quarter of it on, the result of a map or parallel from 16 times as
   * much. 0 to 6,291,456, or Infinity ("unlimited") for never. Default 4,096. `DURABLE_FANOUT_PACK_FROM_BYTES`
   */
  packFromBytes?: number;
  quotas?: {
    /**
     * Bytes of one operation's payload, 1,024 to 6,291,456. A step's larger result fails the step; a larger result of
     * a context is rebuilt from its children. Default 262,144. `DURABLE_FANOUT_QUOTA_PAYLOAD_BYTES`
     */
    payloadBytes?: number;
    /**
     * Operations that the service takes in one execution: what warnings and checks go by, 1 to 1,000,000,000, or
     * Infinity ("unlimited") for none. Default 3,000. `DURABLE_FANOUT_QUOTA_OPERATIONS`
     */
    operations?: number;
    /**
     * Bytes of data that one execution may write: what warnings go by, 1 to 1,000,000,000,000, or Infinity
     * ("unlimited") for none. Default 104,857,600 (100 MB). `DURABLE_FANOUT_QUOTA_DATA_BYTES`
     */
    dataBytes?: number;
    /**
     * When a map or parallel begins that needs more operations than are left: `warn` logs it, and goes on; `error` fails
     * the execution before anything of the map is written; `off` does nothing. Default `warn`.
     * `DURABLE_FANOUT_QUOTA_ON_EXCEED`
     */
    onExceed?: QuotaReaction;
  };
  /** Log what each invocation has used, when it ends, as one line. Default false. `DURABLE_FANOUT_LOG_USAGE` */
  logUsage?: boolean;
  suspension?: {
    /**
     * Milliseconds from the moment when every operation waits until the invocation ends: code between operations
     * must reach its next one within it. 0 to 10,000. Default 20. `DURABLE_FANOUT_SUSPENSION_GRACE_MS`
     */
    graceMs?: number;
    /**
     * Milliseconds before the platform's deadline from which on nothing new begins: what runs finishes and is recorded,
     * the rest goes on in the next invocation. 0 (never) to 900,000. Default: a tenth of the invocation's time, 1,000
     * to 30,000. `DURABLE_FANOUT_SUSPENSION_RESERVE_MS`
     */
    reserveMs?: number;
  };
}

/** The settings of one handler, complete and valid. */
export interface Settings {
  readonly concurrency: number;
  readonly batch: BatchSize | undefined;
  readonly turnMs: number;
  readonly checkpoint: {
    readonly maxBytes: number;
    readonly maxUpdates: number;
    readonly maxUnacknowledged: number;
    readonly maxUnrecordedMs: number;
    readonly elideStarts: boolean;
    readonly maxDelayMs: number;
  };
  readonly codec: CodecName;
  readonly packFromBytes: number;
  readonly quotas: {
    readonly payloadBytes: number;
    readonly operations: number;
    readonly dataBytes: number;
    readonly onExceed: QuotaReaction;
  };
  readonly logUsage: boolean;
  /** `reserveMs` undefined: a share of the invocation's time. */
  readonly suspension: { readonly graceMs: number; readonly reserveMs: number | undefined };
}

const CODECS: readonly CodecName[] = ["json", "compact", "typed"];
const QUOTA_REACTIONS: readonly QuotaReaction[] = ["error", "warn", "off"];
const LARGEST_BYTES = 6 * 1024 * 1024;

/** Default of `packFromBytes`. */
export const PACK_FROM_BYTES = 4_096;

/** What `packFromBytes` is multiplied by. */
export const PACK_FACTORS = {
  /** Nobody else reads the payload of a batch, and it holds what many items add up to. */
  batch: 1 / 4,
  /**
   * The result of a map or parallel is one payload beside those of all its items, so that little is to be gained; and a
   * hundred small results are not to make a cold process load what packs them.
   */
  fanOut: 16,
} as const;

const NUMBER_RULES = {
  concurrency: {
    path: "runtime.concurrency",
    variable: "DURABLE_FANOUT_CONCURRENCY",
    fallback: 256,
    min: 1,
    max: 1_000_000,
    unlimited: true,
  },
  turnMs: {
    path: "runtime.turnMs",
    variable: "DURABLE_FANOUT_TURN_MS",
    // Turns stay below 50 ms with the piece that exceeds it, and requests are not many more than without.
    fallback: 32,
    min: 0,
    max: 60_000,
    unlimited: true,
  },
  maxBytes: {
    path: "runtime.checkpoint.maxBytes",
    variable: "DURABLE_FANOUT_CHECKPOINT_MAX_BYTES",
    fallback: MAX_REQUEST_BYTES,
    min: 1_024,
    max: LARGEST_BYTES,
  },
  maxUpdates: {
    path: "runtime.checkpoint.maxUpdates",
    variable: "DURABLE_FANOUT_CHECKPOINT_MAX_UPDATES",
    fallback: MAX_REQUEST_UPDATES,
    min: 1,
    max: 1_000,
  },
  maxUnacknowledged: {
    path: "runtime.checkpoint.maxUnacknowledged",
    variable: "DURABLE_FANOUT_CHECKPOINT_MAX_UNACKNOWLEDGED",
    fallback: 500,
    min: 0,
    max: 100_000,
  },
  maxUnrecordedMs: {
    path: "runtime.checkpoint.maxUnrecordedMs",
    variable: "DURABLE_FANOUT_CHECKPOINT_MAX_UNRECORDED_MS",
    fallback: 30_000,
    min: 0,
    max: 900_000,
  },
  maxDelayMs: {
    path: "runtime.checkpoint.maxDelayMs",
    variable: "DURABLE_FANOUT_CHECKPOINT_MAX_DELAY_MS",
    fallback: 0,
    min: 0,
    max: 10_000,
  },
  packFromBytes: {
    path: "runtime.packFromBytes",
    variable: "DURABLE_FANOUT_PACK_FROM_BYTES",
    fallback: PACK_FROM_BYTES,
    min: 0,
    max: LARGEST_BYTES,
    unlimited: true,
  },
  payloadBytes: {
    path: "runtime.quotas.payloadBytes",
    variable: "DURABLE_FANOUT_QUOTA_PAYLOAD_BYTES",
    fallback: MAX_PAYLOAD_BYTES,
    min: 1_024,
    max: LARGEST_BYTES,
  },
  quotaOperations: {
    path: "runtime.quotas.operations",
    variable: "DURABLE_FANOUT_QUOTA_OPERATIONS",
    fallback: MAX_OPERATIONS,
    min: 1,
    max: 1_000_000_000,
    unlimited: true,
  },
  quotaDataBytes: {
    path: "runtime.quotas.dataBytes",
    variable: "DURABLE_FANOUT_QUOTA_DATA_BYTES",
    fallback: MAX_DATA_BYTES,
    min: 1,
    max: 1_000_000_000_000,
    unlimited: true,
  },
  graceMs: {
    path: "runtime.suspension.graceMs",
    variable: "DURABLE_FANOUT_SUSPENSION_GRACE_MS",
    fallback: 20,
    min: 0,
    max: 10_000,
  },
  reserveMs: {
    path: "runtime.suspension.reserveMs",
    variable: "DURABLE_FANOUT_SUSPENSION_RESERVE_MS",
    fallback: Number.NaN,
    min: 0,
    max: 900_000,
  },
} satisfies Record<string, NumberRule>;

const WORD_RULES = {
  codec: { path: "runtime.codec", variable: "DURABLE_FANOUT_CODEC", words: CODECS },
  onExceed: { path: "runtime.quotas.onExceed", variable: "DURABLE_FANOUT_QUOTA_ON_EXCEED", words: QUOTA_REACTIONS },
};

const SWITCH_WORDS = ["true", "false"] as const;
const SWITCH_RULES = {
  logUsage: { path: "runtime.logUsage", variable: "DURABLE_FANOUT_LOG_USAGE", words: SWITCH_WORDS },
  elideStarts: {
    path: "runtime.checkpoint.elideStarts",
    variable: "DURABLE_FANOUT_CHECKPOINT_ELIDE_STARTS",
    words: SWITCH_WORDS,
  },
};

const BATCH = { path: "runtime.batch", variable: "DURABLE_FANOUT_BATCH" };

/** The environment variables that override settings, by the settings' paths in `runtime`: `checkpoint.maxBytes`. */
export function settingVariables(): ReadonlyMap<string, string> {
  const rules = [NUMBER_RULES, WORD_RULES, { batch: BATCH }, SWITCH_RULES].flatMap((group) => Object.values(group));
  return new Map(rules.map(({ path, variable }) => [path.slice("runtime.".length), variable]));
}

const KNOWN: Record<string, readonly string[]> = {
  "": ["concurrency", "batch", "turnMs", "checkpoint", "codec", "packFromBytes", "quotas", "logUsage", "suspension"],
  checkpoint: ["maxBytes", "maxUpdates", "maxUnacknowledged", "maxUnrecordedMs", "elideStarts", "maxDelayMs"],
  quotas: ["payloadBytes", "operations", "dataBytes", "onExceed"],
  suspension: ["graceMs", "reserveMs"],
};

function readSwitch(
  rule: WordRule<(typeof SWITCH_WORDS)[number]>,
  given: unknown,
  environment: NodeJS.ProcessEnv,
): boolean {
  if (given !== undefined && typeof given !== "boolean" && !environment[rule.variable]) {
    throw invalidSetting(rule.path, given, rule.words.join(", "));
  }
  const word = given === undefined ? undefined : String(given);
  return readWord(rule, word, environment) === "true";
}

function readBatch(given: unknown, environment: NodeJS.ProcessEnv): BatchSize | undefined {
  const text = environment[BATCH.variable];
  if (text === undefined || text === "") return readBatchSize(BATCH.path, given);
  return readBatchSize(`Environment variable ${BATCH.variable}`, text === "false" ? false : parseNumber(text));
}

function checkMembers(value: unknown, path: string): void {
  if (value === undefined) return;
  const where = path === "" ? "runtime" : `runtime.${path}`;
  if (typeof value !== "object" || value === null) throw invalidSetting(where, value, "an object");
  for (const key of Object.keys(value)) {
    if (!KNOWN[path]?.includes(key)) {
      const known = KNOWN[path]?.join(", ");
      throw new DurableError("ERR_SETTING_UNKNOWN", `${where} has no setting "${key}"; it has ${known}.`);
    }
  }
}

/**
 * Completes the options with the environment and the defaults.
 * @throws DurableError `ERR_SETTING_INVALID` or `ERR_SETTING_UNKNOWN`, naming the setting and what it allows.
 */
export function resolveSettings(options: RuntimeOptions = {}, environment: NodeJS.ProcessEnv = process.env): Settings {
  checkMembers(options, "");
  checkMembers(options.checkpoint, "checkpoint");
  checkMembers(options.quotas, "quotas");
  checkMembers(options.suspension, "suspension");
  return {
    concurrency: readNumber(NUMBER_RULES.concurrency, options.concurrency, environment),
    batch: readBatch(options.batch, environment),
    turnMs: readNumber(NUMBER_RULES.turnMs, options.turnMs, environment),
    checkpoint: {
      maxBytes: readNumber(NUMBER_RULES.maxBytes, options.checkpoint?.maxBytes, environment),
      maxUpdates: readNumber(NUMBER_RULES.maxUpdates, options.checkpoint?.maxUpdates, environment),
      maxUnacknowledged: readNumber(NUMBER_RULES.maxUnacknowledged, options.checkpoint?.maxUnacknowledged, environment),
      maxUnrecordedMs: readNumber(NUMBER_RULES.maxUnrecordedMs, options.checkpoint?.maxUnrecordedMs, environment),
      elideStarts: readSwitch(SWITCH_RULES.elideStarts, options.checkpoint?.elideStarts, environment),
      maxDelayMs: readNumber(NUMBER_RULES.maxDelayMs, options.checkpoint?.maxDelayMs, environment),
    },
    codec: readWord(WORD_RULES.codec, options.codec, environment) ?? "compact",
    packFromBytes: readNumber(NUMBER_RULES.packFromBytes, options.packFromBytes, environment),
    quotas: {
      payloadBytes: readNumber(NUMBER_RULES.payloadBytes, options.quotas?.payloadBytes, environment),
      operations: readNumber(NUMBER_RULES.quotaOperations, options.quotas?.operations, environment),
      dataBytes: readNumber(NUMBER_RULES.quotaDataBytes, options.quotas?.dataBytes, environment),
      onExceed: readWord(WORD_RULES.onExceed, options.quotas?.onExceed, environment) ?? "warn",
    },
    logUsage: readSwitch(SWITCH_RULES.logUsage, options.logUsage, environment),
    suspension: {
      graceMs: readNumber(NUMBER_RULES.graceMs, options.suspension?.graceMs, environment),
      reserveMs: readNumberIfAny(NUMBER_RULES.reserveMs, options.suspension?.reserveMs, environment),
    },
  };
}
