// Every call shape of the documented API. It is compiled against this package and against the official one, and never
// run: `examples.test.ts` says what the compiler must accept and refuse.
import type { LambdaClient } from "@aws-sdk/client-lambda";
import {
  type AnySerdes,
  BatchItemStatus,
  type BatchResult,
  buildPreview,
  ChildContextError,
  type CompletionConfig,
  CompletionOutcome,
  completeBatch,
  continueBatch,
  createClassSerdes,
  createClassSerdesWithDates,
  createFileSystemSerdes,
  createLinearRetryStrategy,
  createRetryStrategy,
  createWaitStrategy,
  type DurableContext,
  DurableExecutionApiClient,
  type DurableExecutionClient,
  DurableExecutionClientError,
  type DurableExecutionHandler,
  DurableExecutionInvocationInputWithClient,
  type DurableLogger,
  DurablePromise,
  type Duration,
  defaultSerdes,
  FieldMatchMode,
  FileSystemPathEncoding,
  FileSystemSerdesMode,
  isDurableExecutionClientError,
  JitterStrategy,
  NestingType,
  PreviewMode,
  retryPresets,
  type Serdes,
  StepError,
  StepSemantics,
  withDurableExecution,
  withRetry,
} from "../../src/index.ts";

interface Order {
  id: string;
  cents: number;
}
declare const orders: Order[];
declare const client: LambdaClient;
declare const transport: DurableExecutionClient;
declare const serdes: Serdes<Order>;
declare const logger: DurableLogger & { trace(text: string): void };

const same = <T>(_value: T): void => {};

export const handler = withDurableExecution(async (event: { orders: Order[] }, context: DurableContext) => {
  same<Order[]>(event.orders);
  same<string>(context.executionContext.durableExecutionArn);
  same<number>(context.lambdaContext.getRemainingTimeInMillis());
  context.logger.info("text", { a: 1 });
  context.logger.error(new Error("e"));
  return event.orders.length;
});
export const withClient = withDurableExecution(async () => 1, { client });
export const withTransport = withDurableExecution(async () => 1, { durableExecutionClient: transport });
export const withPlugins = withDurableExecution(async () => 1, {
  plugins: [
    {
      async onInvocationStart({ isFirstInvocation }) {
        same<boolean>(isFirstInvocation);
      },
    },
  ],
  pluginsConfig: { childOperationsDepth: 1 },
});
export const typed: DurableExecutionHandler<Order, number> = async (event, context) => {
  context.logger.debug(event.id);
  return event.cents;
};
export const wrapped = withDurableExecution<Order, number>(typed);

export async function steps(context: DurableContext): Promise<void> {
  same<number>(await context.step(async () => 1));
  same<number>(await context.step("name", async () => 1));
  same<number>(await context.step(undefined, async () => 1));
  same<Order>(
    await context.step<Order>("name", async ({ attempt, logger: log }) => {
      log.info(`${attempt}`);
      return { id: "a", cents: attempt };
    }),
  );
  await context.step("name", async () => 1, {
    retryStrategy: (error, attempt) => ({ shouldRetry: attempt < 3 && error.message !== "", delay: { seconds: 5 } }),
    semantics: StepSemantics.AtMostOncePerRetry,
  });
  await context.step("name", async () => orders[0] as Order, { serdes, retryStrategy: retryPresets.noRetry });
  const promise: DurablePromise<number> = context.step("lazy", async () => 1);
  same<boolean>(promise.isExecuted);
  await promise.catch((error) => error instanceof StepError);
}

export async function waits(context: DurableContext): Promise<void> {
  await context.wait({ seconds: 1 });
  await context.wait("name", { minutes: 1, seconds: 2 });
  await context.wait("name", { hours: 1, minutes: 2 });
  const long: Duration = { days: 1, hours: 2, minutes: 3, seconds: 4 };
  await context.wait(long);
  same<number>(
    await context.waitForCondition("poll", async (state: number, { attempt }) => state + attempt, {
      initialState: 0,
      waitStrategy: (state, attempt) =>
        state > attempt ? { shouldContinue: false } : { shouldContinue: true, delay: { seconds: 1 } },
    }),
  );
  await context.waitForCondition(async (state: Order) => state, {
    initialState: { id: "a", cents: 1 },
    serdes,
    waitStrategy: createWaitStrategy({
      shouldContinuePolling: (state: Order) => state.cents < 2,
      maxAttempts: 3,
      initialDelay: { seconds: 1 },
      maxDelay: { minutes: 1 },
      backoffRate: 2,
      jitter: JitterStrategy.HALF,
    }),
  });
  await context.waitForCondition<number>(undefined, async (state) => state, {
    initialState: 1,
    waitStrategy: () => ({ shouldContinue: false }),
  });
}

