import { execFileSync } from "node:child_process";
import { join } from "node:path";
import * as official from "@aws/durable-execution-sdk-js";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { DurableContext, DurableExecutionClient } from "../../src/index.ts";
import * as ours from "../../src/index.ts";
import { type Fault, HttpService } from "../support/http-service.ts";
import { FAST, runLambda } from "../support/service.ts";

const SDKS = { official, ours } as const;
let service: HttpService;
beforeEach(async () => {
  service = new HttpService();
  await service.listen();
});
afterEach(() => service.close());

const handler = async (_: unknown, context: DurableContext) => {
  const value = await context.step("a", async () => ({ text: 'é"\\' }));
  await context.wait("w", { seconds: 3 });
  const batch = await context.map("m", [1, 2], async (item, n) => item.step(async () => n), { maxConcurrency: 1 });
  const [answer] = await context.createCallback("cb", { timeout: { seconds: 9 } });
  return [value, batch.getResults(), await answer.catch((error: Error) => error.name)];
};

function lambdaOf(sdk: keyof typeof SDKS, body: unknown, client = service.client()) {
  const config = sdk === "ours" ? { client, runtime: FAST } : { client };
  return SDKS[sdk].withDurableExecution(body as never, config as never) as never;
}

describe("over HTTP", () => {
  test("the same handler sends the same requests on both SDKs, and gets the same answers", async () => {
    const seen: unknown[] = [];
    for (const sdk of ["official", "ours"] as const) {
      service.requests.length = 0;
      const { outcome } = await service.run(lambdaOf(sdk, handler));
      const tokens = new Map<string, string>();
      const named = (token: unknown) => {
        if (!tokens.has(token as string)) tokens.set(token as string, `token ${tokens.size}`);
        return tokens.get(token as string);
      };
      seen.push({
        outcome,
        requests: service.requests.map(({ method, path, query, body }) => ({
          method,
          path: path.replace(/executions\/[^/]+/, "executions/ARN"),
          query,
          body: {
            ...body,
            CheckpointToken: named(body["CheckpointToken"]),
            ClientToken: typeof body["ClientToken"],
          },
        })),
      });
    }
    expect(seen[1]).toEqual(seen[0]);
    expect((seen[1] as { outcome: unknown }).outcome).toMatchObject({ status: "SUCCEEDED" });
  });

  test("the ARN is one encoded segment of the path, each request has its own client token", async () => {
    await service.run(lambdaOf("ours", handler));
    for (const { method, path } of service.requests) {
      expect(method).toBe("POST");
      expect(path).toMatch(/^\/2025-12-01\/durable-executions\/arn%3Aaws%3Alambda[^/]+\/checkpoint$/);
    }
    const tokens = service.requests.map(({ body }) => body["ClientToken"]);
    expect(new Set(tokens).size).toBe(tokens.length);
  });
});

const outcomes: [string, Fault, string, "rejected" | "failed"][] = [
  [
    "a throttled request",
    { status: 429, type: "TooManyRequestsException" },
    "CheckpointUnrecoverableInvocationError",
    "rejected",
  ],
  [
    "a failing service",
    { status: 500, type: "ServiceException" },
    "CheckpointUnrecoverableInvocationError",
    "rejected",
  ],
  [
    "a bad update",
    { status: 400, type: "InvalidParameterValueException", message: "bad" },
    "CheckpointUnrecoverableExecutionError",
    "failed",
  ],
  [
    "an unknown execution",
    { status: 404, type: "ResourceNotFoundException" },
    "CheckpointUnrecoverableExecutionError",
    "failed",
  ],
  ["a disabled key", { status: 502, type: "KMSDisabledException" }, "CheckpointUnrecoverableExecutionError", "failed"],
  ["a connection that breaks", { hangUp: true }, "CheckpointUnrecoverableInvocationError", "rejected"],
  ["an answer that is no JSON", { body: "<html>" }, "CheckpointUnrecoverableInvocationError", "rejected"],
];

