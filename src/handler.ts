import type { LambdaClient } from "@aws-sdk/client-lambda";
import { type DurableExecutionClient, DurableExecutionInvocationInputWithClient } from "./client/client.ts";
import { DurableExecutionApiClient, prepareSharedClient } from "./client/lambda.ts";
import { createCodec } from "./codec/codec.ts";
import { makeContext } from "./context/context.ts";
import type { DurableContext } from "./context/durable-context.ts";
import { DurableError, isDurableExecutionClientError, UnrecoverableInvocationError } from "./core/errors.ts";
import { type OperationPath, operationId } from "./core/ids.ts";
import type { LambdaContext } from "./core/lambda-context.ts";
import { MAX_RESPONSE_BYTES } from "./core/limits.ts";
import { toRecordedError } from "./core/recorded-error.ts";
import { type RuntimeOptions, resolveSettings, type Settings } from "./core/settings.ts";
import { warnOfUnknownVariables } from "./core/unknown-variables.ts";
import { logVerbose } from "./core/verbose.ts";
import type { DurableExecutionInvocationInput, DurableExecutionInvocationOutput } from "./core/wire.ts";
import { active } from "./execution/active.ts";
import { isKeyError } from "./execution/checkpoint-failure.ts";
import { Execution } from "./execution/execution.ts";
import { type InvocationEnd, InvocationReport } from "./execution/invocation-report.ts";
import { JsonLogger } from "./execution/json-logger.ts";
import { type DurableLogger, lineOrigin, loggingContext } from "./execution/logger.ts";
import { Observer } from "./execution/observer.ts";
import { RecordedState } from "./execution/state.ts";
import type { Termination } from "./execution/suspension.ts";
import { publishUsage } from "./execution/usage.ts";
import { loadPlugins, namesPlugins } from "./plugins/loader.ts";
import type { DurableInstrumentationPlugin, InvocationEndInfo } from "./plugins/plugin.ts";
import { PluginRunner } from "./plugins/runner.ts";

// biome-ignore lint/suspicious/noExplicitAny: as in the official type.
export type DurableExecutionHandler<TEvent = any, TResult = any, TLogger extends DurableLogger = DurableLogger> = (
  event: TEvent,
  context: DurableContext<TLogger>,
) => Promise<TResult>;

export interface DurableExecutionConfig {
  /** The AWS client. Default: one client that the process shares. The embedded service brings a client of its own. */
  client?: LambdaClient;
  /** A client of your own for the service, used as `client` is. If both are given, every execution fails. */
  durableExecutionClient?: DurableExecutionClient;
  /**
   * Plugins that observe executions. The plugins of the variable `DURABLE_EXECUTION_PLUGINS` are added at the end of
   * the list. If one of the variable's plugins cannot be loaded, every execution fails.
   */
  plugins?: DurableInstrumentationPlugin[];
  pluginsConfig?: {
    /**
     * A number of levels: 0 (the default), a whole number, or Infinity. The child contexts directly in the handler are
     * level 1. After a context of these levels has finished, the service still delivers the operations inside the
     * context, so that plugins see the operations on every replay. If the context succeeded, a replay then also runs
     * the function of the context again. With a number that is not allowed, every execution fails.
     */
    childOperationsDepth?: number;
  };
  /** Settings of the runtime. */
  runtime?: RuntimeOptions;
}

/**
 * The function that Lambda calls. If the user's handler throws, the promise resolves with the status `FAILED`. The
 * promise rejects if the event is no event of a durable execution, or if only the invocation fails, so that the service
 * begins another invocation.
 */
export type DurableLambdaHandler = (
  event: DurableExecutionInvocationInput,
  context: LambdaContext,
) => Promise<DurableExecutionInvocationOutput>;

