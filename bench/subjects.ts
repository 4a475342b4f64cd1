import type { Context } from "aws-lambda";
import type {
  DurableExecutionInvocationInput,
  DurableExecutionInvocationInputWithClient,
  DurableExecutionInvocationOutput,
  RuntimeOptions,
} from "../src/index.ts";
import type { BenchHandler, SubjectName } from "./scenario.ts";
import { ARN, type BareService } from "./service.ts";

type Lambda = (event: DurableExecutionInvocationInputWithClient, context: Context) => Promise<unknown>;

/** The parts of the API that the harness itself calls. */
interface Sdk {
  readonly withDurableExecution: (handler: BenchHandler, config?: { runtime?: RuntimeOptions }) => Lambda;
  readonly DurableExecutionInvocationInputWithClient: new (
    input: DurableExecutionInvocationInput,
    client: BareService,
  ) => DurableExecutionInvocationInputWithClient;
}

/** One invocation of a handler. */
export type Invocation = (service: BareService) => Promise<DurableExecutionInvocationOutput>;

/** Quotas are lifted: what is compared is work, and the official SDK does not look at them. */
const UNLIMITED: RuntimeOptions = { quotas: { operations: Number.POSITIVE_INFINITY, onExceed: "off" } };

export function withoutQuotas(settings: RuntimeOptions = {}): RuntimeOptions {
  return { ...settings, quotas: { ...UNLIMITED.quotas, ...settings.quotas } };
}

const lambdaContext = {
  awsRequestId: "bench",
  getRemainingTimeInMillis: () => 900_000,
} as unknown as Context;

/** Loads one SDK and no other, so that its memory is its own. */
export async function loadSubject(name: SubjectName) {
  const sdk = (await (name === "ours"
    ? import("../src/index.ts")
    : import("@aws/durable-execution-sdk-js"))) as unknown as Sdk;
  return (handler: BenchHandler, settings?: RuntimeOptions): Invocation => {
    const lambda = sdk.withDurableExecution(handler, name === "ours" ? { runtime: withoutQuotas(settings) } : {});
    return async (service) => {
      service.invocations++;
      const state = { Operations: service.recorded(), NextMarker: "" };
      const input = { DurableExecutionArn: ARN, CheckpointToken: "token-0", InitialExecutionState: state };
      const event = new sdk.DurableExecutionInvocationInputWithClient(
        input as unknown as DurableExecutionInvocationInput,
        service,
      );
      return (await lambda(event, lambdaContext)) as DurableExecutionInvocationOutput;
    };
  };
}