describe("a checkpoint that fails ends the invocation or the execution, as with the official SDK:", () => {
  test.each(outcomes)("%s", async (_what, fault, name, how) => {
    for (const sdk of ["official", "ours"] as const) {
      service.requests.length = 0;
      service.fault = (index) => (index === 0 ? fault : undefined);
      const { outcome, errors } = await service.run(lambdaOf(sdk, handler));
      if (how === "rejected") expect([sdk, errors[0]?.name]).toEqual([sdk, name]);
      else expect([sdk, outcome.status, outcome.error?.ErrorType]).toEqual([sdk, "FAILED", name]);
    }
  });

  test("the failure is logged with the request's id, as by the official SDK", async () => {
    const lines: string[] = [];
    const write = vi.spyOn(process.stderr, "write").mockImplementation((line) => lines.push(String(line)) > 0);
    try {
      for (const sdk of ["official", "ours"] as const) {
        service.requests.length = 0;
        service.fault = () => ({ status: 400, type: "InvalidParameterValueException", message: "bad" });
        await service.run(lambdaOf(sdk, handler));
      }
    } finally {
      write.mockRestore();
    }
    const documents = lines.map((line) => JSON.parse(line) as Record<string, string>);
    expect(documents).toHaveLength(2);
    expect(Object.keys(documents[1] as object)).toEqual(Object.keys(documents[0] as object));
    for (const { level, message, errorType } of documents) {
      expect([level, errorType]).toEqual(["ERROR", "InvalidParameterValueException"]);
      expect(message).toContain("Failed to checkpoint durable execution");
    }
  });

  test("a stale token is the invocation's end, in the service's spelling as well", async () => {
    const fault = { status: 400, type: "InvalidParameterValueException", message: "Invalid checkpoint token" };
    service.fault = (index) => (index === 0 ? fault : undefined);
    const { errors } = await service.run(lambdaOf("ours", handler));
    expect(errors[0]?.name).toBe("CheckpointUnrecoverableInvocationError");
  });

  test("a request that the AWS client repeats is answered at last", async () => {
    service.fault = (index) => (index === 0 ? { status: 500 } : undefined);
    const { outcome, errors } = await service.run(lambdaOf("ours", handler, service.client(3)));
    expect(outcome.status).toBe("SUCCEEDED");
    expect(errors).toEqual([]);
    const [first, second] = service.requests;
    expect(second?.body).toEqual(first?.body);
  });
});

describe("the client", () => {
  test("loading the package does not load the AWS client, making a client does, once", () => {
    const root = join(import.meta.dirname, "../..");
    const script = `
      import { registerHooks } from "node:module";
      let loads = 0;
      registerHooks({ resolve(specifier, context, next) {
        if (specifier === "@aws-sdk/client-lambda" && !context.parentURL?.includes("node_modules")) loads++;
        return next(specifier, context);
      } });
      const { DurableExecutionApiClient, withDurableExecution } = await import(${JSON.stringify(join(root, "src/index.ts"))});
      withDurableExecution(async () => 1);
      const before = loads;
      new DurableExecutionApiClient(); new DurableExecutionApiClient();
      await new Promise((resolve) => setTimeout(resolve, 50));
      console.log(JSON.stringify([before, loads]));`;
    const output = execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
    expect(JSON.parse(output)).toEqual([0, 1]);
  });

  test("the default one is shared, names itself, and does not wait long for an answer that does not come", async () => {
    vi.stubEnv("AWS_ENDPOINT_URL_LAMBDA", service.endpoint);
    vi.stubEnv("AWS_ACCESS_KEY_ID", "test");
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "test");
    vi.stubEnv("AWS_REGION", "us-east-1");
    const throttled = { status: 429, type: "TooManyRequestsException" };
    service.fault = (index) => [{ silent: true }, throttled, { hangUp: true }][index];
    try {
      const { outcome } = await service.run(
        ours.withDurableExecution(async (_: unknown, c: DurableContext) => c.step(async () => 1), {
          runtime: FAST,
        }) as never,
      );
      expect(outcome).toEqual({ status: "SUCCEEDED", result: "1" });
      for (const { body } of service.requests.slice(1, 4)) expect(body).toEqual(service.requests[0]?.body);
      expect(service.requests[0]?.userAgent).toContain(`aws-durable-execution-sdk-js/${ours.SDK_VERSION}`);
    } finally {
      vi.unstubAllEnvs();
    }
    // The official time-out is 50 s: this test has less.
  }, 40_000);

  test("failures are logged, and thrown as they are", async () => {
    service.fault = () => ({ status: 400, type: "InvalidParameterValueException", message: "bad" });
    const client = new ours.DurableExecutionApiClient(service.client());
    const logged: unknown[][] = [];
    const logger = { error: (...params: unknown[]) => logged.push(params) };
    const request = { DurableExecutionArn: "arn", CheckpointToken: "t", Updates: [] };
    await expect(client.checkpoint(request, logger)).rejects.toMatchObject({ name: "InvalidParameterValueException" });
    await expect(client.getExecutionState({ ...request, Marker: "m", MaxItems: 10 }, logger)).rejects.toThrow("bad");
    expect(logged.map(([message]) => message)).toEqual([
      "Failed to checkpoint durable execution",
      "Failed to get durable execution state",
    ]);
    const state = service.requests.at(-1);
    expect([state?.method, state?.query]).toEqual(["GET", { CheckpointToken: "t", Marker: "m", MaxItems: "10" }]);
  });
});

