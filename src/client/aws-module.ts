import { DurableExecutionClientError } from "../core/errors.ts";

export type AwsModule = typeof import("@aws-sdk/client-lambda");

/** The exports of the AWS client that this package uses. `SINCE` is the first version that has all of them. */
const NEEDED = ["LambdaClient", "CheckpointDurableExecutionCommand", "GetDurableExecutionStateCommand"] as const;
const SINCE = "3.943.0";

/** The build replaces this name by `require`. In an ES module there may be no `require`. */
declare const scopeRequire: NodeJS.Require | undefined;

let loading: Promise<AwsModule> | undefined;

/** Loads the AWS client once. After a failure the next call tries again. */
export function loadAws(): Promise<AwsModule> {
  loading ??= importAws().catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

async function importAws(): Promise<AwsModule> {
  completeRequire();
  const module = await import("@aws-sdk/client-lambda").catch((error) => {
    // A missing module ends the execution. Another error ends only the invocation, because the next one may succeed.
    throw error?.code?.endsWith("MODULE_NOT_FOUND") ? unusable("is not there, or not all of it", error) : error;
  });
  // A bundler may make a chunk whose only export is the default, which is the whole CommonJS package.
  const { default: whole = module } = module as { default?: AwsModule };
  const aws = "LambdaClient" in module ? module : whole;
  const missing = NEEDED.find((name) => typeof aws[name] !== "function");
  if (missing === undefined) return aws;
  throw unusable(`is from before durable functions: it has no ${missing}`);
}

/** This error ends the execution, because another invocation would find the same AWS client. */
function unusable(what: string, cause?: unknown): DurableExecutionClientError {
  return new DurableExecutionClientError(
    `The @aws-sdk/client-lambda of this function ${what}. Deploy version ${SINCE} or later in its bundle or its ` +
      "node_modules, or use a runtime that contains it.",
    { scope: "EXECUTION", cause },
  );
}

/**
 * Defines a global `require` in bundles that esbuild makes as ES modules. esbuild replaces the `require` of the AWS
 * client by a function that calls the global `require`. Without a global `require`, this function throws ("Dynamic
 * require of …"). This function has no `resolve`, and a real `require` has one.
 */
function completeRequire(): void {
  if (typeof scopeRequire !== "function" || typeof scopeRequire.resolve === "function") return;
  const value = process.getBuiltinModule("node:module").createRequire(import.meta.url);
  Object.defineProperty(globalThis, "require", { value, configurable: true, writable: true });
}
