/**
 * Durable functions as Lambda runs them: bundled, in folders without packages, in processes of their own behind a Runtime
 * API, talking HTTP with the AWS client. By default on this Node with the small client in `bootstrap.mjs`;
 * `npm run test:lambda` runs the same under `aws-lambda-ric` on several Nodes.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LambdaClient, SendDurableExecutionCallbackSuccessCommand } from "@aws-sdk/client-lambda";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { ApiRequest, Fault } from "./durable-api.ts";
import type { RuntimeClient } from "./environment.ts";
import { LambdaService } from "./lambda-service.ts";
import { BundlingProject, type Format } from "./project.ts";

const program = process.env["LAMBDA_RUNTIME_CLIENT"] ?? join(import.meta.dirname, "bootstrap.mjs");
/** `name=path`, separated by commas. */
const nodes = (process.env["LAMBDA_NODES"] ?? `${process.versions.node}=${process.execPath}`)
  .split(",")
  .map((entry) => entry.split("=") as [string, string]);

/** Whether what takes long runs too. */
const isWhole = process.env["LAMBDA_WHOLE"] === "true";
const scratch = mkdtempSync(join(tmpdir(), "durable-fanout-marks-"));
let marks = 0;
const newFile = () => join(scratch, `${++marks}`);
const linesOf = (file: string) => (existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : []);
const sumTo = (count: number) => (count * (count - 1)) / 2;

const THREADS = { memoryMb: 3_538, variables: { DURABLE_FANOUT_WORKERS_MODE: "threads" } };

const FUNCTIONS = {
  hello: {},
  nested: {},
  batch: {},
  threads: THREADS,
  lateThreads: THREADS,
  waiting: {},
  slow: { timeoutMs: 2_500 },
  stubborn: { timeoutMs: 3_000 },
  greedy: { memoryMb: 128, timeoutMs: 60_000 },
  pausing: {},
  paged: {},
  asking: {},
  flat: { memoryMb: 512 },
};

const isCheckpoint = ({ segments }: ApiRequest) => segments[2] === "checkpoint";

/** The same fault at some of the checkpoints, counted from 1. */
function atCheckpoints(numbers: readonly number[], fault: Fault): (request: ApiRequest) => Fault | undefined {
  let count = 0;
  return (request) => (isCheckpoint(request) && numbers.includes(++count) ? fault : undefined);
}

