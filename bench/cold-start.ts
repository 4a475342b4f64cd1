/**
 * What a process takes that has loaded nothing: `node bench/cold-start.ts <file of the package> <items> [module …]`
 * imports the package and these modules and, if there are items, runs a map over them once. Prints wall and processor
 * time in milliseconds, and memory in megabytes. It imports nothing itself, for that would be loaded already.
 */
type Sdk = typeof import("../src/index.ts");

const [file = "", items = "0", ...modules] = process.argv.slice(2);
const memoryBefore = process.memoryUsage.rss();
const cpuBefore = process.cpuUsage();
const startedAt = performance.now();
const sdk = (await import(file)) as Sdk;
for (const module of modules) await import(module);
if (Number(items) > 0) await invokeOnce(sdk, Number(items));
const wallMs = performance.now() - startedAt;
const { user, system } = process.cpuUsage(cpuBefore);
const megabytes = (process.memoryUsage.rss() - memoryBefore) / 1024 ** 2;
console.log(JSON.stringify({ wallMs, cpuMs: (user + system) / 1_000, megabytes }));

async function invokeOnce({ withDurableExecution, DurableExecutionInvocationInputWithClient }: Sdk, count: number) {
  let requests = 0;
  const client = {
    checkpoint: async () => ({ CheckpointToken: `token-${++requests}`, NewExecutionState: { Operations: [] } }),
    getExecutionState: async () => ({ Operations: [] }),
  };
  const handler = withDurableExecution(async (_event, context) => {
    const all = Array.from({ length: count }, (_, index) => index);
    const batch = await context.map("map", all, async (item, index) => item.step("step", async () => index));
    return batch.successCount;
  });
  const execution = {
    Id: "execution",
    Type: "EXECUTION",
    Status: "STARTED",
    StartTimestamp: new Date(),
    ExecutionDetails: { InputPayload: "{}" },
  } as const;
  const input = {
    DurableExecutionArn: "arn:aws:lambda:us-east-1:123456789012:function:bench:1/durable-execution/bench/1",
    CheckpointToken: "token-0",
    InitialExecutionState: { Operations: [execution], NextMarker: "" },
  };
  const context = { awsRequestId: "bench", getRemainingTimeInMillis: () => 900_000 };
  const event = new DurableExecutionInvocationInputWithClient(input, client);
  const output = await handler(event, context as never);
  if (output.Status !== "SUCCEEDED" || output.Result !== `${count}`) throw new Error(JSON.stringify(output));
}
