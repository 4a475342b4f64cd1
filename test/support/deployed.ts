import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { LocalHandler } from "../../src/testing.ts";
import type { HttpService } from "./http-service.ts";

const INVOKE = `
const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const module = await import("./" + process.argv[2]);
const handler = module.handler ?? module.default.handler;
const answer = await handler(JSON.parse(Buffer.concat(chunks)), {
  awsRequestId: "r",
  getRemainingTimeInMillis: () => 60_000,
});
console.log(JSON.stringify(answer));
process.exit(0);
`;

/** Runs a handler's file in its folder, each invocation in a process of its own, which reaches the service over HTTP. */
export async function runDeployed(folder: string, file: string, service: HttpService) {
  await writeFile(join(folder, "invoke.mjs"), INVOKE);
  const env = {
    ...lambdaVariables(),
    AWS_ENDPOINT_URL_LAMBDA: service.endpoint,
    DURABLE_FANOUT_SUSPENSION_GRACE_MS: "1",
  };
  const invoke = async (event: unknown): Promise<unknown> => {
    const running = promisify(execFile)(process.execPath, ["invoke.mjs", file], { cwd: folder, env });
    running.child.stdin?.end(JSON.stringify(event));
    const { stdout } = await running;
    return JSON.parse(stdout);
  };
  return service.run(invoke as LocalHandler);
}

/** What a process finds in its environment in Lambda, and nothing of the one that tests run in. */
export function lambdaVariables(): Record<string, string> {
  return {
    ...{ AWS_LAMBDA_FUNCTION_NAME: "f", AWS_LAMBDA_RUNTIME_API: "127.0.0.1:1", AWS_REGION: "us-east-1" },
    ...{ AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test", PATH: process.env["PATH"] ?? "" },
  };
}