export async function callbacks(context: DurableContext): Promise<void> {
  const [result, id] = await context.createCallback();
  same<string>(await result);
  same<string>(id);
  const [order] = await context.createCallback<Order>("name", {
    timeout: { hours: 1 },
    heartbeatTimeout: { minutes: 1 },
    serdes: { deserialize: async (text) => (text === undefined ? undefined : JSON.parse(text)) },
  });
  same<Order>(await order);
  same<string>(await context.waitForCallback(async (callbackId, { logger: log }) => log.info(callbackId)));
  same<Order>(
    await context.waitForCallback<Order>("name", async () => {}, {
      timeout: { hours: 1 },
      retryStrategy: createRetryStrategy({
        maxAttempts: 2,
        retryableErrors: ["busy", /slow/],
        retryableErrorTypes: [TypeError],
      }),
      serdes,
    }),
  );
}

export async function invokes(context: DurableContext): Promise<void> {
  same<number>(await context.invoke<Order, number>("name", "function:1", { id: "a", cents: 1 }));
  same<number>(await context.invoke<Order, number>("function:1", { id: "a", cents: 1 }, { tenantId: "t" }));
  await context.invoke("function:1");
  await context.invoke("name", "function:1", { id: "a", cents: 1 }, { payloadSerdes: serdes, resultSerdes: serdes });
}

export async function contexts(context: DurableContext): Promise<void> {
  same<number>(await context.runInChildContext(async (child) => child.step(async () => 1)));
  same<number>(await context.runInChildContext("name", async (child) => child.step("s", async () => 1)));
  await context.runInChildContext("name", async () => orders[0] as Order, {
    serdes,
    subType: "Custom",
    summaryGenerator: (order) => order.id,
    errorMapper: (error) => new ChildContextError(error.message, error),
    virtualContext: true,
  });
}

export async function maps(context: DurableContext): Promise<void> {
  const batch: BatchResult<number> = await context.map("name", orders, async (item, order, index, array) => {
    same<Order>(order);
    same<Order[]>(array);
    return item.step(`${index}`, async () => order.cents);
  });
  same<number[]>(batch.getResults());
  same<number>(batch.successCount + batch.failureCount + batch.startedCount + batch.totalCount);
  same<boolean>(batch.hasFailure);
  for (const item of batch.succeeded()) same<number>(item.result);
  for (const item of batch.failed()) same<ChildContextError>(item.error);
  for (const { status } of batch.started()) same<boolean>(status === BatchItemStatus.STARTED);
  batch.throwIfError();
  await context.map(orders, async (_item, order) => order, {
    maxConcurrency: 5,
    itemNamer: (order, index) => `${order.id} ${index}`,
    itemSerdes: serdes,
    completionConfig: { minSuccessful: 1, toleratedFailureCount: 2, toleratedFailurePercentage: 3 },
    summaryGenerator: (result) => `${result.totalCount}`,
    nesting: NestingType.FLAT,
  });
  await context.map(undefined, orders, async () => 1, {
    completionConfig: {
      shouldComplete: ({ successCount, items }) =>
        successCount > items.length / 2 ? completeBatch(CompletionOutcome.SUCCEEDED) : continueBatch(),
    },
  });
}

export async function parallels(context: DurableContext): Promise<void> {
  const batch = await context.parallel("name", [async (branch) => branch.step(async () => 1), async () => 2]);
  same<number[]>(batch.getResults());
  await context.parallel([{ name: "a", func: async () => 1 }, async () => 2], { maxConcurrency: 1 });
  await context.parallel<number>("name", [async () => 1], { nesting: NestingType.NESTED });
  const mixed = await context.parallel("name", [async () => 1, { func: async () => "text" }] as const);
  same<(number | string)[]>(mixed.getResults());
}

