import type { OperationPath } from "../core/ids.ts";
import type {
  CheckpointDurableExecutionRequest,
  CheckpointDurableExecutionResponse,
  DurableExecutionInvocationInput,
  GetDurableExecutionStateRequest,
  GetDurableExecutionStateResponse,
  WireOperation,
} from "../core/wire.ts";

/** The operation that has a result: a step, a context or a condition. */
export interface ResultOwner {
  readonly subType: string;
  readonly name: string | undefined;
}

/** An operation that the handler's code has reached. */
export interface AskedOperation {
  readonly type: string;
  readonly subType: string;
  readonly name: string | undefined;
  /** Whether the operation has no record of its own. Its code then runs on each replay. */
  readonly virtual?: boolean | undefined;
}

/** The code that logs a line. */
export interface LineOrigin {
  /** The path of the context or step; `root` for the handler itself. */
  readonly path: string;
  readonly name: string | undefined;
  readonly attempt: number | undefined;
}

type Log = (...params: unknown[]) => void;

export interface LineWriter {
  readonly log?: ((level: "DEBUG" | "INFO" | "WARN" | "ERROR", ...params: unknown[]) => void) | undefined;
  readonly error: Log;
  readonly warn: Log;
  readonly info: Log;
  readonly debug: Log;
}

/**
 * The connection to the service. Requests and responses have the form of the service's API. A client that repeats
 * failed requests itself must create one `ClientToken` for each call, and use this token for all repetitions. A call
 * that rejects ends the invocation or the execution: see `DurableExecutionClientError`.
 */
export interface DurableExecutionClient {
  /** Reads one page of the recorded operations. */
  // biome-ignore lint/suspicious/noExplicitAny: the official type takes the user's logger here.
  getExecutionState(params: GetDurableExecutionStateRequest, logger?: any): Promise<GetDurableExecutionStateResponse>;
  /**
   * Writes updates. Returns the next token and the changed operations. A call without updates only asks for changes. An
   * answer without a token ends the invocation.
   */
  // biome-ignore lint/suspicious/noExplicitAny: the official type takes the user's logger here.
  checkpoint(params: CheckpointDurableExecutionRequest, logger?: any): Promise<CheckpointDurableExecutionResponse>;
  /**
   * Gets each result that is about to be stored as JSON: not with the codec `typed`, and not with a serdes. The client
   * of the embedded service warns of values that JSON would change. Must not throw.
   */
  onResult?(owner: ResultOwner, result: unknown): void;
  /**
   * Gets the thrown value of each failed attempt, context and handler. The record does not have its stack and its
   * causes. `operationId` is the id of the operation, and undefined for the handler itself. Must not throw.
   */
  onThrown?(operationId: string | undefined, thrown: unknown): void;
  /**
   * Gets each logger of the handler, including a logger of the user. Returns the logger that is used instead, so that
   * the client can keep the lines. `origin` tells which code logs at the moment.
   */
  wrapLogger?(logger: LineWriter, origin: () => LineOrigin): LineWriter;
  /**
   * Gets a message about an option, or a unit of a duration, that nothing reads. If this method throws, the operation
   * fails with the thrown error. If the method is absent, the runtime warns instead.
   */
  onMisspelledOption?(message: string): void;
  /** The time in epoch milliseconds. Default: this machine's clock. The embedded engine may have virtual time. */
  now?(): number;
  /** The time from which delays of records count, if it is not `now`. Epoch milliseconds. */
  recordNow?(): number;
  /** Gets the control of this invocation, when its handler begins. The embedded engine uses the control when it closes. */
  onRunning?(control: InvocationControl): void;
  /**
   * Gets each operation that the handler's code reaches. If the answer is true, the code stops at this operation. Only
   * the client of a rehearsal has this function, because nothing may begin in a rehearsal. The runtime reads the
   * function from the client before it reads any page of the state. The client is not `this` in a call.
   * @param path `2-1` is the first operation inside the second operation of the handler
   * @param around `sealed` is true if a context around the operation has ended and only rebuilds its result
   * @param mismatch the difference between the record and the code; undefined if there is none
   */
  onClaim?(
    asked: AskedOperation,
    path: OperationPath,
    around: { readonly sealed: boolean },
    record: WireOperation | undefined,
    mismatch: Error | undefined,
  ): boolean;
}

export interface InvocationControl {
  /**
   * Makes the invocation drain, as near its deadline: nothing new begins, batches write what they have, and the
   * invocation ends when no code of the user runs. A further call makes batches write again.
   */
  drain(): void;
  /** Ends the invocation as PENDING, when what was queued is recorded. What code of the user does later is lost. */
  end(): void;
}

const TAG = "DurableExecutionInvocationInputWithClient";

/**
 * An invocation event with a client of its own, which the handler uses instead of any configured client. Test runners
 * and the embedded engine give this event to a handler.
 */
export class DurableExecutionInvocationInputWithClient implements DurableExecutionInvocationInput {
  // Other copies of the package recognise the class by this name. Minification does not change a name that is a static
  // member.
  static readonly name: string = TAG;
  readonly durableExecutionClient: DurableExecutionClient;
  readonly InitialExecutionState: { Operations: WireOperation[]; NextMarker?: string | undefined };
  readonly DurableExecutionArn: string;
  readonly CheckpointToken: string;
  readonly UpdatedOperationIds?: string[];

  constructor(params: DurableExecutionInvocationInput, durableExecutionClient: DurableExecutionClient) {
    this.durableExecutionClient = durableExecutionClient;
    this.InitialExecutionState = params.InitialExecutionState;
    this.DurableExecutionArn = params.DurableExecutionArn;
    this.CheckpointToken = params.CheckpointToken;
    if (params.UpdatedOperationIds !== undefined) this.UpdatedOperationIds = params.UpdatedOperationIds;
  }

  /** True for an instance of this class, of another copy of this package, or of the official package. */
  static isInstance(event: unknown): event is DurableExecutionInvocationInputWithClient {
    if (event instanceof DurableExecutionInvocationInputWithClient) return true;
    return (
      typeof event === "object" &&
      event !== null &&
      "durableExecutionClient" in event &&
      Object.prototype.toString.call(event) === `[object ${TAG}]` &&
      event.constructor?.name === TAG
    );
  }

  get [Symbol.toStringTag](): string {
    return TAG;
  }
}
