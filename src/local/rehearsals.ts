import { randomUUID } from "node:crypto";
import type { Operation } from "../core/wire.ts";
import type { Journal, JournalExecution } from "../journal/journal.ts";
import { type Rehearsal, rehearse } from "../replay/rehearsal.ts";
import { functionArn } from "../service/execution-arn.ts";
import { amendedOperations, type RedriveRequest } from "../service/redrive.ts";
import { lambdaContext } from "./lambda-context.ts";
import type { LocalHandler } from "./local-execution.ts";

export interface RehearsalRequest {
  /** As in a redrive: what is to be otherwise. Default: nothing, the execution as it is recorded. */
  readonly amend?: RedriveRequest["amend"];
  /** Changes the operations for this rehearsal alone. */
  readonly alter?: ((operations: readonly Operation[]) => readonly Operation[]) | undefined;
  /** JSON text. Default: the execution's own input. */
  readonly input?: string | undefined;
  /** The file that exports the handler: calls are told by their lines in it. */
  readonly handlerFile?: string | undefined;
}

/** Rehearses an execution as the journal has it, or as a redrive would begin. */
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
