/**
 * Asks the durable execution service what our documentation takes for granted, and prints what it says beside what we go
 * by: `npm run verify` deploys the functions that ask, and runs this. In about five minutes and for some US cents.
 *
 *     node verify/verify.ts [--stack durable-fanout-verify] [--only names] [--json] [--endpoint http://…] [--poll-ms 1000]
 *
 * Exit code 0: every question has an answer, whatever it is. 1: some have none.
 */
import { randomUUID } from "node:crypto";
import { parseArgs } from "node:util";
import {
  GetDurableExecutionCommand,
  GetDurableExecutionHistoryCommand,
  InvokeCommand,
  LambdaClient,
  ListDurableExecutionsByFunctionCommand,
} from "@aws-sdk/client-lambda";
import { facts, type Laboratory, TrialEnded } from "./facts.ts";

const { values } = parseArgs({
  options: {
    stack: { type: "string", default: "durable-fanout-verify" },
    only: { type: "string", multiple: true, default: [] },
    json: { type: "boolean", default: false },
    endpoint: { type: "string" },
    "poll-ms": { type: "string", default: "1000" },
  },
});

/** A trial that takes longer has no answer. */
const PATIENCE_MS = 300_000;

const { endpoint } = values;
const client = new LambdaClient({ maxAttempts: 8, ...(endpoint === undefined ? {} : { endpoint }) });
const ALIAS = "live";
const named = (functionName: string) => `${values.stack}-${functionName}`;
const qualified = (functionName: string) => `${named(functionName)}:${ALIAS}`;

const laboratory: Laboratory = {
  target: qualified("probe"),
  countListed: async (Qualifier) => {
    const command = new ListDurableExecutionsByFunctionCommand({ FunctionName: named("probe"), Qualifier });
    return (await client.send(command)).DurableExecutions?.length ?? 0;
  },
  run: async (trial, functionName = "probe") => {
    const DurableExecutionName = `verify-${randomUUID()}`;
    const FunctionName = qualified(functionName);
    const started = await client.send(
      new InvokeCommand({
        FunctionName,
        InvocationType: "Event",
        Payload: JSON.stringify(trial),
        DurableExecutionName,
      }),
    );
    const DurableExecutionArn = started.DurableExecutionArn ?? (await findArn(functionName, DurableExecutionName));
    const deadline = Date.now() + PATIENCE_MS;
    while (Date.now() < deadline) {
      const execution = await client.send(new GetDurableExecutionCommand({ DurableExecutionArn }));
      if (execution.Status === "SUCCEEDED") return JSON.parse(execution.Result ?? "null");
      const { ErrorType, ErrorMessage } = execution.Error ?? {};
      if (execution.Status !== "RUNNING") {
        const message = `${execution.Status}: ${ErrorType}: ${ErrorMessage}`;
        throw new TrialEnded(message, await countOperations(DurableExecutionArn));
      }
      await new Promise((resolve) => setTimeout(resolve, Number(values["poll-ms"])));
    }
    throw new Error(`It had not ended after ${PATIENCE_MS / 1_000} s: ${DurableExecutionArn}`);
  },
};

/** By the history, the execution itself left out. */
async function countOperations(DurableExecutionArn: string | undefined): Promise<number> {
  const ids = new Set<string>();
  let Marker: string | undefined;
  do {
    const command = new GetDurableExecutionHistoryCommand({ DurableExecutionArn, MaxItems: 1_000, Marker });
    const { Events = [], NextMarker } = await client.send(command);
    for (const { Id, EventType } of Events) if (Id !== undefined && !EventType?.startsWith("Execution")) ids.add(Id);
    Marker = NextMarker;
  } while (Marker);
  return ids.size;
}

/** For a service that answers an asynchronous Invoke without the ARN. */
async function findArn(functionName: string, DurableExecutionName: string): Promise<string | undefined> {
  const FunctionName = named(functionName);
  for (let attempt = 0; attempt < 10; attempt++) {
    // Without a qualifier the list is of $LATEST.
    const request = { FunctionName, Qualifier: ALIAS, DurableExecutionName };
    const { DurableExecutions: [found] = [] } = await client.send(new ListDurableExecutionsByFunctionCommand(request));
    if (found !== undefined) return found.DurableExecutionArn;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
  throw new Error(`No execution ${DurableExecutionName} of ${FunctionName} is listed.`);
}

const results = [];
for (const fact of facts.filter(({ id }) => values.only.length === 0 || values.only.includes(id))) {
  const { id, question, assumed } = fact;
  let outcome: { answer: string; verdict: "as assumed" | "differs" | "no answer" };
  try {
    const { answer, isAsAssumed } = await fact.ask(laboratory);
    outcome = { answer, verdict: isAsAssumed ? "as assumed" : "differs" };
  } catch (error) {
    outcome = { answer: String(error), verdict: "no answer" };
  }
  const result = { id, question, assumed, ...outcome };
  results.push(result);
  if (values.json) console.log(JSON.stringify(result));
  else
    console.log(
      `${question}\n  we go by: ${assumed}\n  it is so: ${outcome.answer}\n  ${outcome.verdict.toUpperCase()}\n`,
    );
}
const unanswered = results.filter(({ verdict }) => verdict === "no answer");
if (!values.json) {
  const differing = results.filter(({ verdict }) => verdict === "differs");
  console.log(`${results.length} questions: ${differing.length} differ, ${unanswered.length} without an answer.`);
}
process.exit(unanswered.length > 0 || results.length === 0 ? 1 : 0);
