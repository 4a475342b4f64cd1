import type { LambdaClient } from "@aws-sdk/client-lambda";
import { SDK_VERSION } from "../core/version.ts";
import type {
  CheckpointDurableExecutionRequest,
  CheckpointDurableExecutionResponse,
  GetDurableExecutionStateRequest,
  GetDurableExecutionStateResponse,
} from "../core/wire.ts";
import type { DurableExecutionClient } from "./client.ts";

type AwsModule = typeof import("@aws-sdk/client-lambda");

interface ErrorLog {
  error(...params: unknown[]): void;
}

/** Milliseconds, as the official client sets them. A checkpoint answers within tens of milliseconds. */
const TIMEOUTS = { connectionTimeout: 5_000, socketTimeout: 50_000, requestTimeout: 55_000 } as const;

let loading: Promise<AwsModule> | undefined;
let shared: LambdaClient | undefined;

/** Loads the AWS client once; a failed attempt is made again at the next call. */
function load(): Promise<AwsModule> {
  loading ??= import("@aws-sdk/client-lambda").catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

/** The service, by way of the AWS client, which is loaded on first use and shared by the process. */
export class DurableExecutionApiClient implements DurableExecutionClient {
  readonly #client: LambdaClient | undefined;

  /** Without a client of yours, one is made for the process; it retries by itself, three attempts in all. */
  constructor(client?: LambdaClient) {
    this.#client = client;
    // Begun now, so that loading overlaps with the start of the invocation; a failure shows at the first call.
    load().catch(() => {});
  }

  getExecutionState(
    params: GetDurableExecutionStateRequest,
    logger?: ErrorLog,
  ): Promise<GetDurableExecutionStateResponse> {
    return this.#logged("Failed to get durable execution state", logger, async (aws) => {
      const command = new aws.GetDurableExecutionStateCommand(params as never);
      return (await this.#lambda(aws).send(command)) as GetDurableExecutionStateResponse;
    });
  }

  checkpoint(
    params: CheckpointDurableExecutionRequest,
    logger?: ErrorLog,
  ): Promise<CheckpointDurableExecutionResponse> {
    return this.#logged("Failed to checkpoint durable execution", logger, async (aws) => {
      const command = new aws.CheckpointDurableExecutionCommand(params as never);
      return (await this.#lambda(aws).send(command)) as CheckpointDurableExecutionResponse;
    });
  }

  async #logged<T>(failure: string, logger: ErrorLog | undefined, call: (aws: AwsModule) => Promise<T>): Promise<T> {
    const aws = await load();
    try {
      return await call(aws);
    } catch (error) {
      logger?.error(failure, error);
      throw error;
    }
  }

  #lambda(aws: AwsModule): LambdaClient {
    if (this.#client !== undefined) return this.#client;
    shared ??= new aws.LambdaClient({
      // The service knows its SDKs by this name; who we are comes after it.
      customUserAgent: [["aws-durable-execution-sdk-js", SDK_VERSION], ["durable-fanout"]],
      requestHandler: { ...TIMEOUTS, throwOnRequestTimeout: true },
    });
    return shared;
  }
}
