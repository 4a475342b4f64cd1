import type { LambdaClient } from "@aws-sdk/client-lambda";
import { environment, isServingLambda } from "../core/environment.ts";
import {
  type CheckpointDurableExecutionRequest,
  type CheckpointDurableExecutionResponse,
  type GetDurableExecutionStateRequest,
  type GetDurableExecutionStateResponse,
  SDK_VERSION,
} from "../core/wire.ts";
import { type AwsModule, loadAws } from "./aws-module.ts";
import type { DurableExecutionClient } from "./client.ts";
import { endSilence, type Transport } from "./silence.ts";

interface ErrorLog {
  error(...params: unknown[]): void;
}

/**
 * The time-outs of the official SDK, in milliseconds. `endSilence` usually ends a silent request before the last two.
 */
const TIMEOUTS = { connectionTimeout: 5_000, socketTimeout: 50_000, requestTimeout: 55_000 } as const;

/**
 * The number of attempts of one request, unless `AWS_MAX_ATTEMPTS` is set. The three attempts that are the AWS client's
 * default were not enough: the service throttled two attempts of a burst, and a connection that was closed while idle
 * cost the third attempt. Then the invocation ended, and the next invocation repeated its work.
 */
const MAX_ATTEMPTS = 4;

let shared: LambdaClient | undefined;

function sharedClient(aws: AwsModule): LambdaClient {
  if (shared === undefined) {
    shared = new aws.LambdaClient({
      // The service recognises the official SDK by its name, so this name comes first.
      customUserAgent: [["aws-durable-execution-sdk-js", SDK_VERSION], ["durable-fanout"]],
      requestHandler: { ...TIMEOUTS, throwOnRequestTimeout: true },
      ...(environment().AWS_MAX_ATTEMPTS ? {} : { maxAttempts: MAX_ATTEMPTS }),
    });
    endSilence(shared.config.requestHandler as Transport);
  }
  return shared;
}

/**
 * In Lambda, loads the AWS client and creates the shared client while the process starts, because a starting process
 * has more processor time. Otherwise the first invocation of a function with little memory takes much longer. Outside
 * of Lambda many processes never need the client, so nothing is loaded. A failure is ignored, because the first request
 * loads again.
 */
export function prepareSharedClient(): void {
  if (isServingLambda())
    loadAws()
      .then(sharedClient)
      .catch(() => {});
}

/**
 * Calls the service through the AWS client. A method rejects with the error of the AWS client, or with a
 * `DurableExecutionClientError` if no usable AWS client can be loaded.
 */
export class DurableExecutionApiClient implements DurableExecutionClient {
  readonly #client: LambdaClient | undefined;

  /**
   * Default of `client`: the client that the process shares, which makes up to `AWS_MAX_ATTEMPTS` attempts of each
   * request, or 4 without this variable. The AWS client begins to load during this call.
   */
  constructor(client?: LambdaClient) {
    this.#client = client;
    // A failure is ignored, because the first request loads again.
    loadAws().catch(() => {});
  }

  getExecutionState(
    params: GetDurableExecutionStateRequest,
    logger?: ErrorLog,
  ): Promise<GetDurableExecutionStateResponse> {
    const make = (aws: AwsModule) => new aws.GetDurableExecutionStateCommand(params as never);
    return this.#send("Failed to get durable execution state", logger, make);
  }

  checkpoint(
    params: CheckpointDurableExecutionRequest,
    logger?: ErrorLog,
  ): Promise<CheckpointDurableExecutionResponse> {
    const make = (aws: AwsModule) => new aws.CheckpointDurableExecutionCommand(params as never);
    return this.#send("Failed to checkpoint durable execution", logger, make);
  }

  async #send<Response>(
    failure: string,
    logger: ErrorLog | undefined,
    make: (aws: AwsModule) => object,
  ): Promise<Response> {
    try {
      const aws = await loadAws();
      const client = this.#client ?? sharedClient(aws);
      return (await client.send(make(aws) as never)) as Response;
    } catch (error) {
      logger?.error(failure, error);
      throw error;
    }
  }
}
