import { DurableError } from "../../core/errors.ts";
import { settingVariables } from "../../core/settings.ts";

/** Settings of `runtime` by their paths, as text: those that a run overrides by the environment. */
export type Overrides = ReadonlyMap<string, string>;

/** One setting, with the values to try. */
export interface Variation {
  readonly path: string;
  readonly values: readonly string[];
}

const BATCHES: Variation = { path: "batch", values: ["false", "10", "100", "1000"] };
/** Less than the sample by far: of items that all run at once nothing can be said about those that follow. */
const CONCURRENCIES: Variation = { path: "concurrency", values: ["32", "128", "512"] };
/** What is tried unless the command line says otherwise: first the ones together, then the others for the best of them. */
export const DEFAULT_VARIATIONS: readonly Variation[] = [BATCHES, CONCURRENCIES];
/** The same for a handler whose calls say how large their batches are. */
export const VARIATIONS_OF_FIXED_BATCHES: readonly Variation[] = [CONCURRENCIES];
export const LATER_VARIATIONS: readonly Variation[] = [
  { path: "checkpoint.maxUpdates", values: ["50", "100"] },
  { path: "checkpoint.maxUnacknowledged", values: ["100", "2000"] },
];

const MAX_RUNS = 200;

/**
 * Reads `concurrency=32,256`.
 * @throws DurableError `ERR_USAGE`
 */
export function parseVariation(text: string): Variation {
  const [path = "", list = ""] = text.split("=", 2);
  const values = list.split(",").filter((value) => value !== "");
  const known = [...settingVariables().keys()];
  if (!known.includes(path)) {
    throw new DurableError("ERR_USAGE", `There is no setting "${path}" to vary; there are ${known.join(", ")}.`);
  }
  if (values.length > 0) return { path, values };
  throw new DurableError("ERR_USAGE", `--vary ${text} has no values. Give them as in concurrency=32,256.`);
}

/**
 * All combinations of the values, in the order given.
 * @throws DurableError `ERR_USAGE` when these are too many
 */
export function combinations(variations: readonly Variation[]): Overrides[] {
  let all: Overrides[] = [new Map()];
  for (const { path, values } of variations) {
    all = all.flatMap((overrides) => values.map((value) => new Map([...overrides, [path, value]])));
    if (all.length > MAX_RUNS) {
      throw new DurableError("ERR_USAGE", `These are more than ${MAX_RUNS} settings to try; vary fewer values.`);
    }
  }
  return all;
}

/** `batch 100, concurrency 256`. */
export function nameOverrides(overrides: Overrides): string {
  if (overrides.size === 0) return "as it is";
  return [...overrides].map(([path, value]) => (value === "false" ? `no ${path}` : `${path} ${value}`)).join(", ");
}

/** As a shell sets them: `DURABLE_FANOUT_BATCH=100 DURABLE_FANOUT_CONCURRENCY=256`. */
export function environmentOf(overrides: Overrides): Record<string, string> {
  const variables = settingVariables();
  return Object.fromEntries([...overrides].map(([path, value]) => [variables.get(path) ?? path, value]));
}

/** As code has them: `runtime: { batch: 100, checkpoint: { maxUpdates: 50 } }`. */
export function runtimeOf(overrides: Overrides): string {
  const groups = new Map<string, string[]>();
  for (const [path, value] of overrides) {
    const [group = "", member] = path.split(".");
    const literal = /^(\d+|true|false)$/.test(value)
      ? value
      : value === "unlimited"
        ? "Infinity"
        : JSON.stringify(value);
    const key = member === undefined ? "" : group;
    groups.set(key, [...(groups.get(key) ?? []), `${member ?? group}: ${literal}`]);
  }
  const members = [...groups].map(([group, list]) =>
    group === "" ? list.join(", ") : `${group}: { ${list.join(", ")} }`,
  );
  return `runtime: { ${members.join(", ")} }`;
}
