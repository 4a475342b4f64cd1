import { readTimestamp } from "../core/time.ts";
import { type DurableExecutionInvocationOutput, defined } from "../core/wire.ts";
import { workerStatistics } from "../core/worker-pools.ts";
import type { InvocationEndInfo, InvocationInfo } from "../plugins/plugin.ts";
import type { Observer } from "./observer.ts";
import { errorShown, infosOf, withLazy } from "./operation-info.ts";
import type { RecordedState } from "./state.ts";

export interface InvocationEnd {
  readonly output: DurableExecutionInvocationOutput;
  readonly result?: unknown;
  readonly error?: unknown;
}

type About = Pick<
  InvocationInfo,
  "requestId" | "executionArn" | "executionInput" | "executionStartTimestamp" | "isFirstInvocation"
>;

export class InvocationReport {
  readonly #observer: Observer;
  readonly #state: RecordedState;
  readonly #about: About;
  #start: InvocationInfo | undefined;

  constructor(
    observer: Observer,
    requestId: string,
    executionArn: string,
    executionInput: unknown,
    state: RecordedState,
  ) {
    this.#observer = observer;
    this.#state = state;
    this.#about = {
      ...{ requestId, executionArn, executionInput, isFirstInvocation: !state.isReplay },
      ...defined({ executionStartTimestamp: readTimestamp(state.execution?.StartTimestamp) }),
    };
  }

  /** Must be called before the handler runs, because the first call copies the records of that moment. */
  readonly start = (): InvocationInfo => {
    if (this.#start === undefined) {
      const recorded = [...this.#state.records];
      const updated = () => infosOf(recorded.filter(({ Id }) => this.#observer.wasUpdated(Id)));
      const info = withLazy({ ...this.#about }, "operations", () => infosOf(recorded));
      this.#start = withLazy(info, "updatedOperations", updated);
    }
    return this.#start;
  };

  end({ output, result, error }: InvocationEnd): InvocationEndInfo {
    switch (output.Status) {
      case "PENDING":
        return this.#ended({ status: output.Status });
      case "FAILED":
        return this.#ended({ status: output.Status, executionError: errorShown(error) });
      case "SUCCEEDED":
        return this.#ended({ status: output.Status, executionResult: result });
    }
  }

  rejected(error: unknown): InvocationEndInfo {
    return this.#ended({ status: "RETRYING", executionError: errorShown(error) });
  }

  #ended<Outcome>(outcome: Outcome) {
    const info = { ...this.#about, ...outcome, ...defined({ workers: workerStatistics() }) };
    return withLazy(info, "operations", this.#observer.snapshot());
  }
}