/**
 * Makes a Lambda function of a durable handler.
 *
 * ```ts
 * export const handler = withDurableExecution(async (event: { orders: Order[] }, ctx) => {
 *   const charged = await ctx.map("charge", event.orders, (item, order) => item.step("pay", () => pay(order)));
 *   return charged.successCount;
 * });
 * ```
 *
 * @throws DurableError `ERR_HANDLER_INVALID`; `ERR_CLIENT_INVALID`; `ERR_SETTING_UNKNOWN` for a setting of `runtime`;
 * `ERR_SETTING_INVALID`, or `ERR_BATCH_INVALID` for `batch`, for a setting of `runtime` or an environment variable that
 * overrides a setting
 */
// biome-ignore lint/suspicious/noExplicitAny: as in the official type.
export function withDurableExecution<TEvent = any, TResult = any, TLogger extends DurableLogger = DurableLogger>(
  handler: DurableExecutionHandler<TEvent, TResult, TLogger>,
  config: DurableExecutionConfig = {},
): DurableLambdaHandler {
  if (typeof handler !== "function") {
    throw new DurableError(
      "ERR_HANDLER_INVALID",
      `withDurableExecution was given ${handler === null ? "null" : typeof handler}; give it the handler, a function of ` +
        "the event and the durable context.",
    );
  }
  checkClients(config);
  const settings = resolveSettings(config.runtime);
  warnOfUnknownVariables();
  const plugins = choosePlugins(config);
  let configured = config.durableExecutionClient;
  if (configured === undefined && config.client === undefined) prepareSharedClient();
  const defaultClient = (): DurableExecutionClient => {
    configured ??= new DurableExecutionApiClient(config.client);
    return configured;
  };
  return async (event, lambdaContext) => {
    checkEvent(event);
    if (config.client !== undefined && config.durableExecutionClient !== undefined) {
      return failed(new Error("Give either `client` or `durableExecutionClient` to withDurableExecution, not both."));
    }
    let runner: PluginRunner | undefined;
    try {
      runner = plugins instanceof Promise ? await plugins : plugins;
    } catch (error) {
      return failed(error);
    }
    const client = DurableExecutionInvocationInputWithClient.isInstance(event)
      ? event.durableExecutionClient
      : defaultClient();
    const depth = config.pluginsConfig?.childOperationsDepth;
    return new Invocation(handler as DurableExecutionHandler, event, lambdaContext, settings).run(
      client,
      runner,
      depth,
    );
  };
}

function choosePlugins(config: DurableExecutionConfig): PluginRunner | Promise<PluginRunner> | undefined {
  const plugins = config.plugins ?? [];
  if (!namesPlugins()) return plugins.length === 0 ? undefined : new PluginRunner(plugins);
  const loading = loadPlugins().then((loaded) => new PluginRunner([...plugins, ...loaded]));
  // Invocations await the promise later. Until then, a rejection must not end the process.
  loading.catch(() => {});
  return loading;
}

/** A wrong client is an error when the handler is made, not at the first call of the client. */
function checkClients({ client, durableExecutionClient: transport }: DurableExecutionConfig): void {
  // If both clients are given, each invocation fails later, as with the official SDK.
  if (client !== undefined && transport !== undefined) return;
  if (client !== undefined && typeof client?.send !== "function") {
    throw new DurableError("ERR_CLIENT_INVALID", "`client` must be a LambdaClient of @aws-sdk/client-lambda.");
  }
  if (transport === undefined) return;
  if (typeof transport?.checkpoint === "function" && typeof transport.getExecutionState === "function") return;
  throw new DurableError(
    "ERR_CLIENT_INVALID",
    "`durableExecutionClient` must have the methods checkpoint and getExecutionState.",
  );
}

function checkEvent(event: unknown): void {
  const { DurableExecutionArn, CheckpointToken } = (event ?? {}) as Partial<DurableExecutionInvocationInput>;
  if (DurableExecutionArn && CheckpointToken) return;
  throw new Error(
    "Unexpected payload provided to start the durable execution.\n" +
      "Check your resource configurations to confirm the durability is set. DurableConfig can only be set when a " +
      "function is created. Locally: npx durable-fanout run.",
  );
}

