import type { OperationPath } from "../core/ids.ts";
import type {
  CheckpointDurableExecutionRequest,
  CheckpointDurableExecutionResponse,
  DurableExecutionInvocationInput,
  GetDurableExecutionStateRequest,
  GetDurableExecutionStateResponse,
  WireOperation,
} from "../core/wire.ts";

/** Whose result it is: a step's, a context's, a condition's. */
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

/**
 * The service's side of a durable execution. Requests are the wire objects; a transport that retries on its own
 * creates one `ClientToken` per call and keeps it over its retries.
 */
export interface DurableExecutionClient {
  /** Reads one page of the recorded operations. */
  // biome-ignore lint/suspicious/noExplicitAny: the official type takes the user's logger here.
  getExecutionState(params: GetDurableExecutionStateRequest, logger?: any): Promise<GetDurableExecutionStateResponse>;
  /** Writes updates and returns the next token with what changed; without updates it is a poll. */
  // biome-ignore lint/suspicious/noExplicitAny: the official type takes the user's logger here.
  checkpoint(params: CheckpointDurableExecutionRequest, logger?: any): Promise<CheckpointDurableExecutionResponse>;
  /**
   * Is shown each result that is about to be stored as JSON. For services on the machine of whoever writes the handler,
   * and can still change it; Lambda's has none. Must not throw.
   */
  onResult?(owner: ResultOwner, result: unknown): void;
  /**
   * Is told of each operation that the code comes to: where it stands (`2-1` is the first operation of the second context),
   * whether the context around it has ended and only makes its result again (`sealed`), its record, and what is wrong with
   * that. The code stops there where the answer is true. For rehearsals of a recording, in which nothing may begin; Lambda's
   * client has none. A runtime that knows of it asks for it before it reads any page of the state, and calls it without a
   * receiver.
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
 * An invocation event that brings its own client. Test runners and the embedded engine hand this to a handler;
 * the client in it wins over any configured one.
 */
export class DurableExecutionInvocationInputWithClient implements DurableExecutionInvocationInput {
  // By which other copies know it, after a minifier too.
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
