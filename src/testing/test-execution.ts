import { inspect } from "node:util";
import { DurableError } from "../core/errors.ts";
import type { ErrorObject, Operation } from "../core/wire.ts";
import { systemClock, VirtualClock } from "../local/clock.ts";
import { LocalEngine } from "../local/engine.ts";
import type { RegisteredFunction } from "../local/function-registry.ts";
import type { ExecutionEvent, LocalHandler } from "../local/local-execution.ts";
import type { ExecutionOutcome } from "../service/execution-outcome.ts";
import type { HistoryEvent } from "../service/history.ts";
import type { LocalSettingsOptions } from "../service/settings.ts";
import { isSubmittedInBatch } from "./batched-submitters.ts";
import { OperationIndex, type OperationSelector } from "./operation-index.ts";
import { OperationWaits, type WaitingOperationStatus } from "./operation-waits.ts";
import { serialized } from "./payloads.ts";
import { StallWarning } from "./stall-warning.ts";

export interface TestExecutionOptions {
  readonly skipTime: boolean;
  readonly skipCallbackTimeouts: boolean;
  /** The time at which virtual time begins, in epoch milliseconds. */
  readonly startMs: number;
  readonly warnAfterMs: number;
  readonly settings: LocalSettingsOptions;
}

export interface StartOptions {
  readonly functionName: string;
  readonly payload: unknown;
  readonly executionTimeoutSeconds: number | undefined;
  readonly tenantId: string | undefined;
}

const MAX_NAMED = 20;

/** The execution under test and the executions that it invokes, on one engine. Tests may wait before `run`. */
export class TestExecution {
  readonly clock: VirtualClock | undefined;
  readonly #engine: LocalEngine;
  readonly #index = new OperationIndex();
  readonly #waits: OperationWaits;
  readonly #standstill: StallWarning;
  #started = false;
  #arn: string | undefined;
  #outcome: ExecutionOutcome | undefined;
  #failure: DurableError | undefined;
  #reject: (error: DurableError) => void = () => {};
  /** The operations by id, copied when the execution has ended. */
  #final: ReadonlyMap<string, Operation> | undefined;

