/** What `examples/deploy` would deploy, run by the harness, and its templates held against rules of ours. */
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse, type ScalarTag } from "yaml";
import { facts } from "../../examples/deploy/verify/facts.ts";
import { LambdaService } from "./lambda-service.ts";
import { BundlingProject } from "./project.ts";

const example = join(import.meta.dirname, "../../examples/deploy");
const client = {
  node: process.execPath,
  program: process.env["LAMBDA_RUNTIME_CLIENT"] ?? join(import.meta.dirname, "bootstrap.mjs"),
};
/** It checks against the current schema of CloudFormation and SAM; nothing in npm replaces it. */
const hasCfnLint = spawnSync("cfn-lint", ["--version"]).error === undefined;
const project = new BundlingProject();
const folder = join(project.folder, "deploy");

beforeAll(() => {
  project.copy(example, "deploy");
  execFileSync(process.execPath, ["build.mjs"], { cwd: folder, stdio: "pipe" });
});

afterAll(() => project.close());

interface Statement {
  readonly Action: string | readonly string[];
  readonly Resource?: string | { readonly [tag: string]: string };
}

interface Resource {
  readonly Type: string;
  readonly Properties?: Record<string, never> & {
    readonly Policies?: readonly { readonly PolicyDocument: { readonly Statement: readonly Statement[] } }[];
    readonly MetricName?: string;
  };
}

interface Template {
  readonly Globals?: { readonly Function: Record<string, unknown> };
  readonly Resources: Record<string, Resource>;
}

/** CloudFormation's short forms, as objects. */
const tags = ["Ref", "Sub", "GetAtt", "Not", "Equals"].flatMap((name) => [
  { tag: `!${name}`, resolve: (value: string) => ({ [name]: value }) } as unknown as ScalarTag,
  { tag: `!${name}`, collection: "seq", resolve: () => ({ [name]: [] }) } as never,
]);
const read = (file: string) => parse(readFileSync(join(example, file), "utf8"), { customTags: tags }) as Template;
const functionsOf = ({ Resources, Globals }: Template) =>
  Object.entries(Resources)
    .filter(([, { Type }]) => Type === "AWS::Serverless::Function")
    .map(([name, { Properties }]) => [name, { ...Globals?.Function, ...Properties } as Record<string, never>] as const);

/** What the service publishes for durable functions (developer guide, "Monitoring durable functions"). */
const METRICS = ["Failed", "TimedOut", "Operations", "StorageWrittenBytes"].map((end) => `DurableExecution${end}`);

describe.each(["template.yaml", "verify/template.yaml"])("%s", (file) => {
  const template = read(file);
  const functions = functionsOf(template);

  test("has durable functions within the service's limits, behind an alias, with logs in JSON", () => {
    expect(functions.length).toBeGreaterThan(0);
    for (const [, properties] of functions) {
      const { DurableConfig, Runtime, Timeout, LoggingConfig, AutoPublishAlias } = properties as never as {
        DurableConfig: { ExecutionTimeout: number; RetentionPeriodInDays: number };
        Runtime: string;
        Timeout: number;
        LoggingConfig: { LogFormat: string };
        AutoPublishAlias: string;
      };
      expect(DurableConfig.ExecutionTimeout).toBeGreaterThanOrEqual(1);
      expect(DurableConfig.ExecutionTimeout).toBeLessThanOrEqual(31_622_400);
      expect(DurableConfig.RetentionPeriodInDays).toBeGreaterThanOrEqual(1);
      expect(DurableConfig.RetentionPeriodInDays).toBeLessThanOrEqual(90);
      expect(["nodejs22.x", "nodejs24.x"]).toContain(Runtime);
      expect(Timeout).toBeLessThanOrEqual(900);
      expect(LoggingConfig.LogFormat).toBe("JSON");
      expect(AutoPublishAlias).toBe("live");
    }
  });

  test("has a handler that its build makes", () => {
    for (const [, { CodeUri, Handler }] of functions) {
      const [module, name] = String(Handler).split(".");
      const built = join(folder, String(CodeUri).replace("../", ""), `${module}.cjs`);
      expect(existsSync(built)).toBe(true);
      expect(readFileSync(built, "utf8")).toContain(name);
    }
  });

  test("gives each role actions by name, on resources of its own", () => {
    const policies = Object.values(template.Resources)
      .filter(({ Type }) => Type === "AWS::IAM::Role")
      .flatMap(({ Properties }) => Properties?.Policies ?? []);
    const statements = policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement);
    expect(statements.length).toBeGreaterThan(0);
    for (const { Action, Resource } of statements) {
      for (const action of [Action].flat()) expect(action).toMatch(/^[a-z]+:[A-Za-z]+$/);
      expect(Resource).toEqual({
        [Object.keys(Resource ?? {})[0] ?? ""]: expect.stringMatching(/\$\{AWS::StackName\}|\.Arn$/),
      });
    }
  });
});