/** Runs everything with bundles of one format. */
export function lambdaSuite(format: Format): void {
  const project = new BundlingProject();
  let folder: string;

  beforeAll(async () => {
    project.copy(join(import.meta.dirname, "functions"), "source");
    folder = await project.bundle({ entry: "source/main.ts", format });
  });

  afterAll(() => {
    project.close();
    rmSync(scratch, { recursive: true, force: true });
  });

  describe.each(nodes)(`${format} on Node %s`, (_, node) => {
    const client: RuntimeClient = { node, program };
    let lambda: LambdaService;

    beforeAll(async () => {
      lambda = await new LambdaService(client).start();
      for (const [name, settings] of Object.entries(FUNCTIONS)) {
        lambda.deploy({ name, folder, handler: `main.${name}`, ...settings });
      }
    });

    beforeEach(() => {
      lambda.api.fault = () => undefined;
      lambda.beforeInvoke = () => {};
      lambda.afterInvoke = () => {};
      lambda.invocations.length = 0;
      lambda.api.requests.length = 0;
      lambda.api.faults.length = 0;
    });

    afterAll(() => lambda.close());

    /** Runs to the end; what a process said comes with a failure. */
    async function succeed(name: keyof typeof FUNCTIONS, input: unknown = {}): Promise<unknown> {
      const { status, result, error } = await lambda.run(name, input);
      if (status === "SUCCEEDED") return JSON.parse(result ?? "null");
      throw new Error(`${name} is ${status}: ${JSON.stringify(error)}\n${lambda.output.slice(-3_000)}`);
    }
    const ends = () => lambda.invocations.map(({ end }) => end);

    test("a step is checkpointed over HTTP", async () => {
      expect(await succeed("hello", { name: "Ada" })).toBe("Hello, Ada");
      expect(lambda.api.requests.filter(isCheckpoint).length).toBeGreaterThan(0);
      expect(ends()).toEqual(["response"]);
    });

    test("a nested map of 1,000 gives every result", async () => {
      expect(await succeed("nested", { count: 1_000 })).toBe(2 * sumTo(1_000));
    });

    test("a batch of 20,000 runs each item once", async () => {
      const log = newFile();
      expect(await succeed("batch", { count: 20_000, log })).toBe(2 * sumTo(20_000));
      expect(linesOf(log).length).toBe(20_000);
    });

    test("worker threads answer", async () => {
      expect(await succeed("threads", { count: 200 })).toBe(2 * sumTo(200));
    });

    test("worker threads throw errors of the user's class", async () => {
      expect(await succeed("lateThreads")).toEqual(["SUCCEEDED", "Unscored 3000000"]);
    });

    test("a wait ends in the process that began it", async () => {
      const { before, after } = (await succeed("waiting")) as { before: number; after: number };
      expect(after).toBe(before);
      expect(ends()).toEqual(["response", "response"]);
    });

    test("a wait ends in another process when the first is gone", async () => {
      lambda.afterInvoke = (environment) => environment.kill();
      const { before, after } = (await succeed("waiting")) as { before: number; after: number };
      expect(after).not.toBe(before);
      expect(ends()).toEqual(["response", "response"]);
    });

    test("work for several invocations suspends before each deadline", async () => {
      const log = newFile();
      expect(await succeed("slow", { count: 300, ms: 200, log })).toBe(sumTo(300));
      expect(linesOf(log).length).toBe(300);
      expect(new Set(ends())).toEqual(new Set(["response"]));
      expect(ends().length).toBeGreaterThan(1);
    });

    test("a process that is killed in the middle of a batch goes on in another", async () => {
      const log = newFile();
      expect(await succeed("stubborn", { count: 100, mark: newFile(), log })).toBe(sumTo(100));
      expect([ends()[0], ends().at(-1)]).toEqual(["timeout", "response"]);
      expect(new Set(linesOf(log)).size).toBe(100);
    });

    test("a process that runs out of memory goes on in another, from what was recorded", async () => {
      const { first, second } = (await succeed("greedy", { mark: newFile() })) as { first: number; second: number };
      expect(second).not.toBe(first);
      expect(ends()).toEqual(["exit", "response"]);
    });

    test("connections that broke while the process stood still do not matter", async () => {
      lambda.beforeInvoke = () => lambda.api.dropConnections();
      const pids = (await succeed("pausing", { count: 3 })) as number[];
      expect(new Set(pids).size).toBe(1);
      expect(ends()).toEqual(["response", "response", "response"]);
    });

    test("what was recorded comes back in pages", async () => {
      expect(await succeed("paged", { count: 700 })).toBe(sumTo(700));
      expect(ends()).toEqual(["response", "response"]);
      expect(lambda.api.requests.some(({ segments }) => segments[2] === "state")).toBe(true);
    });

    test("another function answers, and somebody who calls the service's API", async () => {
      const file = newFile();
      const ended = succeed("asking", { file });
      await vi.waitUntil(() => linesOf(file).length > 0, { timeout: 30_000, interval: 20 });
      const credentials = { accessKeyId: "me", secretAccessKey: "secret" };
      const outside = new LambdaClient({ endpoint: lambda.api.endpoint, region: "us-east-1", credentials });
      const [CallbackId] = linesOf(file);
      await outside.send(new SendDurableExecutionCallbackSuccessCommand({ CallbackId, Result: Buffer.from("yes") }));
      expect(await ended).toEqual(["Hello, Grace", "yes"]);
    });

    test("throttled checkpoints come again", async () => {
      lambda.api.fault = atCheckpoints([1, 3, 5], { kind: "error", status: 429, type: "TooManyRequestsException" });
      expect(await succeed("nested", { count: 300 })).toBe(2 * sumTo(300));
      expect(ends()).toEqual(["response"]);
      expect(lambda.api.faults.length).toBe(3);
    });

    test("an invocation ends when throttling does not, and the next one goes on", async () => {
      lambda.api.fault = atCheckpoints([2, 3, 4, 5, 6], {
        ...{ kind: "error", status: 429, type: "TooManyRequestsException" },
      });
      expect(await succeed("nested", { count: 300 })).toBe(2 * sumTo(300));
      expect(ends().at(-1)).toBe("response");
      expect(ends().length).toBeGreaterThan(1);
      expect(lambda.api.faults.length).toBe(5);
    });

    test("checkpoints that the service failed at come again", async () => {
      lambda.api.fault = atCheckpoints([1, 3], { kind: "error", status: 500, type: "ServiceException" });
      expect(await succeed("batch", { count: 2_000 })).toBe(2 * sumTo(2_000));
      expect(ends()).toEqual(["response"]);
      expect(lambda.api.faults.length).toBe(2);
    });

    test("checkpoints whose answers were lost are not recorded twice", async () => {
      lambda.api.fault = atCheckpoints([1, 3, 5], { kind: "lose-answer" });
      const log = newFile();
      expect(await succeed("batch", { count: 5_000, log })).toBe(2 * sumTo(5_000));
      expect(linesOf(log).length).toBe(5_000);
      expect(ends()).toEqual(["response"]);
      expect(lambda.api.faults.length).toBe(3);
    });

    test("connections that break at a request do not matter", async () => {
      lambda.api.fault = atCheckpoints([1, 3], { kind: "hang-up" });
      expect(await succeed("nested", { count: 300 })).toBe(2 * sumTo(300));
      expect(ends()).toEqual(["response"]);
      expect(lambda.api.faults.length).toBe(2);
    });

    test("an invocation whose token is stale ends, and the execution goes on", async () => {
      lambda.api.fault = atCheckpoints([2], {
        ...{ kind: "error", status: 400, type: "InvalidParameterValueException", message: "Invalid checkpoint token" },
      });
      expect(await succeed("nested", { count: 300 })).toBe(2 * sumTo(300));
      expect(ends().length).toBe(2);
      expect(lambda.api.faults.length).toBe(1);
    });

    test("200 warm invocations leave nothing behind", async () => {
      const measured: { heapUsed: number; handles: number; listeners: number; pid: number }[] = [];
      for (let run = 0; run < 200; run++)
        measured.push(
          (await succeed("flat", { isMeasured: (run >= 100 && run < 120) || run >= 180 })) as (typeof measured)[number],
        );
      const [early, late] = [measured.slice(100, 120), measured.slice(-20)];
      const least = (key: "heapUsed" | "handles" | "listeners", of: typeof measured) =>
        Math.min(...of.map((one) => one[key]));
      expect(new Set(measured.map(({ pid }) => pid)).size).toBe(1);
      expect(least("listeners", late)).toBeLessThanOrEqual(least("listeners", early));
      // A client on a busy machine has a few connections more. One handle left by each invocation would be 80.
      expect(least("handles", late)).toBeLessThanOrEqual(least("handles", early) + 20);
      expect(least("heapUsed", late) - least("heapUsed", early)).toBeLessThan(1_000_000);
    });

    if (isWhole) {
      test("a connection that falls silent costs seconds, not an invocation", async () => {
        lambda.deploy({ name: "silent", folder, handler: "main.hello", timeoutMs: 20_000 });
        lambda.api.fault = atCheckpoints([1], { kind: "silence" });
        await lambda.run("silent");
        expect(ends()).toEqual(["response"]);
      });
    }
  });
}