export async function combinators(context: DurableContext): Promise<void> {
  const steps = [context.step(async () => 1), context.step(async () => 2)];
  same<number[]>(await context.promise.all(steps));
  same<number[]>(await context.promise.all("name", steps));
  same<PromiseSettledResult<number>[]>(await context.promise.allSettled("name", steps));
  same<number>(await context.promise.any(steps));
  same<number>(await context.promise.race(undefined, steps));
  same<number>(
    await withRetry(context, "name", async (inner, attempt) => inner.step(async () => attempt), {
      retryStrategy: createLinearRetryStrategy({ maxAttempts: 3, increment: { seconds: 2 } }),
      wrapWithRunInChildContext: false,
    }),
  );
  await withRetry(context, async () => 1, { retryStrategy: retryPresets.linear, childContextConfig: { subType: "R" } });
}

export function configuration(context: DurableContext<typeof logger>): void {
  context.configureLogger({ customLogger: logger, modeAware: false });
  context.configureSerdes({ defaultSerdes, defaultCallbackDeserializer: { deserialize: async (text) => text } });
  class Point {
    x = 0;
  }
  const points: Serdes<Point> = createClassSerdes(Point);
  const dated = createClassSerdesWithDates(Point, ["at", "nested.at"]);
  const files: AnySerdes = createFileSystemSerdes("/mnt", {
    storageMode: FileSystemSerdesMode.OVERFLOW,
    pathEncoding: FileSystemPathEncoding.HASH,
    generatePreview: (value) =>
      buildPreview(value, {
        mode: PreviewMode.EXCLUDE_ALL,
        include: [{ name: "id" }],
        exclude: [{ name: "a.b", match: FieldMatchMode.PATH }],
        mask: [{ name: "card" }],
        maskString: "#",
        maxPreviewBytes: 100,
      }),
  });
  same<unknown[]>([points, dated, files]);
}

export class Transport implements DurableExecutionClient {
  checkpoint: DurableExecutionClient["checkpoint"] = async () => {
    throw new DurableExecutionClientError("no", { scope: "EXECUTION", cause: new Error("why") });
  };
  getExecutionState: DurableExecutionClient["getExecutionState"] = async () => ({ Operations: [] });
}

export function clients(error: unknown, event: unknown): void {
  if (isDurableExecutionClientError(error)) same<string>(error.scope);
  if (DurableExecutionInvocationInputWithClient.isInstance(event))
    same<DurableExecutionClient>(event.durableExecutionClient);
  same<DurableExecutionClient>(new DurableExecutionApiClient(client));
  same<DurablePromise<number>>(new DurablePromise(async () => 1));
}

export async function refused(context: DurableContext): Promise<void> {
  // @ts-expect-error a name is a text
  await context.step(5, async () => 1);
  // @ts-expect-error a step needs a function
  await context.step("name");
  // @ts-expect-error it has no such setting
  await context.step("name", async () => 1, { retries: 3 });
  // @ts-expect-error a decision says whether to retry
  await context.step("name", async () => 1, { retryStrategy: () => ({ delay: { seconds: 1 } }) });
  // @ts-expect-error a duration is an object
  await context.wait("name", 5);
  // @ts-expect-error milliseconds are not known
  await context.wait({ milliseconds: 5 });
  // @ts-expect-error a condition needs a state to begin with
  await context.waitForCondition(async (state: number) => state, { waitStrategy: () => ({ shouldContinue: false }) });
  // @ts-expect-error thresholds and a predicate exclude each other
  same<CompletionConfig>({ minSuccessful: 1, shouldComplete: () => continueBatch() });
  // @ts-expect-error items are a list
  await context.map("name", 5, async () => 1);
  // @ts-expect-error the function is given an order
  await context.map(orders, async (_item, order: string) => order);
  // @ts-expect-error the result is a number
  same<string>(await context.step(async () => 1));
  // @ts-expect-error the policy knows no such outcome
  completeBatch("MAYBE");
  // @ts-expect-error a strategy counts attempts
  createRetryStrategy({ maxAttempts: "3" });
}
