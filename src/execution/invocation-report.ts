import { asError, DurableOperationError } from "../core/errors.ts";
import { readTimestamp } from "../core/time.ts";
import type { DurableExecutionInvocationOutput } from "../core/wire.ts";
import type { InvocationEndInfo, InvocationInfo } from "../plugins/plugin.ts";
import type { Observer } from "./observer.ts";
import type { RecordedState } from "./state.ts";

/** How an invocation ended: its answer, and what the handler returned or threw. */
export interface InvocationEnd {
  readonly output: DurableExecutionInvocationOutput;
  readonly result?: unknown;
  readonly error?: unknown;
}

/** What plugins are told of an invocation. */
export class InvocationReport {
  readonly #observer: Observer;
  readonly #about: Pick<InvocationInfo, "requestId" | "executionArn" | "executionInput" | "executionStartTimestamp">;
  readonly #isFirst: boolean;
  #start: InvocationInfo | undefined;

  constructor(
    observer: Observer,
    requestId: string,
    executionArn: string,
    executionInput: unknown,
    state: RecordedState,
  ) {
    this.#observer = observer;
    this.#isFirst = !state.isReplay;
    const executionStartTimestamp = readTimestamp(state.execution?.StartTimestamp);
    this.#about = {
      ...{ requestId, executionArn, executionInput },
      ...(executionStartTimestamp === undefined ? {} : { executionStartTimestamp }),
    };
  }

  readonly start = (): InvocationInfo => {
    this.#start ??= {
      ...this.#about,
      operations: this.#observer.operations(),
      isFirstInvocation: this.#isFirst,
      updatedOperations: this.#observer.updatedOperations(),
    };
    return this.#start;
  };

  end({ output, result, error }: InvocationEnd): InvocationEndInfo {
    const base = { ...this.#end(), status: output.Status };
    if (output.Status === "SUCCEEDED") return { ...base, executionResult: result };
    if (output.Status !== "FAILED") return base;
    const executionError = error instanceof Error ? error : DurableOperationError.fromErrorObject(output.Error);
    return { ...base, executionError };
  }

  rejected(error: unknown): InvocationEndInfo {
    return { ...this.#end(), status: "RETRYING", executionError: asError(error) };
  }

  #end() {
    return { ...this.#about, operations: this.#observer.operations(), isFirstInvocation: this.#isFirst };
  }
}
