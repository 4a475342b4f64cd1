// Run in a process of its own, where Node itself imports modules: `node load-plugins.ts <cases as JSON>` prints, as JSON,
// what an execution comes to on both SDKs, and which plugins were called.
import * as official from "@aws/durable-execution-sdk-js";
import * as ours from "../../src/index.ts";
import type { LocalHandler } from "../../src/testing.ts";
import { FAST, runLambda } from "./service.ts";

export interface LoadingCase {
  /** `DURABLE_EXECUTION_PLUGINS`; absent: not set. */
  readonly plugins?: string;
  /** `LAMBDA_TASK_ROOT`. */
  readonly root: string;
}

export interface Loaded {
  readonly status: string;
  readonly errorType?: string | undefined;
  readonly message?: string | undefined;
  readonly calls: readonly string[];
  readonly invocations: number;
}

declare global {
  var pluginCalls: string[];
}

async function load(sdk: "official" | "ours", { plugins, root }: LoadingCase): Promise<Loaded> {
  if (plugins === undefined) delete process.env["DURABLE_EXECUTION_PLUGINS"];
  else process.env["DURABLE_EXECUTION_PLUGINS"] = plugins;
  process.env["LAMBDA_TASK_ROOT"] = root;
  globalThis.pluginCalls = [];
  const explicit = { onInvocationStart: async () => void globalThis.pluginCalls.push("explicit") };
  const config = { plugins: [explicit] };
  const handler = async () => 1;
  const lambda =
    sdk === "official"
      ? official.withDurableExecution(handler, config)
      : ours.withDurableExecution(handler, { ...config, runtime: FAST });
  // What is set when the handler is made counts.
  delete process.env["DURABLE_EXECUTION_PLUGINS"];
  const { outcome, invocations } = await runLambda(lambda as unknown as LocalHandler);
  const { ErrorType: errorType, ErrorMessage: message } = outcome.error ?? {};
  return { status: outcome.status, errorType, message, calls: globalThis.pluginCalls, invocations: invocations.length };
}

const cases = JSON.parse(process.argv[2] as string) as LoadingCase[];
const results: { official: Loaded; ours: Loaded }[] = [];
for (const given of cases) results.push({ official: await load("official", given), ours: await load("ours", given) });
console.log(JSON.stringify(results));
