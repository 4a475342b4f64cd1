import { createCodec } from "../codec/codec.ts";
import { DurableError } from "../core/errors.ts";
import type { ErrorObject, Operation } from "../core/wire.ts";
import type { HistoryEvent } from "../local/history.ts";

/** How far an operation has come, for `waitForData`. */
export const WaitingOperationStatus = {
  /** It has begun; a callback has its id. */
  STARTED: "STARTED",
  /** The submitter of a `waitForCallback` has ended; otherwise as `STARTED`. */
  SUBMITTED: "SUBMITTED",
  /** It has ended, one way or another. */
  COMPLETED: "COMPLETED",
} as const;
export type WaitingOperationStatus = (typeof WaitingOperationStatus)[keyof typeof WaitingOperationStatus];

/** An error as an operation or an execution recorded it. */
export interface TestResultError {
  errorMessage: string | undefined;
  errorType: string | undefined;
  errorData: string | undefined;
  stackTrace: string[] | undefined;
}

/** What an operation is looked for by. */
export type OperationSelector =
  | { readonly by: "name"; readonly name: string; readonly index: number }
  | { readonly by: "index"; readonly index: number }
  | { readonly by: "id"; readonly id: string };

/** The run that operations belong to. */
export interface OperationSource {
  operations(): readonly Operation[];
  events(): readonly HistoryEvent[];
  /** Resolves when `isThere` says so; rejects when the execution ends without. */
  until(isThere: () => boolean, what: string): Promise<void>;
  handleOf(operation: Operation): TestOperation;
  callback: {
    succeed(id: string, result: string | undefined): void;
    fail(id: string, error: ErrorObject): void;
    heartbeat(id: string): void;
  };
}

const ENDED = ["SUCCEEDED", "FAILED", "TIMED_OUT", "CANCELLED", "STOPPED"];
const codec = createCodec("compact");

/** An operation of a run, looked up when it is asked: it may be taken before it, or the run, begins. */
export class TestOperation {
  readonly #source: () => OperationSource;
  readonly #selector: OperationSelector;
  #isAwaited = false;

  constructor(source: () => OperationSource, selector: OperationSelector) {
    this.#source = source;
    this.#selector = selector;
  }

  /** The operation as it is now; undefined until it has begun. */
  getOperationData(): Operation | undefined {
    return this.#find();
  }

  getId(): string | undefined {
    return this.#get().Id;
  }

  getName(): string | undefined {
    return this.#get().Name;
  }

  getParentId(): string | undefined {
    return this.#get().ParentId;
  }

  getType(): string | undefined {
    return this.#get().Type;
  }

  getSubType(): string | undefined {
    return this.#get().SubType;
  }

  getStatus(): string | undefined {
    return this.#get().Status;
  }

  getStartTimestamp(): Date | undefined {
    return this.#get().StartTimestamp;
  }

  getEndTimestamp(): Date | undefined {
    return this.#get().EndTimestamp;
  }

  isCallback(): boolean {
    return this.getType() === "CALLBACK";
  }

  isWaitForCallback(): boolean {
    return this.getSubType() === "WaitForCallback";
  }

  /** Of a step or condition; `result` is the value, whatever it was written with. */
  getStepDetails(): { attempt?: number; nextAttemptTimestamp?: Date; result?: unknown; error?: TestResultError } {
    const { Attempt: attempt, NextAttemptTimestamp: next, Result, Error: error } = this.#get().StepDetails ?? {};
    return {
      ...(attempt === undefined ? {} : { attempt }),
      ...(next === undefined ? {} : { nextAttemptTimestamp: next }),
      ...outcome(Result, error),
    };
  }

  getWaitDetails(): { waitSeconds?: number; scheduledEndTimestamp?: Date } {
    const { StartTimestamp: start, WaitDetails: details } = this.#get();
    const end = details?.ScheduledEndTimestamp;
    if (start === undefined || end === undefined) return {};
    return { waitSeconds: Math.round((end.getTime() - start.getTime()) / 1_000), scheduledEndTimestamp: end };
  }

  /** Of a callback, or of the one inside of a `waitForCallback`; `result` is the text it was completed with. */
  getCallbackDetails(): { callbackId: string | undefined; result?: unknown; error?: TestResultError } {
    const { CallbackId: callbackId, Result, Error: error } = this.#callback()?.CallbackDetails ?? {};
    return {
      callbackId,
      ...(Result === undefined ? {} : { result: Result }),
      ...(error === undefined ? {} : { error: readError(error) }),
    };
  }

  getContextDetails(): { result?: unknown; error?: TestResultError } {
    const { Result, Error: error } = this.#get().ContextDetails ?? {};
    return outcome(Result, error);
  }

  getChainedInvokeDetails(): { result?: unknown; error?: TestResultError } {
    const { Result, Error: error } = this.#get().ChainedInvokeDetails ?? {};
    return outcome(Result, error);
  }

  /** The operations inside of a context, in the order in which they began. */
  getChildOperations(): TestOperation[] {
    const source = this.#source();
    const { Id } = this.#get();
    return source
      .operations()
      .filter(({ ParentId }) => ParentId === Id)
      .map((child) => source.handleOf(child));
  }