describe("a transport of the user's", () => {
  const transport = (error: unknown): DurableExecutionClient => ({
    checkpoint: () => Promise.reject(error),
    getExecutionState: () => Promise.reject(error),
  });

  test.each([
    ["INVOCATION", "rejected"],
    ["EXECUTION", "failed"],
  ] as const)("chooses by its error's scope what ends: %s", async (scope, how) => {
    for (const [name, sdk] of Object.entries(SDKS)) {
      const error = new sdk.DurableExecutionClientError("down", { scope });
      const lambda = sdk.withDurableExecution(
        (async (_: unknown, c: DurableContext) => c.step(async () => 1)) as never,
        {
          durableExecutionClient: transport(error) as never,
        },
      ) as (event: unknown, context: unknown) => Promise<{ Status: string; Error?: { ErrorType: string } }>;
      const event = {
        DurableExecutionArn: "arn",
        CheckpointToken: "t",
        InitialExecutionState: { Operations: [{ Id: "e", Type: "EXECUTION", Status: "STARTED", StartTimestamp: 1 }] },
      };
      const invoked = lambda(event, { awsRequestId: "r", getRemainingTimeInMillis: () => 10_000 });
      if (how === "rejected") await expect(invoked, name).rejects.toThrow("Checkpoint failed: down");
      else {
        const { Status, Error: failure } = await invoked;
        expect([name, Status, failure?.ErrorType]).toEqual([name, "FAILED", "CheckpointUnrecoverableExecutionError"]);
      }
    }
  });

  test("in the event wins over the configured ones, whichever package's event it is", async () => {
    const configured = { durableExecutionClient: transport(new Error("configured")), runtime: FAST };
    const lambda = ours.withDurableExecution(
      async (_: unknown, c: DurableContext) => c.step(async () => 1),
      configured,
    );
    const { outcome } = await runLambda(lambda as never);
    expect(outcome).toEqual({ status: "SUCCEEDED", result: "1" });
    const event = { DurableExecutionArn: "a", CheckpointToken: "t", InitialExecutionState: { Operations: [] } };
    for (const { DurableExecutionInvocationInputWithClient: Event } of [official, ours]) {
      const made = new Event(event as never, transport(new Error("x")) as never);
      expect(ours.DurableExecutionInvocationInputWithClient.isInstance(made)).toBe(true);
      expect(official.DurableExecutionInvocationInputWithClient.isInstance(made)).toBe(true);
    }
    expect(ours.DurableExecutionInvocationInputWithClient.isInstance({ ...event, durableExecutionClient: {} })).toBe(
      false,
    );
  });
});
