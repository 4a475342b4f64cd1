import * as official from "@aws/durable-execution-sdk-js";
import type { Context } from "aws-lambda";
import * as ours from "../src/index.ts";
import { ARN, type BareService } from "./service.ts";

/** A handler written against the API that both packages have. */
export type BenchHandler = (input: never, context: ours.DurableContext) => Promise<unknown>;

/** One invocation of a handler; resolves with the parsed result. */
export type Subject = (handler: BenchHandler, service: BareService, settings?: ours.RuntimeOptions) => Promise<unknown>;

const lambdaContext = {
  awsRequestId: "bench",
  getRemainingTimeInMillis: () => 900_000,
} as unknown as Context;

async function invoke(lambda: (event: never, context: Context) => Promise<unknown>, service: BareService) {
  const event = new ours.DurableExecutionInvocationInputWithClient(
    {
      DurableExecutionArn: ARN,
      CheckpointToken: "token-0",
      InitialExecutionState: { Operations: service.recorded(), NextMarker: "" },
    },
    service,
  );
  const output = (await lambda(event as never, lambdaContext)) as ours.DurableExecutionInvocationOutput;
  if (output.Status !== "SUCCEEDED") throw new Error(`The benchmark ended as ${JSON.stringify(output)}.`);
  return output.Result === undefined ? undefined : JSON.parse(output.Result);
}

export const subjects: Record<"official" | "ours", Subject> = {
  official: (handler, service) => invoke(official.withDurableExecution(handler as never) as never, service),
  ours: (handler, service, runtime = {}) =>
    invoke(ours.withDurableExecution(handler as never, { runtime }) as never, service),
};
