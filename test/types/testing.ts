// What the types of the test runner accept, as tests that were written with the official library use them, and what they
// refuse. Compiled, never run.
import * as official from "@aws/durable-execution-sdk-js";
import type { Handler } from "aws-lambda";
import { withDurableExecution } from "../../src/index.ts";
import {
  type CallbackDetails,
  type ChainedInvokeDetails,
  type ContextDetails,
  type DurableOperation,
  ExecutionStatus,
  type Invocation,
  type InvokeRequest,
  LocalDurableTestRunner,
  type LocalDurableTestRunnerParameters,
  type LocalDurableTestRunnerSetupParameters,
  type Operation,
  OperationStatus,
  OperationType,
  type StepDetails,
  type TestResult,
  type TestResultError,
  WaitingOperationStatus,
  type WaitResultDetails,
  type WireOperation,
} from "../../src/testing.ts";

const same = <T>(_value: T): void => {};

interface Total {
  total: number;
}

const ours = withDurableExecution(async (event: { n: number }, ctx) => ctx.step(async () => ({ total: event.n })));
const theirs = official.withDurableExecution(async (_event: unknown, ctx) => ctx.step(async () => 1));
const plain: Handler<{ n: number }, string> = async (event) => `${event.n}`;

export async function runners(): Promise<void> {
  const setup: LocalDurableTestRunnerSetupParameters = { skipTime: true, checkpointDelay: 3 };
  await LocalDurableTestRunner.setupTestEnvironment(setup);
  const parameters: LocalDurableTestRunnerParameters = { handlerFunction: theirs };
  const untyped: LocalDurableTestRunner = new LocalDurableTestRunner(parameters);
  same<string>((await untyped.run()).getResult());
  const runner = new LocalDurableTestRunner<Total>({
    handlerFunction: ours,
    quotas: { operations: 10 },
    startTime: new Date(),
  });
  runner.registerFunction("plain", plain).registerDurableFunction("theirs", theirs);
  const request: InvokeRequest = { payload: { n: 1 }, tenantId: "t" };
  const result: TestResult<Total> = await runner.run(request);
  same<number | undefined>(result.getResult()?.total);
  same<string | undefined>((await runner.run<string>()).getResult());
  // @ts-expect-error the result is a total
  same<string>(result.getResult());
  // @ts-expect-error a payload has a name
  await runner.run({ n: 1 });
  // @ts-expect-error there is no quota of that name
  new LocalDurableTestRunner({ handlerFunction: ours, quotas: { steps: 1 } });
  same<ExecutionStatus>(result.getStatus());
  same<TestResultError>(result.getError());
  same<Invocation[]>(result.getInvocations());
  same<DurableOperation[]>(result.getOperations({ status: OperationStatus.FAILED }));
  const step = result.getHistoryEvents().find(({ EventType }) => EventType === "StepSucceeded");
  same<number | undefined>(step?.StepSucceededDetails?.RetryDetails?.CurrentAttempt);
  result.print({ parentId: true, startTime: false }, process.stderr);
  // @ts-expect-error there is no column of that name
  result.print({ colour: true });
  same<boolean>(result.getStatus() === ExecutionStatus.TIMED_OUT);
}

export async function operations(runner: LocalDurableTestRunner): Promise<void> {
  const operation: DurableOperation<number> = runner.getOperation<number>("name", 1);
  const begun: DurableOperation<number> = await operation.waitForData(WaitingOperationStatus.SUBMITTED);
  await operation.waitForData("COMPLETED");
  // @ts-expect-error no operation is waited for in this status
  await operation.waitForData("PENDING");
  same<StepDetails<number> | undefined>(begun.getStepDetails());
  same<ContextDetails<number> | undefined>(begun.getContextDetails());
  same<CallbackDetails<number> | undefined>(begun.getCallbackDetails());
  same<ChainedInvokeDetails<number> | undefined>(begun.getChainedInvokeDetails());
  same<WaitResultDetails | undefined>(begun.getWaitDetails());
  const data: Operation | undefined = begun.getOperationData();
  same<WireOperation | undefined>(data);
  same<boolean>(begun.getType() === OperationType.STEP);
  await begun.sendCallbackSuccess(JSON.stringify({ ok: true }));
  await begun.sendCallbackFailure({ ErrorMessage: "no" });
  await begun.sendCallbackFailure(new Error("no"));
  // @ts-expect-error a callback is completed with text
  await begun.sendCallbackSuccess({ ok: true });
  // @ts-expect-error an error object is spelled as the service spells it
  await begun.sendCallbackFailure({ errorMessage: "no" });
  await runner.advanceTime({ minutes: 5 });
}
