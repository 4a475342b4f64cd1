import { createCodec } from "../../src/codec/codec.ts";
import { batchPath } from "../../src/core/batch-operation.ts";
import { childPath, type OperationPath, operationId } from "../../src/core/ids.ts";
import { resolveSettings } from "../../src/core/settings.ts";
import { Coalescer } from "../../src/execution/checkpoint-coalescer.ts";
import { ServiceLedger } from "../../src/execution/ledger/service-ledger.ts";
import { SharedLedger } from "../../src/execution/ledger/shared-ledger.ts";
import { SharedLedgers } from "../../src/execution/ledger/shared-ledgers.ts";
import { Scope } from "../../src/execution/scope.ts";
import { RecordedState } from "../../src/execution/state.ts";
import { Tick } from "../../src/execution/tick.ts";
import { Timers } from "../../src/execution/timers.ts";
import type { DurableExecutionInvocationInputWithClient } from "../../src/index.ts";
import { LocalEngine } from "../../src/testing.ts";
import { ledgerSuite, type OpenLedger, type RunInvocations } from "../suites/ledger-suite.ts";

const settings = resolveSettings({}, {});
const codec = createCodec("json");
const quietly = { logger: { info() {}, warn() {}, error() {}, debug() {} } };

/** What one invocation is made of, over the embedded engine. */
async function invocationOf(event: DurableExecutionInvocationInputWithClient) {
  const { durableExecutionClient: client, DurableExecutionArn: arn, CheckpointToken: token } = event;
  const state = await RecordedState.load(event, client);
  let fail!: (error: unknown) => void;
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failed.catch(() => {});
  const coalescer = new Coalescer({
    ...{ client, arn, token, ...settings.checkpoint },
    onChanged: (operations) => void state.apply(operations),
    onIdle: () => {},
    onFailure: fail,
    onClosed: () => fail(new Error("the service has closed the invocation")),
  });
  const timers = new Timers(
    (answered) => coalescer.poll(answered),
    () => 60_000,
  );
  const { payloadBytes: maxPayloadBytes } = settings.quotas;
  const service = new ServiceLedger({ state, coalescer, timers, codec, maxPayloadBytes, defersStarts: false });
  const close = (): void => {
    timers.close();
    coalescer.close();
  };
  return { state, coalescer, timers, service, failed, close };
}

type Invocation = Awaited<ReturnType<typeof invocationOf>>;

/** A ledger to test, and what writes it before the invocation ends. */
interface Opened {
  readonly open: OpenLedger;
  readonly flush: () => boolean;
}

const AROUND = childPath(undefined, 1);

/** A context around the operations, which has begun. */
function contextAround({ service }: Invocation, subType: string): string {
  const id = service.key(AROUND);
  if (service.peek(id) === undefined) service.record({ Type: "CONTEXT", SubType: subType, Id: id, Action: "START" });
  return id;
}

function openService(invocation: Invocation): Opened {
  const parentId = contextAround(invocation, "RunInChildContext");
  return { open: { ledger: invocation.service, around: AROUND, parentId }, flush: () => false };
}

/** The page of the second item of a batch. */
function openPage(invocation: Invocation): Opened {
  const { service, timers } = invocation;
  const parentId = operationId(AROUND);
  contextAround(invocation, "Map");
  const all = new SharedLedgers({
    ...{ service, codec, timers, settings },
    tick: new Tick(Number.POSITIVE_INFINITY, () => {}),
    isOver: () => false,
    isObserved: false,
  });
  const scope = new Scope({
    ...{ path: AROUND, parent: undefined, parentId, mode: "execution", ledger: service, logger: quietly as never },
    ...{ defaultSerdes: undefined, defaultCallbackDeserializer: undefined },
  });
  const path = batchPath(AROUND, 1);
  const shared = new SharedLedger(all, {
    ...{ scope, path, name: "map[0..2]", first: 0, count: 3, maxBytes: settings.quotas.payloadBytes },
    onOverfull: () => {},
  });
  const record = service.take(operationId(path));
  if (record !== undefined) shared.restore(record);
  shared.begin();
  const open = { ledger: shared.page(1), around: childPath(AROUND, 2), parentId };
  return { open, flush: () => all.flush(true) };
}

/** The service begins the next invocation after a second. */
function continueLater({ service }: Invocation, number: number): void {
  const id = operationId(`next ${number}` as OperationPath);
  service.record({ Type: "WAIT", SubType: "Wait", Id: id, Action: "START", WaitOptions: { WaitSeconds: 1 } });
}

function running(openLedger: (invocation: Invocation) => Opened): RunInvocations {
  return async (...invocations) => {
    const engine = new LocalEngine({ invocation: { retryPauseMs: 0 } });
    let begun = 0;
    const failures: unknown[] = [];
    engine.register("ledger", async (event) => {
      const invocation = await invocationOf(event);
      const { coalescer, failed, close } = invocation;
      try {
        const { open, flush } = openLedger(invocation);
        const ending = await Promise.race([failed, invocations[begun++]?.(open)]);
        if (ending === "is cut off") throw new Error(ending);
        if (ending === undefined) return { Status: "SUCCEEDED" };
        continueLater(invocation, begun);
        while (flush()) await new Promise((resolve) => setTimeout(resolve, 5));
        await coalescer.sendRemaining();
        return { Status: "PENDING" };
      } catch (error) {
        if ((error as Error).message === "is cut off") throw error;
        failures.push(error);
        return { Status: "FAILED", Error: { ErrorMessage: "a test has failed" } };
      } finally {
        close();
      }
    });
    const { status, error } = await engine.start({ functionName: "ledger" }).result;
    if (failures.length > 0) throw failures[0];
    if (status !== "SUCCEEDED" || begun !== invocations.length) {
      throw new Error(`${status} after ${begun} of ${invocations.length} invocations: ${error?.ErrorMessage}`);
    }
  };
}

ledgerSuite("service", running(openService));
ledgerSuite("page", running(openPage));
