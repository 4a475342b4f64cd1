import type { ExecutionHeader } from "./journal.ts";

/** The Lambda context that a handler is given. */
export interface LambdaContextLike {
  awsRequestId: string;
  functionName: string;
  functionVersion: string;
  invokedFunctionArn: string;
  memoryLimitInMB: string;
  logGroupName: string;
  logStreamName: string;
  callbackWaitsForEmptyEventLoop: boolean;
  getRemainingTimeInMillis(): number;
  done(): void;
  fail(): void;
  succeed(): void;
}

export function lambdaContext(
  header: ExecutionHeader,
  awsRequestId: string,
  remainingMs: () => number,
): LambdaContextLike {
  return {
    awsRequestId,
    functionName: header.functionName,
    functionVersion: "$LATEST",
    invokedFunctionArn: header.arn.split(":").slice(0, 7).join(":"),
    memoryLimitInMB: "1769",
    logGroupName: `/aws/lambda/${header.functionName}`,
    logStreamName: "local",
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Math.max(0, remainingMs()),
    done() {},
    fail() {},
    succeed() {},
  };
}
