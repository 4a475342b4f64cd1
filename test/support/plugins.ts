import type { DurableInstrumentationPlugin } from "@aws/durable-execution-sdk-js";
import * as official from "@aws/durable-execution-sdk-js";
import * as ours from "../../src/index.ts";
import { type LocalHandler, VirtualClock } from "../../src/testing.ts";
import { FAST, type Handler, type Run, runLambda, type ServiceOptions } from "./service.ts";

/** One call of a plugin, in a form that can be compared between runs. */
export interface Call {
  /** The hook. A wrapper makes two: `>` before the function, then `<` with its result or `!` with its error. */
  readonly hook: string;
  readonly info: Readonly<Record<string, unknown>>;
}

export const HOOKS = [
  "onInvocationStart",
  "onInvocationEnd",
  "onOperationStart",
  "onOperationEnd",
  "onOperationAttemptStart",
  "onOperationAttemptEnd",
  "onOperationChange",
] as const;
export const WRAPPERS = ["wrapInvocation", "wrapChildContextFn", "wrapOperationAttemptFn"] as const;

/**
 * The service's clock in these tests: so far off that a timestamp tells whose it is, and ahead of the process, so that
 * nothing falls due while an invocation runs.
 */
export const SERVICE_START_MS = Date.UTC(2100, 0, 1);

/** A plugin that writes down all that it is told. */
export function auditor(calls: Call[]): DurableInstrumentationPlugin {
  const plugin: Record<string, unknown> = {};
  const note = (hook: string, info: object): void => {
    calls.push({ hook, info: comparable(info) as Call["info"] });
  };
  for (const hook of HOOKS) {
    plugin[hook] = async (info: object) => note(hook, info);
  }
  for (const wrapper of WRAPPERS) {
    plugin[wrapper] = async (info: { id?: string }, fn: () => unknown) => {
      const { id } = info;
      note(`${wrapper} >`, info);
      try {
        const result = await fn();
        note(`${wrapper} <`, { id, result });
        return result;
      } catch (error) {
        note(`${wrapper} !`, { id, error });
        throw error;
      }
    };
  }
  return plugin as DurableInstrumentationPlugin;
}

/**
 * Times of the service become milliseconds since its start, times of the process "here", and what differs from run to
 * run (ids of the execution, traces of a stack) what it is.
 */
export function comparable(value: unknown, key = ""): unknown {
  if (value instanceof Date) {
    const sinceStartMs = value.getTime() - SERVICE_START_MS;
    return sinceStartMs >= 0 ? sinceStartMs : "here";
  }
  if (value instanceof Error) {
    const { name, message, cause } = value;
    // Errors of an SDK's own: the official ones do not say what caused them.
    const isInternal = message.startsWith("[Unrecoverable");
    return { name, message, ...(isInternal || cause === undefined ? {} : { cause: comparable(cause) }) };
  }
  if (key === "requestId" || key === "executionArn") return typeof value;
  if (typeof value === "string" && value.includes('"stack":')) return "a result with a stack";
  if (typeof value === "string" && value.length > 200) return `${value.length} characters`;
  if (Array.isArray(value)) return value.map((member) => comparable(member));
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  const isMap = key === "operations" || key === "updatedOperations";
  return Object.fromEntries(
    members.map(([name, member]) => {
      if (isMap && member.type === "EXECUTION") return ["execution", comparable({ ...member, id: "id", name: "name" })];
      return [name, comparable(member, name)];
    }),
  );
}

export interface PluginOptions extends ServiceOptions {
  readonly plugins?: DurableInstrumentationPlugin[];
  readonly childOperationsDepth?: number;
}

/** A Lambda function with plugins, of one SDK. */
export function withPlugins(
  sdk: "official" | "ours",
  handler: Handler,
  { plugins = [], childOperationsDepth: depth }: PluginOptions,
): LocalHandler {
  const config = { plugins, ...(depth === undefined ? {} : { pluginsConfig: { childOperationsDepth: depth } }) };
  const lambda =
    sdk === "official"
      ? official.withDurableExecution(handler as never, config)
      : ours.withDurableExecution(handler, { ...config, runtime: FAST });
  return lambda as unknown as LocalHandler;
}

/** Runs a handler with plugins on one SDK. */
export function runWithPlugins(sdk: "official" | "ours", handler: Handler, options: PluginOptions = {}): Promise<Run> {
  const engine = { clock: new VirtualClock(SERVICE_START_MS), ...options.engine };
  return runLambda(withPlugins(sdk, handler, options), { ...options, engine });
}
