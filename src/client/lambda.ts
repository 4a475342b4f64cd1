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

/** Milliseconds, as in the official client. `endSilence` usually ends a request earlier. */
const TIMEOUTS = { connectionTimeout: 5_000, socketTimeout: 50_000, requestTimeout: 55_000 } as const;

/**
 * The number of attempts, one more than the default of the AWS client. The service throttles each update of a burst
 * separately, and a connection that was closed while idle costs an attempt too. Two throttled attempts and one such
 * connection used up three attempts and ended the invocation, so that the next invocation repeated its work.
 * `AWS_MAX_ATTEMPTS` overrides the number, as for every AWS client.
 */
const MAX_ATTEMPTS = 4;

let shared: LambdaClient | undefined;

/** The client of the process. */
function sharedClient(aws: AwsModule): LambdaClient {
  if (shared === undefined) {
    shared = new aws.LambdaClient({
      // The service knows its SDKs by this name. The name of this package follows.
      customUserAgent: [["aws-durable-execution-sdk-js", SDK_VERSION], ["durable-fanout"]],
      requestHandler: { ...TIMEOUTS, throwOnRequestTimeout: true },
      ...(environment().AWS_MAX_ATTEMPTS ? {} : { maxAttempts: MAX_ATTEMPTS }),
    });
    endSilence(shared.config.requestHandler as Transport);
  }
  return shared;
}

/**
 * In Lambda, loads the AWS client and creates the shared client while the process starts. Lambda gives more processor
 * time at that time: with 128 MB the client otherwise takes half a second of the first invocation. Elsewhere, as in
 * tests, many processes never need the client. A failure shows at the first call.
 */
export function prepareSharedClient(): void {
  if (isServingLambda())
    loadAws()
      .then(sharedClient)
      .catch(() => {});
}

/** The service, called through the AWS client. The client is loaded on first use, and the process shares it. */
export class DurableExecutionApiClient implements DurableExecutionClient {
  readonly #client: LambdaClient | undefined;

  /** Without a given client, the shared client of the process is used. It makes four attempts in total. */
  constructor(client?: LambdaClient) {
    this.#client = client;
    // Loading begins now, at the same time as the start of the invocation. A failure shows at the first call.
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
