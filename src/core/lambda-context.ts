/**
 * What Lambda says of an invocation, structurally the `Context` of `@types/aws-lambda`: declared here, so that whoever
 * uses this package need not have those types, and has no second copy of their globals.
 */
export interface LambdaContext {
  callbackWaitsForEmptyEventLoop: boolean;
  functionName: string;
  functionVersion: string;
  invokedFunctionArn: string;
  /** Megabytes, as digits. */
  memoryLimitInMB: string;
  awsRequestId: string;
  logGroupName: string;
  logStreamName: string;
  identity?: { cognitoIdentityId: string; cognitoIdentityPoolId: string } | undefined;
  clientContext?: LambdaClientContext | undefined;
  tenantId?: string | undefined;
  /** Until Lambda cuts the invocation off. */
  getRemainingTimeInMillis(): number;
  /** @deprecated A durable handler returns its result. */
  done(error?: Error, result?: unknown): void;
  /** @deprecated A durable handler throws. */
  fail(error: Error | string): void;
  /** @deprecated A durable handler returns its result. */
  succeed(messageOrObject: unknown): void;
  /** @deprecated A durable handler returns its result. */
  succeed(message: string, object: unknown): void;
}

/** What the AWS Mobile SDK sends along. */
export interface LambdaClientContext {
  client: {
    installationId: string;
    appTitle: string;
    appVersionName: string;
    appVersionCode: string;
    appPackageName: string;
  };
  // biome-ignore lint/suspicious/noExplicitAny: as in the types of AWS.
  custom?: any;
  env: { platformVersion: string; platform: string; make: string; model: string; locale: string };
}
