import type { Context } from "aws-lambda";
import type {
  DurableExecutionInvocationInput,
  DurableExecutionInvocationInputWithClient,
  DurableExecutionInvocationOutput,
  RuntimeOptions,
} from "../src/index.ts";
import { ARN, type BareService } from "./service.ts";
import type { BenchHandler, Subject } from "./works.ts";

type Lambda = (event: DurableExecutionInvocationInputWithClient, context: Context) => Promise<unknown>;

interface Sdk {
  readonly withDurableExecution: (handler: BenchHandler, config?: { runtime?: RuntimeOptions }) => Lambda;
  readonly DurableExecutionInvocationInputWithClient: new (
    input: DurableExecutionInvocationInput,
    client: BareService,
  ) => DurableExecutionInvocationInputWithClient;
}

export type Invocation = (service: BareService) => Promise<DurableExecutionInvocationOutput>;

export const DIST = new URL("../dist/", import.meta.url).href;

/** Lifts the quotas. The official SDK has no checks of quotas, so a comparison with these checks would be unfair. */
export function withoutQuotas(settings: RuntimeOptions = {}): RuntimeOptions {
  return { ...settings, quotas: { operations: Number.POSITIVE_INFINITY, onExceed: "off" } };
}

const lambdaContext = {
  awsRequestId: "bench",
  getRemainingTimeInMillis: () => 900_000,
} as unknown as Context;

/** Loads only the named package, because the memory of both packages would count. `dist` is the URL of a folder. */
export async function loadSubject(name: Subject, dist = DIST) {
  const sdk: Sdk = await import(name === "ours" ? `${dist}index.mjs` : "@aws/durable-execution-sdk-js");
  return (handler: BenchHandler, settings?: RuntimeOptions): Invocation => {
    const lambda = sdk.withDurableExecution(handler, name === "ours" ? { runtime: withoutQuotas(settings) } : {});
    return async (service) => {
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
