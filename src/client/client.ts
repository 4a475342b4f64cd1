import type { OperationPath } from "../core/ids.ts";
import type {
  CheckpointDurableExecutionRequest,
  CheckpointDurableExecutionResponse,
  DurableExecutionInvocationInput,
  GetDurableExecutionStateRequest,
  GetDurableExecutionStateResponse,
  WireOperation,
} from "../core/wire.ts";

/** The owner of a result: a step, a context or a condition. */
export interface ResultOwner {
  readonly subType: string;
  readonly name: string | undefined;
}

/** An operation that the code has come to. */
export interface AskedOperation {
  readonly type: string;
  readonly subType: string;
  readonly name: string | undefined;
  /** It has no record of its own, and its code runs on each replay. */
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

/** The methods of a logger by which lines are written. */
export interface LineWriter {
  readonly log?: ((level: "DEBUG" | "INFO" | "WARN" | "ERROR", ...params: unknown[]) => void) | undefined;
  readonly error: Log;
  readonly warn: Log;
  readonly info: Log;
  readonly debug: Log;
}

/**
 * The service's side of a durable execution. The requests are the objects of the wire. A transport that retries by
 * itself creates one `ClientToken` for each call, and uses it for all retries.
 */
export interface DurableExecutionClient {
  /** Reads one page of the recorded operations. */
  // biome-ignore lint/suspicious/noExplicitAny: the official type takes the user's logger here.
  getExecutionState(params: GetDurableExecutionStateRequest, logger?: any): Promise<GetDurableExecutionStateResponse>;
  /** Writes updates. Returns the next token and the changed operations. Without updates the call is a poll. */
  // biome-ignore lint/suspicious/noExplicitAny: the official type takes the user's logger here.
  checkpoint(params: CheckpointDurableExecutionRequest, logger?: any): Promise<CheckpointDurableExecutionResponse>;
  /**
   * Gets each result that is about to be stored as JSON. For a service on the computer of the developer, who can still
   * change the handler. Lambda's client does not have this method. Must not throw.
   */
  onResult?(owner: ResultOwner, result: unknown): void;
  /**
   * Is shown what user code threw, before it is recorded without its stack and its cause: by the operation's wire id, or
   * undefined for the handler itself. Must not throw.
   */
  onThrown?(operationId: string | undefined, thrown: unknown): void;
  /**
   * Gets each logger of the handler, also a logger of the user, and returns the logger that writes its lines. A client can
   * keep the lines in this way. `origin` tells which code logs at the moment.
   */
  wrapLogger?(logger: LineWriter, origin: () => LineOrigin): LineWriter;
  /**
   * Is told of an option of an operation that nothing reads and that is spelled almost like one that is read. What is
   * thrown here fails the operation before anything of it is recorded. Where it is absent, a warning says it.
   */
  onMisspelledOption?(message: string): void;
  /**
   * Gets each operation to which the code comes: the operation's path (`2-1` is the first operation of the second
   * context), whether the context around it has ended and only makes its result again (`sealed`), the record, and the
   * mismatch between record and code. When the answer is true, the code stops there. Only a rehearsal of a recording has
   * this function: nothing may begin in a rehearsal. The runtime asks for the function before it reads any page of the
   * state, and calls it without a receiver.
   */
  onClaim?(
    asked: AskedOperation,
    path: OperationPath,
    around: { readonly sealed: boolean },
    record: WireOperation | undefined,
    mismatch: Error | undefined,
  ): boolean;
}

const TAG = "DurableExecutionInvocationInputWithClient";

/**
 * An invocation event with a client of its own. Test runners and the embedded engine give this event to a handler. The
 * client in the event wins over any configured client.
 */
export class DurableExecutionInvocationInputWithClient implements DurableExecutionInvocationInput {
  // Other copies of the package know the class by this name, also after minification.
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
