import { DurableExecutionClientError } from "../core/errors.ts";

export type AwsModule = typeof import("@aws-sdk/client-lambda");

/** What is used of the AWS client; the first version that has it. */
const NEEDED = ["LambdaClient", "CheckpointDurableExecutionCommand", "GetDurableExecutionStateCommand"] as const;
const SINCE = "3.943.0";

/** In the build, `require` where there is one. */
declare const scopeRequire: NodeJS.Require | undefined;

let loading: Promise<AwsModule> | undefined;

/** Loads the AWS client once; a failed attempt is made again at the next call. */
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
    // Other errors stay as they are: another attempt may go better.
    throw error?.code?.endsWith("MODULE_NOT_FOUND") ? unusable("is not there, or not all of it", error) : error;
  });
  // Where a bundler splits, a CommonJS package is the default export of its chunk and shows no other.
  const { default: whole = module } = module as { default?: AwsModule };
  const aws = "LambdaClient" in module ? module : whole;
  const missing = NEEDED.find((name) => typeof aws[name] !== "function");
  if (missing === undefined) return aws;
  throw unusable(`is from before durable functions: it has no ${missing}`);
}

/** Invoking again finds the same: the execution ends. */
function unusable(what: string, cause?: unknown): DurableExecutionClientError {
  return new DurableExecutionClientError(
    `The @aws-sdk/client-lambda of this function ${what}. Deploy version ${SINCE} or later in its bundle or its ` +
      "node_modules, or use a runtime that brings it.",
    { scope: "EXECUTION", cause },
  );
}

/**
 * esbuild puts the AWS client as CommonJS into ES modules, and a stand-in in the place of its `require`, which resolves
 * nothing and throws ("Dynamic require of …") unless a global `require` is there by the time of the call.
 */
function completeRequire(): void {
  if (typeof scopeRequire !== "function" || typeof scopeRequire.resolve === "function") return;
  const value = process.getBuiltinModule("node:module").createRequire(import.meta.url);
  Object.defineProperty(globalThis, "require", { value, configurable: true, writable: true });
}
