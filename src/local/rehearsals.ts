import { randomUUID } from "node:crypto";
import type { Operation } from "../core/wire.ts";
import type { Journal, JournalExecution } from "../journal/journal.ts";
import { type Rehearsal, rehearse } from "../replay/rehearsal.ts";
import { functionArn } from "../service/execution-arn.ts";
import { amendedOperations, type RedriveRequest } from "../service/redrive.ts";
import { lambdaContext } from "./lambda-context.ts";
import type { LocalHandler } from "./local-execution.ts";

export interface RehearsalRequest {
  /** Returns the changes, as for a redrive. Default: the execution is rehearsed as it is recorded. */
  readonly amend?: RedriveRequest["amend"];
  /** Changes the operations after `amend`, for this rehearsal only. */
  readonly alter?: ((operations: readonly Operation[]) => readonly Operation[]) | undefined;
  /** JSON text. Default: the execution's own input. */
  readonly input?: string | undefined;
  /** The file that exports the handler. The rehearsal names calls by their lines in this file. */
  readonly handlerFile?: string | undefined;
}

/** Rehearses an execution with the records in the journal, or with the records that a redrive would take over. */
export function rehearseExecution(
  journal: Journal,
  found: JournalExecution,
  recorded: readonly Operation[],
  handler: LocalHandler,
  timeoutMs: number,
  { amend, alter, input, handlerFile }: RehearsalRequest,
): Promise<Rehearsal> {
  const { functionName, tenantId, input: recordedInput } = found.header;
  const operations = amend
    ? amendedOperations(journal, found, recorded, amend(recorded))
    : recorded.filter(({ Type: type }) => type !== "EXECUTION");
  const identity = { functionName, functionArn: functionArn(functionName), requestId: randomUUID(), tenantId };
  return rehearse(
    handler,
    { input: input ?? recordedInput, operations: alter?.(operations) ?? operations, functionName },
    { lambdaContext: lambdaContext(identity, () => timeoutMs), handlerFile },
  );
}
