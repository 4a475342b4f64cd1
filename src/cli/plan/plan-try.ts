import { execFile } from "node:child_process";
import { DEFAULT_BATCH_ITEMS } from "../../core/batch-size.ts";
import { environment } from "../../core/environment.ts";
import { DurableError, isDurableError, messageOf } from "../../core/errors.ts";
import { readValue, rowsOf } from "../../core/setting.ts";
import { RUNTIME_TABLE, settingVariables } from "../../core/settings.ts";
import { type FanOutSummary, faultBeside, type PlanReport, type Setting } from "./plan-report.ts";

/** Settings that a process gets through environment variables. The keys are paths in `runtime`. */
export type Overrides = ReadonlyMap<string, string>;

const MAX_RUNS = 200;
/** These settings cannot be tried, because a plan lifts the quotas to find out what exceeds them. */
const LIFTED = new Set(["quotas.operations", "quotas.dataBytes"]);

/**
 * Returns all combinations of the values in texts such as `batch=50,200`. Without texts, returns one empty combination.
 * @param option the name of the option on the command line, for error messages
 * @throws DurableError `ERR_USAGE`
 */
export function readTries(texts: readonly string[], option: string): Overrides[] {
  let all: Overrides[] = [new Map()];
  for (const text of texts) {
    const { path, values } = readTry(text, option);
    if (all[0]?.has(path)) {
      const example = `${option} ${path}=${[...new Set(all.map((overrides) => overrides.get(path)))].join()},…`;
      throw new DurableError("ERR_USAGE", `${option} names "${path}" twice. Give all its values at once: ${example}`);
    }
    all = all.flatMap((overrides) => values.map((value) => new Map([...overrides, [path, value]])));
    if (all.length > MAX_RUNS) {
      throw new DurableError("ERR_USAGE", `These are more than ${MAX_RUNS} settings to try; give fewer values.`);
    }
  }
  return all;
}

function readTry(text: string, option: string): { path: string; values: readonly string[] } {
  const [, path = text, list = ""] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
  const rows = new Map(rowsOf(RUNTIME_TABLE, "runtime").map(([name, row]) => [name.slice("runtime.".length), row]));
  for (const lifted of LIFTED) rows.delete(lifted);
  const row = rows.get(path);
  if (row === undefined) {
    throw new DurableError(
      "ERR_USAGE",
      `There is no setting "${path}" to try; there are ${[...rows.keys()].join(", ")}.`,
    );
  }
  // The value of `batch` may be a JSON object. Commas inside its braces do not separate values.
  const values = [...new Set(list.match(/\{[^}]*\}|[^,]+/g) ?? [])];
  if (values.length === 0) {
    throw new DurableError("ERR_USAGE", `${option} ${text} has no values. Give them as in ${option} batch=50,200.`);
  }
  for (const value of values) {
    try {
      readValue(row, value, `${option} ${path}`, true);
    } catch (error) {
      throw new DurableError("ERR_USAGE", `${messageOf(error)} Nothing was run.`, { cause: error });
    }
  }
  return { path, values };
}

/** For example `batch 100, no logUsage`. */
export function nameOverrides(overrides: Overrides): string {
  return [...overrides].map(([path, value]) => (value === "false" ? `no ${path}` : `${path} ${value}`)).join(", ");
}

/** The greatest number of items of a batch, or 1 if the settings have no batches. */
export function batchItemsOf(overrides: Overrides): number {
  const value = overrides.get("batch");
  const size = value !== undefined && readValue(RUNTIME_TABLE.batch, value, "batch", true);
  return size ? (size.maxItems ?? DEFAULT_BATCH_ITEMS) : 1;
}

function environmentOf(overrides: Overrides): Record<string, string> {
  const variables = settingVariables();
  return Object.fromEntries([...overrides].map(([path, value]) => [variables.get(path) ?? path, value]));
}

export function howToSet(overrides: Overrides): string {
  const variables = Object.entries(environmentOf(overrides)).map(([name, value]) => `${name}=${quote(value)}`);
  const runtime: Record<string, unknown> = {};
  for (const [path, value] of overrides) {
    const [group = "", member] = path.split(".");
    const literal = /^(\d+|true|false|\{.*\})$/s.test(value) ? JSON.parse(value) : value;
    runtime[group] = member === undefined ? literal : { ...(runtime[group] as object), [member]: literal };
  }
  const code = JSON.stringify(runtime).replaceAll('"unlimited"', "Infinity");
  return `Set ${variables.join(" ")}, or give withDurableExecution { runtime: ${code} }.`;
}

function quote(value: string): string {
  return /^[\w.-]*$/.test(value) ? value : `'${value}'`;
}

/** `maps` is empty if the process that tried the setting made no plan. */
export interface Tried {
  readonly setting: Setting;
  readonly maps: readonly FanOutSummary[];
}

/**
 * Tries the settings in a new process: settings are read when the handler's module is imported, and a process that has
 * already run the handler would be faster. A `DurableError` becomes a `fault`, also if `signal` ends the process.
 */
export async function trySetting(
  overrides: Overrides,
  { args, input, asIs, signal }: { args: readonly string[]; input: string; asIs: PlanReport; signal: AbortSignal },
): Promise<Tried> {
  const how = howToSet(overrides);
  const own = { name: nameOverrides(overrides), settings: Object.fromEntries(overrides), how };
  try {
    const document = await callSelf(args, input, environmentOf(overrides), signal);
    const fault = faultBeside(document, asIs);
    const setting = { ...document.settings[0], ...own, ...(fault === undefined ? {} : { fault }) } as Setting;
    return { setting, maps: document.maps };
  } catch (error) {
    if (!isDurableError(error)) throw error;
    // For example, the values exclude each other, or the handler does not work with these values.
    return { setting: { ...own, measured: [], refusedByAws: [], fault: error.message }, maps: [] };
  }
}

/** Starts this program again with `args`. @throws DurableError with the reason if the new process makes no plan */
function callSelf(args: readonly string[], input: string, env: object, signal: AbortSignal): Promise<PlanReport> {
  const whole = [...process.execArgv, process.argv[1] ?? "", ...args];
  const options = { env: { ...environment(), ...env }, signal, maxBuffer: Number.POSITIVE_INFINITY };
  return new Promise((resolve, reject) => {
    const child = execFile(process.execPath, whole, options, (error, stdout, stderr) => {
      const document = parseDocument(stdout.trim().split("\n").at(-1) ?? "");
      if (document?.type === "plan") resolve(document as unknown as PlanReport);
      else if (document?.error !== undefined) reject(new DurableError(document.error.code, document.error.message));
      else {
        const reason = stderr.trim().split("\n").at(-1) || messageOf(error);
        reject(new DurableError("ERR_HANDLER_CRASHED", `The process that was to try a setting ended: ${reason}`));
      }
    });
    // If the process ends before it has read the input, writing fails. The callback above says why the process ended.
    child.stdin?.on("error", () => {}).end(input);
  });
}

function parseDocument(line: string): { type?: string; error?: { code: string; message: string } } | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