  /** Its events, in the service's format. */
  getEvents(): HistoryEvent[] {
    const { Id } = this.#get();
    return this.#source()
      .events()
      .filter((event) => event.Id === Id);
  }

  /**
   * Resolves when the operation has come so far; it need not have begun. From then on a callback is the test's to
   * complete: time is not skipped to its time-out.
   * @throws DurableError `ERR_OPERATION_NOT_FOUND` when the execution ends without that
   */
  async waitForData(status: WaitingOperationStatus = WaitingOperationStatus.STARTED): Promise<TestOperation> {
    this.#isAwaited = true;
    await this.#source().until(() => this.#hasCome(status), `${describe(this.#selector)} to be ${status}`);
    return this;
  }

  /** Completes the callback. A text is taken as it is, anything else as its JSON. */
  async sendCallbackSuccess(result?: unknown): Promise<void> {
    const text = result === undefined || typeof result === "string" ? result : JSON.stringify(result);
    this.#source().callback.succeed(this.#callbackId(), text);
  }

  async sendCallbackFailure(error: ErrorObject | Error = {}): Promise<void> {
    const object = error instanceof Error ? { ErrorType: error.name, ErrorMessage: error.message } : error;
    this.#source().callback.fail(this.#callbackId(), object);
  }

  async sendCallbackHeartbeat(): Promise<void> {
    this.#source().callback.heartbeat(this.#callbackId());
  }

  /** Whether a test waits for this callback, or for the `waitForCallback` it stands in. */
  watches(callback: Operation): boolean {
    if (!this.#isAwaited) return false;
    const own = this.#find();
    return own !== undefined && (own.Id === callback.Id || own.Id === callback.ParentId);
  }

  #hasCome(status: WaitingOperationStatus): boolean {
    const operation = this.#find();
    if (operation === undefined) return false;
    if (ENDED.includes(operation.Status ?? "")) return true;
    if (status === WaitingOperationStatus.COMPLETED) return false;
    if (operation.SubType !== "WaitForCallback") return true;
    const children = this.#source()
      .operations()
      .filter(({ ParentId }) => ParentId === operation.Id);
    if (status === WaitingOperationStatus.STARTED) return children.some(({ Type }) => Type === "CALLBACK");
    return children.some(({ Type, Status }) => Type === "STEP" && ENDED.includes(Status ?? ""));
  }

  #callback(): Operation | undefined {
    const operation = this.#get();
    if (operation.SubType !== "WaitForCallback") return operation;
    return this.#source()
      .operations()
      .find(({ Type, ParentId }) => Type === "CALLBACK" && ParentId === operation.Id);
  }

  #callbackId(): string {
    const id = this.#callback()?.CallbackDetails?.CallbackId;
    if (id !== undefined) return id;
    throw new DurableError(
      "ERR_OPERATION_NOT_CALLBACK",
      `${describe(this.#selector)} is no callback, or has none yet: await waitForData("SUBMITTED") first.`,
    );
  }

  #find(): Operation | undefined {
    const operations = this.#source().operations();
    const selector = this.#selector;
    if (selector.by === "id") return operations.find(({ Id }) => Id === selector.id);
    if (selector.by === "index") return operations[selector.index];
    return operations.filter(({ Name }) => Name === selector.name)[selector.index];
  }

  #get(): Operation {
    const found = this.#find();
    if (found !== undefined) return found;
    throw notFound(describe(this.#selector), this.#source().operations());
  }
}

/** The error of an operation that is not there; it says which ones are. */
export function notFound(what: string, operations: readonly Operation[]): DurableError {
  const names = operations.map(({ Name, Type }) => Name ?? `(${Type?.toLowerCase()} without a name)`);
  const shown = names.length > 20 ? `${names.slice(0, 20).join(", ")} and ${names.length - 20} more` : names.join(", ");
  return new DurableError(
    "ERR_OPERATION_NOT_FOUND",
    `There is no ${what}. The execution has ${names.length === 0 ? "no operations" : `these operations: ${shown}`}.`,
  );
}

function describe(selector: OperationSelector): string {
  if (selector.by === "id") return `operation with id ${selector.id}`;
  if (selector.by === "index") return `operation ${selector.index}`;
  return selector.index === 0
    ? `operation "${selector.name}"`
    : `operation "${selector.name}" number ${selector.index}`;
}

function outcome(result: string | undefined, error: ErrorObject | undefined) {
  return {
    ...(result === undefined ? {} : { result: readResult(result) }),
    ...(error === undefined ? {} : { error: readError(error) }),
  };
}

function readResult(payload: string): unknown {
  try {
    return codec.decode(payload);
  } catch {
    // A serdes of the user's wrote it.
    return payload;
  }
}

export function readError(error: ErrorObject): TestResultError {
  const { ErrorMessage: errorMessage, ErrorType: errorType, ErrorData: errorData, StackTrace: stackTrace } = error;
  return { errorMessage, errorType, errorData, stackTrace };
}
