import type { LambdaClient } from "@aws-sdk/client-lambda";
import type { Context } from "aws-lambda";
import { type DurableExecutionClient, DurableExecutionInvocationInputWithClient } from "./client/client.ts";
import { DurableExecutionApiClient } from "./client/lambda.ts";
import { createCodec } from "./codec/codec.ts";
import { makeContext } from "./context.ts";
import {
  DurableError,
  isDurableExecutionClientError,
  toErrorObject,
  UnrecoverableInvocationError,
} from "./core/errors.ts";
import { type OperationPath, operationId } from "./core/ids.ts";
import { MAX_RESPONSE_BYTES } from "./core/limits.ts";
import { type RuntimeOptions, resolveSettings, type Settings } from "./core/settings.ts";
import {
  type DurableExecutionInvocationInput,
  type DurableExecutionInvocationOutput,
  InvocationStatus,
} from "./core/wire.ts";
import type { DurableContext } from "./durable-context.ts";
import { active } from "./execution/active.ts";
import { isKeyError } from "./execution/checkpoint-failure.ts";
import { Execution } from "./execution/execution.ts";
import { JsonLogger } from "./execution/json-logger.ts";
import { type DurableLogger, loggingContext } from "./execution/logger.ts";
import { RecordedState } from "./execution/state.ts";
import type { Termination } from "./execution/termination.ts";

// biome-ignore lint/suspicious/noExplicitAny: as in the official type.
export type DurableExecutionHandler<TEvent = any, TResult = any, TLogger extends DurableLogger = DurableLogger> = (
  event: TEvent,
  context: DurableContext<TLogger>,
) => Promise<TResult>;

export interface DurableExecutionConfig {
  /** The AWS client to use. Default: one of our own for the process. */
  client?: LambdaClient;
  /** Another way to the service; not together with `client`. */
  durableExecutionClient?: DurableExecutionClient;
  /** Our own settings. */
  runtime?: RuntimeOptions;
}

/** What Lambda calls. */
export type DurableLambdaHandler = (
  event: DurableExecutionInvocationInput,
  context: Context,
) => Promise<DurableExecutionInvocationOutput>;

/**
 * Makes a Lambda function of a durable handler.
 *
 * ```ts
 * export const handler = withDurableExecution(async (event: { orders: Order[] }, ctx) => {
 *   const batch = await ctx.map("charge", event.orders, (item, order) => item.step("pay", () => pay(order)));
 *   return batch.successCount;
 * });
 * ```
 *
 * @throws DurableError `ERR_SETTING_INVALID` or `ERR_SETTING_UNKNOWN` when a setting of `runtime`, or an environment
 * variable that overrides it, is not allowed.
 */
// biome-ignore lint/suspicious/noExplicitAny: as in the official type.
export function withDurableExecution<TEvent = any, TResult = any, TLogger extends DurableLogger = DurableLogger>(
  handler: DurableExecutionHandler<TEvent, TResult, TLogger>,
  config: DurableExecutionConfig = {},
): DurableLambdaHandler {
  const settings = resolveSettings(config.runtime);
  const plugins: unknown = "plugins" in config ? config.plugins : undefined;
  if (Array.isArray(plugins) && plugins.length > 0) {
    throw new DurableError(
      "ERR_PLUGINS_UNSUPPORTED",
      "This version runs no plugins; remove `plugins` from the config.",
    );
  }
  let configured = config.durableExecutionClient;
  const defaultClient = (): DurableExecutionClient => {
    configured ??= new DurableExecutionApiClient(config.client);
    return configured;
  };
  return async (event, lambdaContext) => {
    checkEvent(event);
    if (config.client !== undefined && config.durableExecutionClient !== undefined) {
      return failed(new Error("Give either `client` or `durableExecutionClient` to withDurableExecution, not both."));
    }
    const client = DurableExecutionInvocationInputWithClient.isInstance(event)
      ? event.durableExecutionClient
      : defaultClient();
    return invoke(handler as DurableExecutionHandler, event, lambdaContext, client, settings);
  };
}

function checkEvent(event: unknown): void {
  const { DurableExecutionArn, CheckpointToken } = (event ?? {}) as Partial<DurableExecutionInvocationInput>;
  if (DurableExecutionArn && CheckpointToken) return;
  throw new Error(
    "Unexpected payload provided to start the durable execution.\n" +
      "Check your resource configurations to confirm the durability is set.",
  );
}

async function invoke(
  handler: DurableExecutionHandler,
  event: DurableExecutionInvocationInput,
  lambdaContext: Context,
  client: DurableExecutionClient,
  settings: Settings,
): Promise<DurableExecutionInvocationOutput> {
  let state: RecordedState;
  try {
    state = await RecordedState.load(event, client);
  } catch (error) {
    if (isKeyError(error) || (isDurableExecutionClientError(error) && error.scope === "EXECUTION"))
      return failed(error);
    throw error;
  }
  const arn = event.DurableExecutionArn;
  const { awsRequestId, tenantId } = lambdaContext as Context & { tenantId?: string };
  const logging = loggingContext(awsRequestId, arn, tenantId);
  const logger = new JsonLogger();
  logger.configureDurableLoggingContext(logging);
  const execution = new Execution({
    arn,
    token: event.CheckpointToken,
    client,
    state,
    codec: createCodec(settings.codec),
    settings,
    logger: { logger, modeAware: true },
    remainingMs: () => lambdaContext.getRemainingTimeInMillis(),
  });
  try {
    const input: unknown = JSON.parse(state.inputPayload ?? "{}");
    const context = makeContext({ execution, lambdaContext, loggingContext: logging }, execution.root);
    const running = active.run({ contextId: "root", enteredIn: execution.root.mode }, () =>
      start(handler, input, context),
    );
    const outcome = await Promise.race([running, execution.terminated]);
    await execution.drain();
    return await respond(execution, outcome);
  } finally {
    execution.close();
  }
}

type Outcome = { readonly end: "succeed"; readonly result: unknown } | Termination;

async function start(handler: DurableExecutionHandler, input: unknown, context: DurableContext): Promise<Outcome> {
  try {
    return { end: "succeed", result: await handler(input, context) };
  } catch (error) {
    return { end: "fail", error };
  }
}

async function respond(execution: Execution, outcome: Outcome): Promise<DurableExecutionInvocationOutput> {
  const final = execution.lost ?? outcome;
  switch (final.end) {
    case "suspend":
      return { Status: InvocationStatus.PENDING };
    case "reject":
      throw final.error;
    case "fail":
      if (final.error instanceof UnrecoverableInvocationError) throw final.error;
      return failed(final.error);
    case "succeed":
      return succeed(execution, final.result);
  }
}

async function succeed(execution: Execution, result: unknown): Promise<DurableExecutionInvocationOutput> {
  let json: string | undefined;
  try {
    json = JSON.stringify(result);
  } catch (error) {
    return failed(error);
  }
  if (json === undefined) return { Status: InvocationStatus.SUCCEEDED };
  if (Buffer.byteLength(json) <= MAX_RESPONSE_BYTES) return { Status: InvocationStatus.SUCCEEDED, Result: json };
  const id = operationId(`execution-result-${Date.now()}` as OperationPath);
  await execution.sendLast({ Type: "EXECUTION", Action: "SUCCEED", Id: id, Payload: json });
  if (execution.lost !== undefined) return respond(execution, execution.lost);
  return { Status: InvocationStatus.SUCCEEDED, Result: "" };
}

function failed(error: unknown): DurableExecutionInvocationOutput {
  return { Status: InvocationStatus.FAILED, Error: toErrorObject(error) };
}
