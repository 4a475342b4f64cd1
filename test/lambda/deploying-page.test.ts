/** The way of docs/deploying.md, from an empty folder to an execution, with the packed package. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LambdaService } from "./lambda-service.ts";
import { BundlingProject } from "./project.ts";

const page = readFileSync(join(import.meta.dirname, "../../docs/deploying.md"), "utf8");
const project = new BundlingProject();
const folder = mkdtempSync(join(tmpdir(), "durable-fanout-page-"));
const deployed = `${folder}-deployed`;

/** Fenced blocks of one language, in their order. */
const blocks = (language: string) =>
  Array.from(page.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, "gm")), ([, text]) => text as string);
const block = (language: string, start: string) => blocks(language).find((text) => text.startsWith(start)) as string;

function shell(command: string): string {
  // Node of this project, and no settings of the npm that runs its tests.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("npm_")));
  const PATH = `${join(process.execPath, "..")}${delimiter}${env["PATH"]}`;
  return execFileSync("sh", ["-c", command], { cwd: folder, env: { ...env, PATH }, encoding: "utf8", stdio: "pipe" });
}

beforeAll(() => {
  const own = join(project.folder, "node_modules/durable-fanout");
  execFileSync("npm", ["pack", "--ignore-scripts", "--pack-destination", folder], { cwd: own, stdio: "pipe" });
  const tarball = join(folder, readdirSync(folder).find((file) => file.endsWith(".tgz")) as string);
  const [, ...lines] = block("sh", "mkdir").trim().split("\n");
  for (const line of lines) {
    const isInstall = line.startsWith("npm install");
    shell(isInstall ? `${line.replace("durable-fanout", tarball)} --prefer-offline --no-audit --no-fund` : line);
  }
  writeFileSync(join(folder, "handler.ts"), block("ts", "// handler.ts"));
  writeFileSync(join(folder, "template.yaml"), block("yaml", "# template.yaml"));
  writeFileSync(join(folder, "event.json"), block("json", '{ "count"'));
}, 120_000);

afterAll(() => {
  project.close();
  for (const made of [folder, deployed]) rmSync(made, { recursive: true, force: true });
});

const commands = block("sh", "npx durable-fanout run").trim().split("\n");
const SUM = Array.from({ length: 10_000 }, (_, n) => n * n).reduce((sum, square) => sum + square, 0);

test("the handler runs on this machine first", () => {
  expect(shell(commands[0] as string)).toContain(String(SUM));
});

test("the plan of the page runs", () => {
  const [command = ""] = /npx durable-fanout plan [^`]+/.exec(page) ?? [];
  expect(shell(`${command} --json`)).toContain('"type":"plan"');
});

test("commands say what the AWS CLI needs", () => {
  const commands = Array.from(page.matchAll(/aws lambda (?:[^`\n]|\\\n)+/g), ([command]) => command);
  expect(commands.length).toBeGreaterThan(8);
  for (const command of commands) {
    if (command.includes("list-durable-executions")) expect(command).toContain("--qualifier ");
    if (/--(payload|result) /.test(command)) expect(command).toContain("--cli-binary-format raw-in-base64-out");
    // It truncates the file to which the command's own output goes.
    expect(command).not.toContain("/dev/stdout");
  }
});

test("its bundle runs where Lambda would, with nothing beside it", async () => {
  const [, build, deploy] = commands as [string, string, string];
  expect(deploy).toMatch(/^sam deploy /);
  shell(build);
  // Where it lies package.json says that JavaScript is ES modules.
  expect(shell("node --print \"Object.keys(require('./dist/handler.cjs'))\"")).toContain("handler");
  await runDeployed();
});

test("its bundle as an ES module runs there too", async () => {
  shell(blocks("sh").find((text) => text.includes("--format=esm")) as string);
  await runDeployed();
});

/** Takes the bundle away from everything beside it, and runs it as Lambda does. */
async function runDeployed(): Promise<void> {
  rmSync(deployed, { recursive: true, force: true });
  renameSync(join(folder, "dist"), deployed);
  const program = process.env["LAMBDA_RUNTIME_CLIENT"] ?? join(import.meta.dirname, "bootstrap.mjs");
  const lambda = await new LambdaService({ node: process.execPath, program }).start();
  try {
    lambda.deploy({ name: "squares-function", folder: deployed, handler: "handler.handler", memoryMb: 512 });
    const event = JSON.parse(readFileSync(join(folder, "event.json"), "utf8"));
    expect(await lambda.run("squares-function", event)).toMatchObject({ status: "SUCCEEDED", result: String(SUM) });
    // It waited, and was frozen meanwhile.
    expect(lambda.invocations.map(({ end }) => end)).toEqual(["response", "response"]);
  } finally {
    await lambda.close();
  }
}
