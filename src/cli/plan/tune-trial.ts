import { spawn } from "node:child_process";
import { environment } from "../../core/environment.ts";
import { DurableError } from "../../core/errors.ts";
import type { Prediction } from "./plan-model.ts";
import type { FanOutSummary } from "./plan-report.ts";
import { environmentOf, nameOverrides, type Overrides } from "./tune-sweep.ts";

/** What a setting gave. */
export interface Tried
  extends Pick<Prediction, "operations" | "requests" | "dataBytes" | "wallMs" | "dollars" | "refusedByAws"> {
  readonly name: string;
  readonly overrides: Overrides;
  readonly maps: readonly FanOutSummary[];
  /** Why the handler does not work in this setting. */
  readonly fault?: string;
}

export interface TuneRun {
  readonly handlerFile: string;
  readonly export?: string | undefined;
  /** JSON text. */
  readonly input: string;
  readonly latencyMs: number;
  /** Infinity for all. */
  readonly sampleItems: number;
  readonly items?: number | undefined;
}

interface PlanDocument {
  readonly execution?: { readonly status: string; readonly error?: { ErrorType?: string; ErrorMessage?: string } };
  readonly maps: readonly FanOutSummary[];
  readonly settings: readonly [Prediction, ...Prediction[]];
}

/**
 * Plans the handler under these settings, in a process of its own: settings are read when the handler's module is
 * imported, and what one run has warmed up is not to favour the next.
 * @throws DurableError with the code and message of the error that ended the other process
 */
export async function tryOverrides(run: TuneRun, overrides: Overrides): Promise<Tried> {
  const args = [
    ...["plan", run.handlerFile, "--json", "--yes", "--event", "-", "--latency", `${run.latencyMs}ms`],
    ...["--sample", Number.isFinite(run.sampleItems) ? String(run.sampleItems) : "all"],
    ...(run.export === undefined ? [] : ["--export", run.export]),
    ...(run.items === undefined ? [] : ["--items", String(run.items)]),
  ];
  const document = await callSelf(args, run.input, environmentOf(overrides));
  const [asIs] = document.settings;
  const { operations, requests, dataBytes, wallMs, dollars, refusedByAws } = asIs;
  const { execution, maps } = document;
  const { ErrorType: type = "Error", ErrorMessage: message = "" } = execution?.error ?? {};
  const hasFailed = execution !== undefined && execution.status !== "SUCCEEDED";
  return {
    ...{ name: nameOverrides(overrides), overrides, maps },
    ...{ operations, requests, dataBytes, wallMs, dollars, refusedByAws },
    ...(hasFailed ? { fault: `the execution ends as ${execution.status}: ${type}: ${message}` } : {}),
  };
}

/** A setting in which more items fail than without it does not work, however fast it is. */
export function withoutNewFailures(tried: Tried, asItIs: Tried): Tried {
  if (tried.fault !== undefined) return tried;
  for (const { name, failed, sampled, error } of tried.maps) {
    const before = asItIs.maps.find((map) => map.name === name);
    const share = (map: FanOutSummary): number => (map.sampled === 0 ? 0 : map.failed / map.sampled);
    if (sampled > 0 && failed / sampled > (before === undefined ? 0 : share(before)) + 0.01) {
      return { ...tried, fault: `${failed} of ${sampled} items of "${name}" fail: ${error}` };
    }
  }
  return tried;
}

/** Whether every map that could share operations does so as its call says, whatever the settings: `other` has others. */
export function hasFixedBatches(asItIs: Tried, other: Tried): boolean {
  const maps = asItIs.maps.filter(({ canShare }) => canShare);
  return maps.length > 0 && maps.every((map) => map.form === "batched" && hasSameBatches(map, other));
}

/** Whether a map's items shared operations in another run as they did in its own. */
export function hasSameBatches({ name, form, batchItems }: FanOutSummary, other: Tried): boolean {
  const map = other.maps.find((one) => one.name === name);
  return map === undefined || (map.form === form && map.batchItems === batchItems);
}

/** Runs this command line again, as this process was started. */
function callSelf(args: readonly string[], input: string, env: Record<string, string>): Promise<PlanDocument> {
  const entry = process.argv[1] ?? "";
  const child = spawn(process.execPath, [...process.execArgv, entry, ...args], {
    env: { ...environment(), ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    stdout += chunk;
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    stderr += chunk;
  });
  // A process that ends before it has read everything says why.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      const document = parseDocument(stdout);
      if (document?.type === "plan") resolve(document as unknown as PlanDocument);
      else if (document?.error !== undefined) reject(new DurableError(document.error.code, document.error.message));
      else {
        const message = `The process that was to try a setting ended with ${code}: ${stderr.trim().split("\n").at(-1)}`;
        reject(new DurableError("ERR_HANDLER_CRASHED", message));
      }
    });
  });
}

function parseDocument(stdout: string): { type?: string; error?: { code: string; message: string } } | undefined {
  const line = stdout.trim().split("\n").at(-1) ?? "";
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