test.skipIf(!hasCfnLint)("the templates pass cfn-lint, where Python has it", () => {
  const templates = ["template.yaml", "verify/template.yaml"].map((file) => join(example, file));
  const { stdout, status } = spawnSync("cfn-lint", templates, { encoding: "utf8" });
  expect({ stdout, status }).toEqual({ stdout: "", status: 0 });
});

test("the log has the memory that each invocation took, which Lambda writes at the level INFO", () => {
  const [[, properties] = []] = functionsOf(read("template.yaml"));
  expect(properties?.LoggingConfig).toMatchObject({ LogFormat: "JSON", SystemLogLevel: "INFO" });
});

test("what fails for good is seen: alarms on the service's metrics, and a dead-letter queue", () => {
  const template = read("template.yaml");
  const watched = Object.values(template.Resources).map(({ Properties }) => Properties?.MetricName);
  expect(watched).toEqual(expect.arrayContaining(METRICS));
  const [[, properties] = []] = functionsOf(template);
  expect(properties).toMatchObject({ DeadLetterQueue: { Type: "SQS" } });
});

describe("in a process of its own", () => {
  let lambda: LambdaService;

  beforeAll(async () => {
    lambda = await new LambdaService(client).start();
    lambda.deploy({ name: "score", folder: join(folder, "dist"), handler: "handler.handler", memoryMb: 3_538 });
    const probe = { folder: join(folder, "dist-verify"), handler: "probe.handler", memoryMb: 512 };
    lambda.deploy({ name: "verify-probe", ...probe });
    lambda.deploy({ name: "verify-no-state", ...probe, denied: ["lambda:GetDurableExecutionState"] });
    lambda.deploy({ name: "verify-no-checkpoint", ...probe, denied: ["lambda:CheckpointDurableExecution"] });
  });

  afterAll(() => lambda.close());

  test("the bundle of the example scores its orders, and logs what it used", async () => {
    const { status, result } = await lambda.run("score", { orders: 5_000 });
    expect({ status, result: JSON.parse(result ?? "null") }).toMatchObject({
      status: "SUCCEEDED",
      result: { scored: 5_000, failed: 0 },
    });
    expect(lambda.output).toContain("operations");
  });

  async function verify(...options: string[]): Promise<{ id: string; verdict: string; answer: string }[]> {
    const args = ["--stack", "verify", "--endpoint", lambda.api.endpoint, "--poll-ms", "50", "--json", ...options];
    const { stdout } = await promisify(execFile)(process.execPath, ["verify/verify.ts", ...args], {
      cwd: folder,
      env: { ...process.env, AWS_REGION: "us-east-1", AWS_ACCESS_KEY_ID: "me", AWS_SECRET_ACCESS_KEY: "secret" },
    });
    const lines = stdout.trim().split("\n");
    return lines.map((line) => JSON.parse(line));
  }

  test("its executions are found by the alias, where an Invoke does not tell which it began", async () => {
    lambda.tellsArn = false;
    try {
      expect(await verify("--only", "event")).toMatchObject([{ id: "event", verdict: "as assumed" }]);
    } finally {
      lambda.tellsArn = true;
    }
  });

  test("the questions about the service are answered by one command", async () => {
    const results = await verify();
    expect(results.map(({ id }) => id)).toEqual(facts.map(({ id }) => id));
    expect(results.filter(({ verdict }) => verdict === "no answer")).toEqual([]);
    // What this project's own engine takes for granted.
    const differing = results.filter(({ verdict }) => verdict === "differs").map(({ id }) => id);
    expect(differing.filter((id) => id !== "names")).toEqual([]);
  });
});
