import { randomUUID } from "node:crypto";
import type { Operation } from "../core/wire.ts";
import type { Journal, JournalExecution } from "../journal/journal.ts";
import { type Rehearsal, rehearse } from "../replay/rehearsal.ts";
import { functionArn } from "../service/execution-arn.ts";
import { amendedOperations, type RedriveRequest } from "../service/redrive.ts";
import { lambdaContext } from "./lambda-context.ts";
import type { LocalHandler } from "./local-execution.ts";

export interface RehearsalRequest {
  /** Returns the changes, as for a redrive: open callbacks and invokes are left out too. Default: no changes. */
  readonly amend?: RedriveRequest["amend"];
  /** Changes the operations once more after `amend`, for this rehearsal only. */
  readonly alter?: ((operations: readonly Operation[]) => readonly Operation[]) | undefined;
  /** JSON text. Default: the input of the execution. */
  readonly input?: string | undefined;
  /** The absolute path of the handler's file. A `site` is then a line of this file, if the stack has one. */
  readonly handlerFile?: string | undefined;
}

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
