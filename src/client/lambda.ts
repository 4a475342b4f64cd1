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

/** Milliseconds, as the official client sets them. What goes before them: `endSilence`. */
const TIMEOUTS = { connectionTimeout: 5_000, socketTimeout: 50_000, requestTimeout: 55_000 } as const;

/**
 * In all, one more than the AWS client's default. The service throttles each update of a burst on its own, and an idle
 * connection that was closed meanwhile costs an attempt too: two refusals and one such connection used up three, and with
 * them the invocation, whose work the next one does again. `AWS_MAX_ATTEMPTS` says otherwise, as for every AWS client.
 */
const MAX_ATTEMPTS = 4;

let shared: LambdaClient | undefined;

/** The client of the process. */
function sharedClient(aws: AwsModule): LambdaClient {
  if (shared === undefined) {
    shared = new aws.LambdaClient({
      // The service knows its SDKs by this name; who we are comes after it.
      customUserAgent: [["aws-durable-execution-sdk-js", SDK_VERSION], ["durable-fanout"]],
      requestHandler: { ...TIMEOUTS, throwOnRequestTimeout: true },
      ...(environment().AWS_MAX_ATTEMPTS ? {} : { maxAttempts: MAX_ATTEMPTS }),
    });
    endSilence(shared.config.requestHandler as Transport);
  }
  return shared;
}

/**
 * In Lambda, loads the AWS client and makes that of the process while the process starts. Lambda gives more processor
 * time then: at 128 MB the client takes half a second of the first invocation otherwise. Elsewhere, as in tests, many
 * processes never need it. A failure shows at the first call.
 */
export function prepareSharedClient(): void {
  if (isServingLambda())
    loadAws()
      .then(sharedClient)
      .catch(() => {});
}

/** The service, by way of the AWS client, which is loaded on first use and shared by the process. */
export class DurableExecutionApiClient implements DurableExecutionClient {
  readonly #client: LambdaClient | undefined;

  /** Without a client of yours, one is made for the process; it retries by itself, four attempts in all. */
  constructor(client?: LambdaClient) {
    this.#client = client;
    // Begun now, so that loading overlaps with the start of the invocation; a failure shows at the first call.
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
