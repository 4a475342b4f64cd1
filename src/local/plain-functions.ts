import { randomUUID } from "node:crypto";
import type { Clock } from "../core/time.ts";
import type { ErrorObject } from "../core/wire.ts";
import type { ExternalCompletion } from "../journal/journal.ts";
import { functionArn } from "../service/execution-arn.ts";
import type { ExecutionOutcome } from "../service/execution-outcome.ts";
import type { InvokeRequest } from "../service/invoke-request.ts";
import type { LocalSettings } from "../service/settings.ts";
import { TIMED_OUT, withDeadline } from "./deadline.ts";
import type { LocalFunction } from "./function-registry.ts";
import { type LambdaContextLike, lambdaContext } from "./lambda-context.ts";

export interface PlainFunctionsHost {
  readonly clock: Clock;
  readonly settings: LocalSettings;
  /** Gets 1 when a function begins and -1 when it ends. The engine does not move virtual time in between. */
  readonly countRunning: (change: 1 | -1) => void;
}

export class PlainFunctions {
  readonly #host: PlainFunctionsHost;
  readonly #running = new Set<Promise<void>>();

  constructor(host: PlainFunctionsHost) {
    this.#host = host;
  }

  /** Returns before it calls `run`, because a real invocation is asynchronous too. */
  begin(
    name: string,
    run: LocalFunction,
    request: InvokeRequest,
    done: (completion: ExternalCompletion) => void,
  ): void {
    this.#host.countRunning(1);
    const running = this.#run(name, run, request).then((completion) => {
      this.#running.delete(running);
      // The end is reported first, because virtual time may move as soon as no function runs.
      done(completion);
      this.#host.countRunning(-1);
    });
    this.#running.add(running);
  }

  async idle(): Promise<void> {
    await Promise.all(this.#running);
  }

  async #run(name: string, run: LocalFunction, { payload, tenantId }: InvokeRequest): Promise<ExternalCompletion> {
    const { clock, settings } = this.#host;
    const { timeoutMs } = settings.invocation;
    const deadlineMs = clock.now() + timeoutMs;
    const identity = { functionName: name, functionArn: functionArn(name), requestId: randomUUID(), tenantId };
    const context = lambdaContext(identity, () => deadlineMs - clock.now());
    try {
      await Promise.resolve();
      const result = await withDeadline(clock, timeoutMs, call(run, JSON.parse(payload ?? "{}"), context));
      // Lambda returns `null` for an absent result.
      return fitted({ status: "SUCCEEDED", result: JSON.stringify(result) ?? "null" }, settings);
    } catch (error) {
      const status = error instanceof Error && error.name === TIMED_OUT ? "TIMED_OUT" : "FAILED";
      return fitted({ status, error: describeThrown(error) }, settings);
    }
  }
}

/** Does not settle if a function with three parameters returns undefined and never calls the callback. */
async function call(run: LocalFunction, event: unknown, context: LambdaContextLike): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const callback = (error: unknown, answer: unknown): void => (error ? reject(error) : resolve(answer));
    const returned = (async () => run(event, context, callback))();
    returned.then((answer) => {
      if (run.length < 3 || answer !== undefined) resolve(answer);
    }, reject);
  });
}

export function completionOf(outcome: ExecutionOutcome, settings: LocalSettings): ExternalCompletion {
  const { status, result, error } = outcome;
  if (status === "TIMED_OUT" && error === undefined) {
    return { status, error: { ErrorType: "Execution.TimedOut", ErrorMessage: "The invoked execution timed out" } };
  }
  return fitted({ status, result, error: status === "SUCCEEDED" ? undefined : (error ?? {}) }, settings);
}

export function invokeFailure(type: string, message: string): ExternalCompletion {
  return { status: "FAILED", error: { ErrorType: type, ErrorMessage: message } };
}

function fitted(completion: ExternalCompletion, { quotas }: LocalSettings): ExternalCompletion {
  const { result, error } = completion;
  const resultBytes = result === undefined ? 0 : Buffer.byteLength(result);
  if (resultBytes > quotas.payloadBytes) {
    const message = `The function's result is ${resultBytes} bytes; ${quotas.payloadBytes} are allowed. Return a reference to it.`;
    return invokeFailure("Function.ResponseSizeTooLarge", message);
  }
  if (error === undefined || Buffer.byteLength(JSON.stringify(error)) < quotas.errorBytes) return completion;
  const { ErrorType, ErrorMessage = "" } = error;
  const short = { ...(ErrorType === undefined ? {} : { ErrorType }), ErrorMessage: ErrorMessage.slice(0, 1_000) };
  return { ...completion, error: short };
}

/** Describes a thrown value as Lambda does. */
function describeThrown(thrown: unknown): ErrorObject {
  if (!(thrown instanceof Error)) return { ErrorType: typeof thrown, ErrorMessage: String(thrown) };
  const { name, message, stack } = thrown;
  const { errorData } = thrown as { errorData?: unknown };
  return {
    ErrorType: name,
    ErrorMessage: message,
    ...(typeof errorData === "string" ? { ErrorData: errorData } : {}),
    ...(stack === undefined ? {} : { StackTrace: stack.split("\n") }),
  };
}