  constructor(options: TestExecutionOptions) {
    const { skipTime, skipCallbackTimeouts, startMs, warnAfterMs, settings } = options;
    this.clock = skipTime ? new VirtualClock(startMs) : undefined;
    this.#engine = new LocalEngine({ ...settings, clock: this.clock ?? systemClock, skipCallbackTimeouts });
    this.#waits = new OperationWaits({
      find: (selector) => this.find(selector),
      childrenOf: (operation) => this.childrenOf(operation),
      isSubmittedInBatch: (operation) => isSubmittedInBatch(operation, this.operations()),
      hold: (callbackId) => this.#engine.holdCallback(callbackId),
    });
    this.#standstill = new StallWarning(skipTime ? warnAfterMs : Number.POSITIVE_INFINITY, () => ({
      callbacks: this.#engine.list().flatMap(({ arn }) => this.#engine.openCallbacks(arn)),
      isHeld: (callbackId) => this.#waits.isHeld(callbackId),
    }));
    this.#engine.subscribe((event) => this.#note(event));
  }

  get hasStarted(): boolean {
    return this.#started;
  }

  register(added: RegisteredFunction): void {
    if (added.kind === "plain") return this.#engine.registerFunction(added.name, added.run);
    this.#engine.register(added.name, this.#checked(added.name, added.handler));
  }

  async run({ functionName, payload, executionTimeoutSeconds, tenantId }: StartOptions): Promise<ExecutionOutcome> {
    this.#started = true;
    const broken = new Promise<never>((_, reject) => {
      this.#reject = reject;
    });
    broken.catch(() => {});
    try {
      const execution = this.#engine.start({
        functionName,
        ...(payload === undefined ? {} : { input: serialized(payload) }),
        ...(executionTimeoutSeconds === undefined ? {} : { executionTimeoutSeconds }),
        ...(tenantId === undefined ? {} : { tenantId }),
      });
      return await Promise.race([execution.result, broken]);
    } catch (error) {
      this.abandon(error as DurableError);
      throw error;
    } finally {
      this.#close();
    }
  }

  /**
   * Makes `run` and the waits of the test reject with `failure`, and closes the engine. Does nothing after the end of
   * the execution or an earlier failure.
   */
  abandon(failure: DurableError): void {
    if (this.#outcome !== undefined || this.#failure !== undefined) return;
    this.#failure = failure;
    this.#waits.end(() => failure);
    this.#reject(failure);
    this.#close();
  }

  find(selector: OperationSelector): Operation | undefined {
    const id = this.#index.find(selector);
    return id === undefined ? undefined : this.#operation(id);
  }

  childrenOf({ Id: id }: Operation): Operation[] {
    return this.#index.childrenOf(id as string).map((child) => this.#operation(child));
  }

  operations(): Operation[] {
    return this.#index.all().map((id) => this.#operation(id));
  }

  history(): HistoryEvent[] {
    return this.#arn === undefined ? [] : this.#engine.history(this.#arn, { includeExecutionData: true });
  }

  waitFor(selector: OperationSelector, status: WaitingOperationStatus): Promise<void> {
    return this.#waits.wait(selector, status);
  }

  completeCallback(callbackId: string, result: string | undefined): void {
    this.#checkRunning();
    if (result !== undefined && typeof result !== "string") {
      const message = `A callback is completed with text, not with ${typeof result}: pass JSON.stringify(value).`;
      throw new DurableError("ERR_CALLBACK_RESULT_INVALID", message);
    }
    this.#engine.completeCallback(callbackId, result);
  }

  failCallback(callbackId: string, error: ErrorObject | Error): void {
    this.#checkRunning();
    const isThrown = error instanceof Error;
    this.#engine.failCallback(callbackId, isThrown ? { ErrorType: error.name, ErrorMessage: error.message } : error);
  }

  heartbeatCallback(callbackId: string): void {
    this.#checkRunning();
    this.#engine.heartbeatCallback(callbackId);
  }

  /** Also passes the time-outs of held callbacks. Never resolves if code that runs never ends. */
  async advance(byMs: number): Promise<void> {
    const { clock } = this;
    if (clock === undefined) {
      throw new DurableError("ERR_TIME_REAL", "This runner keeps real time; construct it with skipTime: true.");
    }
    await this.#engine.rest();
    const targetMs = clock.now() + byMs;
    while (clock.skip(targetMs + 1)) await this.#engine.rest();
    clock.advance(Math.max(0, targetMs - clock.now()));
    await this.#engine.rest();
  }

  #operation(id: string): Operation {
    const operation = this.#final === undefined ? this.#engine.operation(this.#arn as string, id) : this.#final.get(id);
    return operation as Operation;
  }

  #note(event: ExecutionEvent): void {
    // The first event belongs to the execution under test, which starts all other executions.
    this.#arn ??= event.arn;
    const isOurs = event.arn === this.#arn;
    switch (event.type) {
      case "invocation-started":
        return this.#standstill.disarm();
      case "invocation-ended":
        return this.#standstill.arm();
      case "checkpoint":
        for (const update of event.updates) {
          if (isOurs) this.#index.add(update);
          if (update.Type === "CHAINED_INVOKE" && update.Action === "START") {
            this.#checkFunction(update.ChainedInvokeOptions?.FunctionName ?? "", update.Name);
          }
        }
        if (isOurs) this.#waits.look();
        return;
      case "operations-changed":
        if (isOurs) this.#waits.look();
        return;
      case "execution-ended":
        if (isOurs) this.#end(event.outcome);
    }
  }

  #end(outcome: ExecutionOutcome): void {
    if (this.#failure !== undefined) return;
    const operations = this.#engine.operations(this.#arn as string);
    this.#final = new Map(operations.map((operation) => [operation.Id as string, operation]));
    this.#outcome = outcome;
    this.#waits.look();
    this.#waits.end((unmet, operation) => {
      const then = `the execution has ended (${describeOutcome(outcome)})`;
      if (operation !== undefined) {
        const message = `${unmet}: it was ${operation.Status} when ${then.replace("has ended", "ended")}.`;
        return new DurableError("ERR_OPERATION_INCOMPLETE", message);
      }
      return new DurableError("ERR_OPERATION_NOT_FOUND", `${unmet}, and ${then}. ${this.#listOperations()}`);
    });
  }

  #listOperations(): string {
    const names = this.operations().map(({ Name: name, SubType, Type }) => {
      const kind = SubType ?? Type;
      return name === undefined ? `an unnamed ${kind}` : `"${name}" (${kind})`;
    });
    if (names.length === 0) return "It had no operations.";
    const more = names.length > MAX_NAMED ? ` and ${names.length - MAX_NAMED} more` : "";
    return `Its operations: ${names.slice(0, MAX_NAMED).join(", ")}${more}.`;
  }

  #checkRunning(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#outcome === undefined) return;
    const message = `The execution has ended (${describeOutcome(this.#outcome)}): its callbacks can no longer be completed.`;
    throw new DurableError("ERR_EXECUTION_ENDED", message);
  }

  /** The engine would only fail the invoke, and the handler could catch this error. So a mistake could stay hidden. */
  #checkFunction(functionName: string, operation: string | undefined): void {
    if (this.#engine.isRegistered(functionName)) return;
    const invoke = operation === undefined ? "A chained invoke" : `The chained invoke "${operation}"`;
    this.abandon(
      new DurableError(
        "ERR_FUNCTION_UNKNOWN",
        `${invoke} calls function "${functionName}", which is not registered. Before run(), call ` +
          `registerFunction("${functionName}", …), or registerDurableFunction if it is a durable one.`,
      ),
    );
  }

  #checked(name: string, handler: LocalHandler): LocalHandler {
    return async (event, context) => {
      const output = await handler(event, context);
      if (typeof output === "object" && output !== null && "Status" in output) return output;
      const message =
        `The handler of "${name}" answered ${inspect(output, { depth: 1, breakLength: Infinity }).slice(0, 100)}, ` +
        "but a durable function does not answer so. Wrap it in withDurableExecution. A plain function can only be " +
        "invoked, after registerFunction.";
      const failure = new DurableError("ERR_HANDLER_NOT_DURABLE", message);
      this.abandon(failure);
      throw failure;
    };
  }

  #close(): void {
    this.#standstill.disarm();
    void this.#engine.close();
  }
}

/** Describes an outcome in messages: `SUCCEEDED`, `FAILED with StepError: no`. */
export function describeOutcome({ status, error }: ExecutionOutcome): string {
  if (error === undefined) return status;
  const { ErrorType: type = "Error", ErrorMessage: message } = error;
  return `${status} with ${type}${message === undefined ? "" : `: ${message}`}`;
}
