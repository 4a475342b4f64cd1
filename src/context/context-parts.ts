import { isObject } from "../core/arguments.ts";
import type { LambdaContext } from "../core/lambda-context.ts";
import { describeValue } from "../core/setting.ts";
import type { Execution } from "../execution/execution.ts";
import type { DurableLoggingContext } from "../execution/logger.ts";
import { park } from "../execution/suspension.ts";
import { DurablePromise } from "../operations/durable-promise.ts";

export interface InvocationParts {
  readonly execution: Execution;
  readonly lambdaContext: LambdaContext;
  readonly loggingContext: DurableLoggingContext;
}

export function isName(value: unknown): boolean {
  return value !== null && !isObject(value);
}

/** Puts the name first, or undefined if no name is given. A number, bigint, boolean or symbol becomes a text. */
export function splitName(args: readonly unknown[]): readonly [string | undefined, ...unknown[]] {
  const name = args[0];
  // Each step of each item runs this code, so the usual arguments are returned without a copy.
  if (typeof name === "string" || name === undefined) return args as [string | undefined, ...unknown[]];
  return isName(name) ? [String(name), ...args.slice(1)] : [undefined, ...args];
}

export function parked(): DurablePromise<never> {
  return new DurablePromise(park);
}

export function mistaken(method: string, name: string | undefined, given: unknown): DurablePromise<never> {
  const shown = name === undefined ? "" : ` "${name}"`;
  return rejected(new TypeError(`${method}${shown} requires a function to run, not ${describeValue(given)}`));
}

export function rejected(error: unknown): DurablePromise<never> {
  return new DurablePromise(() => Promise.reject(error));
}

export function usageError(method: string, active: string, own: string | undefined): Error {
  return new Error(
    `Context usage error in "${method}": You are using a parent or sibling context instead of the current child ` +
      `context. Expected context ID: "${active}", but got: "${own}". When inside runInChildContext(), you must use ` +
      "the child context parameter, not the parent context.",
  );
}
