/** The Lambda context that handlers and plain functions get. `done`, `fail` and `succeed` do nothing. */
export interface LambdaContextLike {
  awsRequestId: string;
  functionName: string;
  functionVersion: string;
  invokedFunctionArn: string;
  memoryLimitInMB: string;
  logGroupName: string;
  logStreamName: string;
  tenantId?: string;
  callbackWaitsForEmptyEventLoop: boolean;
  getRemainingTimeInMillis(): number;
  done(): void;
  fail(): void;
  succeed(): void;
}

export interface InvocationIdentity {
  readonly functionName: string;
  readonly functionArn: string;
  readonly requestId: string;
  readonly tenantId: string | undefined;
}

export function lambdaContext(identity: InvocationIdentity, remainingMs: () => number): LambdaContextLike {
  const { functionName, functionArn, requestId, tenantId } = identity;
  return {
    awsRequestId: requestId,
    functionName,
    functionVersion: "$LATEST",
    invokedFunctionArn: functionArn,
    memoryLimitInMB: "1769",
    logGroupName: `/aws/lambda/${functionName}`,
    logStreamName: "local",
    callbackWaitsForEmptyEventLoop: true,
    ...(tenantId === undefined ? {} : { tenantId }),
    getRemainingTimeInMillis: () => Math.max(0, remainingMs()),
    done() {},
    fail() {},
    succeed() {},
  };
}
