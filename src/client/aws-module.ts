import { DurableExecutionClientError } from "../core/errors.ts";

export type AwsModule = typeof import("@aws-sdk/client-lambda");

/** The parts of the AWS client that this package uses. The version is the first one that has them. */
const NEEDED = ["LambdaClient", "CheckpointDurableExecutionCommand", "GetDurableExecutionStateCommand"] as const;
const SINCE = "3.943.0";

/** In the build, `require` where it exists. */
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
    // Other errors are not changed, because another attempt may succeed.
    throw error?.code?.endsWith("MODULE_NOT_FOUND") ? unusable("is not there, or not all of it", error) : error;
  });
  // When a bundler splits the code, the default export of the chunk is the whole CommonJS package, without other
  // exports.
  const { default: whole = module } = module as { default?: AwsModule };
  const aws = "LambdaClient" in module ? module : whole;
  const missing = NEEDED.find((name) => typeof aws[name] !== "function");
  if (missing === undefined) return aws;
  throw unusable(`is from before durable functions: it has no ${missing}`);
}

/** The execution ends, because another invocation would find the same client. */
function unusable(what: string, cause?: unknown): DurableExecutionClientError {
  return new DurableExecutionClientError(
    `The @aws-sdk/client-lambda of this function ${what}. Deploy version ${SINCE} or later in its bundle or its ` +
      "node_modules, or use a runtime that contains it.",
    { scope: "EXECUTION", cause },
  );
}

/**
 * esbuild puts the AWS client as CommonJS into ES modules, and replaces its `require` by a function that resolves
 * nothing. This function throws ("Dynamic require of …") unless a global `require` exists at the time of the call.
 */
function completeRequire(): void {
  if (typeof scopeRequire !== "function" || typeof scopeRequire.resolve === "function") return;
  const value = process.getBuiltinModule("node:module").createRequire(import.meta.url);
  Object.defineProperty(globalThis, "require", { value, configurable: true, writable: true });
}
