/**
 * Lambda's information about an invocation. The members are those of `Context` in `@types/aws-lambda`. They are
 * declared in this file, so that users do not need that package.
 */
export interface LambdaContext {
  callbackWaitsForEmptyEventLoop: boolean;
  functionName: string;
  functionVersion: string;
  invokedFunctionArn: string;
  /** The function's memory in megabytes, as a text of digits. */
  memoryLimitInMB: string;
  awsRequestId: string;
  logGroupName: string;
  logStreamName: string;
  identity?: { cognitoIdentityId: string; cognitoIdentityPoolId: string } | undefined;
  clientContext?: LambdaClientContext | undefined;
  tenantId?: string | undefined;
  /** Milliseconds until Lambda stops the invocation. */
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

/** Information about the client, which the AWS Mobile SDK sends with a call. */
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
