// A runtime client as small as can be: asks the Runtime API for work, calls the handler, and answers. It loads handlers
// as Lambda's does (`<module>.<export>` under the task root; .js, .mjs or .cjs), and ends with the same exit codes.
import { existsSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const { AWS_LAMBDA_RUNTIME_API = "", LAMBDA_TASK_ROOT = "", _HANDLER = "" } = process.env;
const agent = new Agent({ keepAlive: true, maxSockets: 1 });

function call(method, path, body) {
  return new Promise((resolve, reject) => {
    const [hostname, port] = AWS_LAMBDA_RUNTIME_API.split(":");
    const sent = request({ agent, hostname, port, method, path: `/2018-06-01/runtime/${path}` }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => resolve({ headers: response.headers, body: Buffer.concat(chunks).toString() }));
      response.on("error", reject);
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

const describe = (error) =>
  JSON.stringify({
    errorType: error?.name ?? "Error",
    errorMessage: String(error?.message ?? error),
    trace: String(error?.stack ?? "").split("\n"),
  });

let running;
async function giveUp(error, code) {
  console.error(error);
  await call("POST", running === undefined ? "init/error" : `invocation/${running}/error`, describe(error));
  process.exit(code);
}
process.on("uncaughtException", (error) => void giveUp(error, 129));
process.on("unhandledRejection", (reason) => void giveUp(reason, 128));

async function loadHandler() {
  const [module, name] = _HANDLER.split(".");
  const file = [".js", ".mjs", ".cjs"].map((extension) => join(LAMBDA_TASK_ROOT, module + extension)).find(existsSync);
  if (file === undefined)
    throw Object.assign(new Error(`Cannot find ${module}`), { name: "Runtime.ImportModuleError" });
  const loaded = await import(pathToFileURL(file).href);
  const handler = loaded[name] ?? loaded.default?.[name];
  if (typeof handler === "function") return handler;
  throw Object.assign(new Error(`${_HANDLER} is undefined or not exported`), { name: "Runtime.HandlerNotFound" });
}

function contextOf(headers) {
  return {
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    tenantId: headers["lambda-runtime-aws-tenant-id"],
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Number(headers["lambda-runtime-deadline-ms"]) - Date.now(),
  };
}

const handler = await loadHandler();
for (;;) {
  const { headers, body } = await call("GET", "invocation/next");
  const id = headers["lambda-runtime-aws-request-id"];
  running = id;
  try {
    const answer = await handler(JSON.parse(body), contextOf(headers));
    await call("POST", `invocation/${id}/response`, JSON.stringify(answer) ?? "null");
  } catch (error) {
    await call("POST", `invocation/${id}/error`, describe(error));
  }
  running = undefined;
}
