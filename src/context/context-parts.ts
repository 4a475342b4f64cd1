import { isObject } from "../core/arguments.ts";
import type { LambdaContext } from "../core/lambda-context.ts";
import { describeValue } from "../core/setting.ts";
import type { Execution } from "../execution/execution.ts";
import type { DurableLoggingContext } from "../execution/logger.ts";
import { park } from "../execution/suspension.ts";
import { DurablePromise } from "../operations/durable-promise.ts";

/** The parts that all contexts of one invocation share. */
export interface InvocationParts {
  readonly execution: Execution;
  readonly lambdaContext: LambdaContext;
  readonly loggingContext: DurableLoggingContext;
}

export function isName(value: unknown): boolean {
  return value !== null && !isObject(value);
}

/**
 * Reads the arguments `(name, fn, config)` or `(fn, config)`. The first argument is a name if it is a string or
 * undefined, or a number, bigint or boolean, which becomes its text. In the result the name always comes first.
 */
export function splitName(args: readonly unknown[]): readonly [string | undefined, ...unknown[]] {
  const name = args[0];
  // Each step of each item runs this code, so the usual arguments are returned as they are.
  if (typeof name === "string" || name === undefined) return args as [string | undefined, ...unknown[]];
  return isName(name) ? [String(name), ...args.slice(1)] : [undefined, ...args];
}

export function parked(): DurablePromise<never> {
  return new DurablePromise(park);
}

/** The rejection of a call that was given something else than a function. */
export function mistaken(method: string, name: string | undefined, given: unknown): DurablePromise<never> {
  const shown = name === undefined ? "" : ` "${name}"`;
  return rejected(new TypeError(`${method}${shown} requires a function to run, not ${describeValue(given)}`));
}

export function rejected(error: unknown): DurablePromise<never> {
  return new DurablePromise(() => Promise.reject(error));
}

/** The error of a context that is used outside of its own function. */
export function usageError(method: string, active: string, own: string | undefined): Error {
  return new Error(
    `Context usage error in "${method}": You are using a parent or sibling context instead of the current child ` +
      `context. Expected context ID: "${active}", but got: "${own}". When inside runInChildContext(), you must use ` +
      "the child context parameter, not the parent context.",
  );
}
