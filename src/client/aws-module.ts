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
    // All other errors are thrown unchanged. They end only the invocation, because another attempt may succeed.
    throw error?.code?.endsWith("MODULE_NOT_FOUND") ? unusable("is not there, or not all of it", error) : error;
  });
  // A bundler that splits the code may make a chunk whose only export is the default. This default is the whole
  // CommonJS package.
  const { default: whole = module } = module as { default?: AwsModule };
  const aws = "LambdaClient" in module ? module : whole;
  const missing = NEEDED.find((name) => typeof aws[name] !== "function");
  if (missing === undefined) return aws;
  throw unusable(`is from before durable functions: it has no ${missing}`);
}

/** The scope of this error is the execution, because another invocation would find the same client. */
function unusable(what: string, cause?: unknown): DurableExecutionClientError {
  return new DurableExecutionClientError(
    `The @aws-sdk/client-lambda of this function ${what}. Deploy version ${SINCE} or later in its bundle or its ` +
      "node_modules, or use a runtime that contains it.",
    { scope: "EXECUTION", cause },
  );
}

/**
 * Defines a global `require` in bundles that esbuild makes as ES modules. esbuild puts the AWS client into the bundle
 * as CommonJS, and replaces the client's `require` by a function of its own. This function calls the global `require`,
 * and throws ("Dynamic require of …") if there is none. Unlike a real `require`, this function has no `resolve`.
 */
function completeRequire(): void {
  if (typeof scopeRequire !== "function" || typeof scopeRequire.resolve === "function") return;
  const value = process.getBuiltinModule("node:module").createRequire(import.meta.url);
  Object.defineProperty(globalThis, "require", { value, configurable: true, writable: true });
}