/** As with the official SDK, a `SyntaxError` makes the invocation reject. The execution itself does not end. */
function readInput(payload: string | undefined): unknown {
  try {
    return JSON.parse(payload ?? "{}");
  } catch (cause) {
    throw new SyntaxError(`The execution's input is not JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
}

class Invocation {
  readonly #handler: DurableExecutionHandler;
  readonly #event: DurableExecutionInvocationInput;
  readonly #lambdaContext: LambdaContext & { tenantId?: string };
  readonly #settings: Settings;

  constructor(
    handler: DurableExecutionHandler,
    event: DurableExecutionInvocationInput,
    lambdaContext: LambdaContext,
    settings: Settings,
  ) {
    this.#handler = handler;
    this.#event = event;
    this.#lambdaContext = lambdaContext;
    this.#settings = settings;
  }

  async run(
    client: DurableExecutionClient,
    plugins: PluginRunner | undefined,
    depth: number | undefined,
  ): Promise<DurableExecutionInvocationOutput> {
    let state: RecordedState;
    try {
      const { logger } = this.#logger(plugins && (() => plugins.logMembers()));
      state = await RecordedState.load(this.#event, client, logger);
    } catch (error) {
      if (isKeyError(error) || (isDurableExecutionClientError(error) && error.scope === "EXECUTION"))
        return failed(error);
      throw error;
    }
    logVerbose(() => `invoked for ${this.#event.DurableExecutionArn}, ${state.isReplay ? "with" : "without"} records`);
    const input = readInput(state.inputPayload);
    if (plugins !== undefined) return this.#watched(client, state, input, plugins, depth);
    const fault = depthFault(depth);
    return fault === undefined ? (await this.#execute(client, state, input, undefined, depth)).output : failed(fault);
  }

  async #watched(
    client: DurableExecutionClient,
    state: RecordedState,
    input: unknown,
    plugins: PluginRunner,
    depth: number | undefined,
  ): Promise<DurableExecutionInvocationOutput> {
    const { DurableExecutionArn: arn, UpdatedOperationIds: updatedIds = [] } = this.#event;
    const observer = new Observer(plugins, arn, state.records, updatedIds);
    const report = new InvocationReport(observer, this.#lambdaContext.awsRequestId, arn, input, state);
    const end = async (info: () => InvocationEndInfo): Promise<void> => {
      await observer.close();
      await plugins.emit("onInvocationEnd", info);
    };
    await plugins.emit("onInvocationStart", report.start);
    const fault = depthFault(depth);
    if (fault !== undefined) {
      const output = failed(fault);
      await end(() => report.end({ output, error: fault }));
      return output;
    }
    return plugins.wrap("wrapInvocation", report.start, async () => {
      let ended: InvocationEnd;
      try {
        ended = await this.#execute(client, state, input, observer, depth);
      } catch (error) {
        await end(() => report.rejected(error));
        throw error;
      }
      await end(() => report.end(ended));
      return ended.output;
    });
  }

  #logger(extraMembers: (() => object | undefined) | undefined) {
    const { awsRequestId, tenantId } = this.#lambdaContext;
    const arn = this.#event.DurableExecutionArn;
    const logging = loggingContext(awsRequestId, arn, tenantId);
    const logger = new JsonLogger(extraMembers);
    logger.configureDurableLoggingContext(logging);
    return { logger, logging };
  }

  async #execute(
    client: DurableExecutionClient,
    state: RecordedState,
    input: unknown,
    observer: Observer | undefined,
    depth: number | undefined,
  ): Promise<InvocationEnd> {
    const { DurableExecutionArn: arn, CheckpointToken: token } = this.#event;
    const lambdaContext = this.#lambdaContext;
    const { logger, logging } = this.#logger(observer && (() => observer.logMembers()));
    const settings = this.#settings;
    const execution = new Execution({
      ...{ arn, token, client, state, settings, observer, requestId: lambdaContext.awsRequestId },
      codec: createCodec(settings.codec, settings.packFromBytes),
      childOperationsDepth: depth ?? 0,
      logger: { logger: client.wrapLogger?.(logger, lineOrigin) ?? logger, modeAware: true },
      remainingMs: () => lambdaContext.getRemainingTimeInMillis(),
    });
    client.onRunning?.({
      drain: () => execution.startClosing(),
      end: () => execution.terminate({ end: "suspend" }),
    });
    try {
      const context = makeContext({ execution, lambdaContext, loggingContext: logging }, execution.root);
      const root = { contextId: "root", scope: execution.root, given: context };
      const running = active.run(root, () => start(this.#handler, input, context));
      const outcome = await Promise.race([running, execution.terminated]);
      // Otherwise a redrive would run ended items of open batches again.
      if (outcome.end === "fail" && !execution.isOver) execution.batches.writeAll();
      await execution.sendRemaining();
      const end = await respond(execution, outcome);
      if (end.output.Status !== "PENDING") execution.usage.ended(end.output);
      logVerbose(() => `the invocation ends as ${end.output.Status}`);
      return end;
    } finally {
      execution.close();
      reportUsage(execution);
    }
  }
}

function depthFault(depth: unknown): Error | undefined {
  if (depth === undefined || depth === Number.POSITIVE_INFINITY) return undefined;
  if (Number.isInteger(depth) && (depth as number) >= 0) return undefined;
  return new Error(
    `pluginsConfig.childOperationsDepth must be a non-negative integer or Infinity; got ${String(depth)}.`,
  );
}

function reportUsage(execution: Execution): void {
  publishUsage(execution.usage);
  if (!execution.settings.logUsage) return;
  const { executionArn: _arn, requestId: _id, ...used } = execution.usage.snapshot();
  execution.log("info", { type: "durable-fanout usage", ...used });
}

type Outcome = { readonly end: "succeed"; readonly result: unknown } | Termination;

async function start(handler: DurableExecutionHandler, input: unknown, context: DurableContext): Promise<Outcome> {
  try {
    return { end: "succeed", result: await handler(input, context) };
  } catch (error) {
    return { end: "fail", error };
  }
}

async function respond(execution: Execution, outcome: Outcome): Promise<InvocationEnd> {
  const final = execution.lost ?? outcome;
  switch (final.end) {
    case "suspend":
      return { output: { Status: "PENDING" } };
    case "reject":
      throw final.error;
    case "fail":
      if (final.error instanceof UnrecoverableInvocationError) throw final.error;
      execution.onThrown?.(undefined, final.error);
      return { output: failed(final.error), error: final.error };
    case "succeed":
      return succeed(execution, final.result);
  }
}

async function succeed(execution: Execution, result: unknown): Promise<InvocationEnd> {
  let json: string | undefined;
  try {
    json = JSON.stringify(result);
  } catch (error) {
    return { output: failed(error), error };
  }
  if (json === undefined) return { output: { Status: "SUCCEEDED" }, result };
  if (Buffer.byteLength(json) <= MAX_RESPONSE_BYTES) {
    return { output: { Status: "SUCCEEDED", Result: json }, result };
  }
  const id = operationId(`execution-result-${Date.now()}` as OperationPath);
  await execution.sendLast({ Type: "EXECUTION", Action: "SUCCEED", Id: id, Payload: json });
  if (execution.lost !== undefined) return respond(execution, execution.lost);
  return { output: { Status: "SUCCEEDED", Result: "" }, result };
}

function failed(error: unknown): DurableExecutionInvocationOutput {
  return { Status: "FAILED", Error: toRecordedError(error, MAX_RESPONSE_BYTES) };
}
