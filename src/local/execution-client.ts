import type { DurableExecutionClient, InvocationControl, LineOrigin, LineWriter } from "../client/client.ts";
import { DurableError } from "../core/errors.ts";
import type {
  CheckpointDurableExecutionRequest,
  CheckpointDurableExecutionResponse,
  GetDurableExecutionStateRequest,
  GetDurableExecutionStateResponse,
  Operation,
  OperationUpdate,
} from "../core/wire.ts";
import type { LogLine } from "../journal/journal.ts";
import type { ExecutionRecord } from "../service/execution-record.ts";
import { ServiceError } from "../service/service-error.ts";
import type { LocalLatency } from "../service/settings.ts";
import type { StatePages } from "../service/state-pages.ts";
import { traceOf } from "./error-trace.ts";
import { KeptLines } from "./kept-lines.ts";
import { warnOfLoss } from "./lossy-results.ts";

/** The greatest number of errors that are stored for one invocation. A map may have many failed items. */
const MAX_TRACES = 1_000;

export interface ExecutionClientHost {
  readonly record: ExecutionRecord;
  readonly pages: StatePages;
  readonly latencyMs: LocalLatency;
  readonly now: () => number;
  /** Whether `now` returns virtual time. */
  readonly isVirtual: boolean;
  /** Throws if this invocation must not write any more. */
  readonly check: () => void;
  readonly onCheckpoint: (updates: readonly OperationUpdate[], changed: readonly Operation[]) => void;
  /** Gets an unexpected error of a write. In most cases the journal cannot be written. */
  readonly onFailure: (error: unknown) => void;
  /** See `DurableExecutionClient.onRunning`. */
  readonly onRunning: (control: InvocationControl) => void;
}

/** The client through which the runtime reaches the embedded service during one invocation. */
export class ExecutionClient implements DurableExecutionClient {
  readonly onResult = warnOfLoss;
  readonly #host: ExecutionClientHost;
  readonly #beganMs: number;
  readonly #beganRealMs = performance.now();
  /** Without real time. Otherwise the delays in a test would depend on the speed of the machine. */
  readonly recordNow?: () => number;
  #tracesKept = 0;
  readonly #lines = new KeptLines((line) => this.#keepLine(line));

  onThrown(operationId: string | undefined, thrown: unknown): void {
    const text = traceOf(thrown);
    if (text === undefined || this.#tracesKept >= MAX_TRACES) return;
    this.#tracesKept++;
    try {
      this.#host.record.keepTrace(operationId, text, this.#host.now());
    } catch (error) {
      this.#host.onFailure(error);
    }
  }

  wrapLogger(logger: LineWriter, origin: () => LineOrigin): LineWriter {
    return this.#lines.wrap(logger, origin);
  }

  #keepLine(line: Omit<LogLine, "atMs">): void {
    try {
      this.#host.record.keepLog({ atMs: this.#host.now(), ...line });
    } catch (error) {
      this.#host.onFailure(error);
    }
  }

  /**
   * @throws DurableError `ERR_OPTION_UNKNOWN`, because the handler can still be corrected. On Lambda the runtime warns.
   */
  onMisspelledOption(message: string): never {
    throw new DurableError("ERR_OPTION_UNKNOWN", message);
  }

  /** While the invocation runs, virtual time stands still. So real time is added, in which retries of a batch fall due. */
  now(): number {
    return Math.max(this.#host.now(), this.#beganMs + Math.floor(performance.now() - this.#beganRealMs));
  }

  onRunning(control: InvocationControl): void {
    this.#host.onRunning(control);
  }

  constructor(host: ExecutionClientHost) {
    this.#host = host;
    this.#beganMs = host.now();
    if (host.isVirtual) this.recordNow = host.now;
  }

  async checkpoint(request: CheckpointDurableExecutionRequest): Promise<CheckpointDurableExecutionResponse> {
    const { record, latencyMs, now, check, onCheckpoint, onFailure } = this.#host;
    if (latencyMs.checkpoint > 0) await delay(latencyMs.checkpoint);
    this.#checkArn(request.DurableExecutionArn);
    check();
    const updates = request.Updates ?? [];
    try {
      const answer = record.checkpoint(request.CheckpointToken, request.ClientToken, updates, now());
      onCheckpoint(updates, answer.changed);
      return {
        CheckpointToken: answer.token,
        NewExecutionState: { Operations: [...answer.changed], NextMarker: undefined },
      };
    } catch (error) {
      if (!(error instanceof ServiceError)) onFailure(error);
      throw error;
    }
  }

  async getExecutionState(request: GetDurableExecutionStateRequest): Promise<GetDurableExecutionStateResponse> {
    const { record, pages, latencyMs } = this.#host;
    if (latencyMs.getState > 0) await delay(latencyMs.getState);
    this.#checkArn(request.DurableExecutionArn);
    record.counters.stateReads++;
    const { operations, nextMarker } = pages.read(request.Marker, request.MaxItems);
    return { Operations: operations, NextMarker: nextMarker };
  }

  #checkArn(arn: string | undefined): void {
    if (arn === this.#host.record.header.arn) return;
    throw new ServiceError("ResourceNotFoundException", 404, `Durable execution not found: ${arn}`);
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
