import { randomUUID } from "node:crypto";
import { DurableError } from "../core/errors.ts";
import type { OperationUpdate } from "../core/wire.ts";
import type { ExecutionHeader, ExternalCompletion, JournalExecution, ParentOperation } from "../journal/journal.ts";
import { newExecutionArn } from "../service/execution-arn.ts";
import type { ExecutionOutcome } from "../service/execution-outcome.ts";
import type { ExecutionRecord } from "../service/execution-record.ts";
import type { InvokeRequest } from "../service/invoke-request.ts";
import { isJson } from "../service/validation.ts";
import { withPatience } from "./deadline.ts";
import type { FunctionRegistry } from "./function-registry.ts";
import { completionOf, invokeFailure, PlainFunctions, type PlainFunctionsHost } from "./plain-functions.ts";

export interface ChainedInvokesHost extends PlainFunctionsHost {
  readonly functions: FunctionRegistry;
  readonly startChild: (header: ExecutionHeader) => void;
  readonly findChild: (arn: string) => JournalExecution | undefined;
  readonly openChild: (found: JournalExecution) => void;
  /** Does nothing if the execution does not run in this engine, or if the journal is closed. */
  readonly complete: (arn: string, operationId: string, completion: ExternalCompletion) => void;
}

/**
 * Runs the functions that executions invoke. A durable function runs as a new execution, called the child. A plain
 * function is called directly.
 *
 * I1  If an invoke has a child, the START of the invoke is written to the journal together with the ARN of the child.
 *     So parent and child find each other after a crash.
 * I2  When the parent is resumed, a plain function that has no recorded end is called again. A child continues from its
 *     records.
 */
export class ChainedInvokes {
  readonly #host: ChainedInvokesHost;
  readonly #plain: PlainFunctions;

  constructor(host: ChainedInvokesHost) {
    this.#host = host;
    this.#plain = new PlainFunctions(host);
  }

  newChildArn(start: OperationUpdate): string | undefined {
    const target = this.#host.functions.find(start.ChainedInvokeOptions?.FunctionName ?? "");
    if (target?.kind !== "durable" || !isJson(start.Payload ?? "{}")) return undefined;
    return newExecutionArn(target.name, randomUUID());
  }

  begin(parentArn: string, request: InvokeRequest): void {
    const { operationId, functionName, childArn } = request;
    const target = this.#host.functions.find(functionName);
    const done = (completion: ExternalCompletion): void => this.#host.complete(parentArn, operationId, completion);
    if (target === undefined) {
      const { message } = this.#host.functions.unknown(functionName);
      return done(invokeFailure("ResourceNotFoundException", message));
    }
    const failure = payloadFailure(request);
    if (failure !== undefined) return done(failure);
    if (target.kind === "plain") return this.#plain.begin(target.name, target.run, request, done);
    this.#startChild(parentArn, request, childArn as string);
  }

  /**
   * The functions of all open invokes are checked before the first invoke continues. But a child checks the functions
   * of its invokes only when it continues. If this check throws, some invokes may already have continued.
   */
  resume(record: ExecutionRecord, nowMs: number): void {
    const requests = record.openInvokes();
    for (const request of requests) this.#checkFunction(record, request);
    for (const request of requests) {
      const { operationId, childArn } = request;
      if (childArn === undefined) {
        const failure = payloadFailure(request);
        // The parent does not run yet, so that the failure would not reach it from `begin`.
        if (failure !== undefined) record.complete(operationId, failure, nowMs);
        else this.begin(record.header.arn, request); // I2
        continue;
      }
      const found = this.#host.findChild(childArn);
      if (found === undefined)
        this.#startChild(record.header.arn, request, childArn); // I1
      else if (found.status === "RUNNING") this.#host.openChild(found); // I2
      // The parent does not run yet, so that `childEnded` did not reach it. But the journal has the end of the child.
      const child = this.#host.findChild(childArn);
      if (child === undefined || child.status === "RUNNING") continue;
      const { status, result, error } = child;
      record.complete(operationId, completionOf({ status, result, error }, this.#host.settings), nowMs);
    }
  }

  /** A parent that does not run in this engine gets the end when it is resumed. */
  childEnded(parent: ParentOperation, outcome: ExecutionOutcome): void {
    this.#host.complete(parent.arn, parent.operationId, completionOf(outcome, this.#host.settings));
  }

  close(graceMs: number): Promise<void> {
    return withPatience(graceMs, this.#plain.idle());
  }

  #startChild(parentArn: string, request: InvokeRequest, childArn: string): void {
    const target = this.#host.functions.find(request.functionName);
    if (target === undefined) throw this.#host.functions.unknown(request.functionName);
    this.#host.startChild({
      arn: childArn,
      name: childArn.split("/").at(-2) as string,
      functionName: target.name,
      input: request.payload,
      startMs: this.#host.clock.now(),
      timeoutSeconds: undefined,
      metadata: {},
      parent: { arn: parentArn, operationId: request.operationId },
      ...(request.tenantId === undefined ? {} : { tenantId: request.tenantId }),
    });
  }

  #checkFunction(record: ExecutionRecord, request: InvokeRequest): void {
    const { operationId, functionName, childArn } = request;
    const { functions } = this.#host;
    const child = childArn === undefined ? undefined : this.#host.findChild(childArn);
    if (child !== undefined && child.status !== "RUNNING") return;
    const wasDurable = childArn !== undefined;
    const name = child?.header.functionName ?? functionName;
    const target = functions.find(name);
    // An invoke of a durable function has no child either if its payload makes it fail.
    const isSame = (target?.kind === "durable") === wasDurable || payloadFailure(request) !== undefined;
    if (target !== undefined && isSame) return;
    const invoke = record.operation(operationId)?.Name ?? operationId;
    const register = wasDurable ? `register("${name}", handler)` : `registerFunction("${name}", run)`;
    const problem =
      target === undefined
        ? `which is not registered (known: ${functions.names})`
        : `which was a ${wasDurable ? "durable" : "plain"} function then and is a ${target.kind} one now`;
    throw new DurableError(
      "ERR_FUNCTION_UNKNOWN",
      `Execution "${record.header.name}" waits for its chained invoke "${invoke}" of function "${name}", ${problem}. ` +
        `Call ${register} before you resume the execution.`,
    );
  }
}

function payloadFailure({ functionName, payload }: InvokeRequest): ExternalCompletion | undefined {
  if (payload === undefined || isJson(payload)) return undefined;
  const message = `The payload for function "${functionName}" is not JSON; a function's event must be.`;
  return invokeFailure("InvalidRequestContentException", message);
}
