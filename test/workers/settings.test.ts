import { availableParallelism } from "node:os";
import { describe, expect, test } from "vitest";
import { resolveWorkerSettings, type WorkerOptions } from "../../src/workers/settings.ts";
import { availableVcpus } from "../../src/workers/vcpus.ts";
import { workers } from "../../src/workers.ts";
import { MODULE, threads } from "../support/threads.ts";

const resolve = (options: WorkerOptions = {}, environment: NodeJS.ProcessEnv = {}) =>
  resolveWorkerSettings(options, environment);
const cores = availableParallelism();

test("the defaults are those of the documentation", () => {
  expect(resolve()).toMatchObject({
    mode: "auto",
    pool: { threads: Math.min(64, cores), idleMs: 30_000, resourceLimits: undefined },
    timeoutMs: undefined,
    graceMs: 50,
    minTaskMicros: 150,
  });
});

describe("in Lambda", () => {
  test.each([
    ["128", 128 / 1_769, 1],
    ["1769", 1, 1],
    ["2048", 2_048 / 1_769, 1],
    ["3008", 3_008 / 1_769, 2],
    ["10240", 10_240 / 1_769, 6],
  ])("memory of %s MB buys vCPUs, and threads by them", (megabytes, vcpus, count) => {
    const environment = { AWS_LAMBDA_FUNCTION_NAME: "f", AWS_LAMBDA_FUNCTION_MEMORY_SIZE: megabytes };
    expect(availableVcpus(environment)).toBe(Math.min(cores, vcpus));
    expect(resolve({}, environment).pool).toMatchObject({
      threads: Math.min(cores, count),
      idleMs: Number.POSITIVE_INFINITY,
    });
  });
});

test("variables override options", () => {
  const environment = {
    DURABLE_FANOUT_WORKERS_MODE: "inline",
    DURABLE_FANOUT_WORKERS_THREADS: "5",
    DURABLE_FANOUT_WORKERS_TIMEOUT_MS: "250",
    DURABLE_FANOUT_WORKERS_IDLE_MS: "unlimited",
    DURABLE_FANOUT_WORKERS_GRACE_MS: "0",
    DURABLE_FANOUT_WORKERS_MIN_TASK_MICROS: "7",
    DURABLE_FANOUT_WORKERS_HEAP_MB: "96",
  };
  const options: WorkerOptions = {
    ...{ mode: "threads", threads: 2, timeout: { seconds: 9 }, idleMs: 1, graceMs: 1, minTaskMicros: 1 },
    resourceLimits: { maxOldGenerationSizeMb: 64, stackSizeMb: 2 },
  };
  expect(resolve(options, environment)).toMatchObject({
    ...{ mode: "inline", timeoutMs: 250, graceMs: 0, minTaskMicros: 7 },
    pool: {
      threads: 5,
      idleMs: Number.POSITIVE_INFINITY,
      resourceLimits: { maxOldGenerationSizeMb: 96, stackSizeMb: 2 },
    },
  });
});

test.each([
  [{ mode: "fast" }, 'workers.mode is "fast"; allowed: auto, threads, inline.'],
  [{ threads: 0 }, "workers.threads is 0; allowed: a whole number from 1 to 64."],
  [{ threads: 65 }, "workers.threads is 65"],
  [{ idleMs: -1 }, "workers.idleMs is -1"],
  [{ graceMs: 1.5 }, "workers.graceMs is 1.5"],
  [{ minTaskMicros: "a" }, 'workers.minTaskMicros is "a"'],
  [{ timeout: { seconds: 0 } }, "timeout of a worker function is"],
  [{ timeout: 5 }, "timeout of a worker function is 5"],
  [{ signal: {} }, "workers.signal is an object with nothing in it; allowed: an AbortSignal."],
  [
    { resourceLimits: { maxOldGenerationSizeMb: 2 } },
    "maxOldGenerationSizeMb is 2; allowed: a number of megabytes from 8 on.",
  ],
  [{ resourceLimits: { heap: 2 } }, 'workers.resourceLimits has no setting "heap"; it has maxOldGenerationSizeMb'],
  [{ errors: RangeError }, "workers.errors is a function; allowed: an array of classes."],
  [{ thread: 2 }, 'workers has no setting "thread"; it has mode, threads'],
  [5, "workers is 5; allowed: an object."],
])("%j is refused when the functions are defined, by its name and what is allowed", (options, message) => {
  expect(() => workers(MODULE, options as WorkerOptions)).toThrow(message);
});

test.each([
  ["DURABLE_FANOUT_WORKERS_MODE", "fast"],
  ["DURABLE_FANOUT_WORKERS_THREADS", "many"],
  ["DURABLE_FANOUT_WORKERS_HEAP_MB", "1"],
  ["DURABLE_FANOUT_WORKERS_TIMEOUT_MS", "0"],
])("variable %s is refused as %s by its name", (name, value) => {
  expect(() => resolve({}, { [name]: value })).toThrow(`Environment variable ${name} is "${value}"; allowed: `);
});

test.each([
  [{ retries: 1 }, 'with has no setting "retries"; it has signal, timeout, retryStrategy.'],
  [{ signal: 1 }, "with.signal is 1; allowed: an AbortSignal."],
  [{ timeout: { seconds: -1 } }, "timeout of a worker function"],
])("with(%j) is refused", (options, message) => {
  expect(() => threads().double.with(options as never)).toThrow(message);
});
