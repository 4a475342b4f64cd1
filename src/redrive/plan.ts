import { DurableError, isDurableError } from "../core/errors.ts";
import { counted } from "../core/quantity.ts";
import { hasEnded, isFanOut, type Operation } from "../core/wire.ts";
import type { ReachedOperation } from "../replay/divergence.ts";
import type { Rehearsal } from "../replay/rehearsal.ts";
import type { Amendment } from "../service/redrive.ts";
import { type Cause, Draft, hasFailed } from "./draft.ts";
import { failedItems } from "./failed-items.ts";
import { type RehearseAltered, tellApart } from "./marks.ts";
import { OperationTree } from "./operation-tree.ts";

/** What a plan asks of an engine; `LocalEngine` has it. */
export interface RehearsingEngine {
  operations(arn: string): Operation[];
  rehearse(
    arn: string,
    request: {
      amend: () => Amendment;
      alter?: ((operations: readonly Operation[]) => readonly Operation[]) | undefined;
      input?: string | undefined;
      handlerFile?: string | undefined;
    },
  ): Promise<Rehearsal>;
}

export interface RedriveOptions {
  /**
   * Name or id of the operation to go back to: it begins anew, with all that stands behind it in the code; other items
   * of a map stay. Default: where the execution failed.
   */
  readonly from?: string | undefined;
  /**
   * Only the failed items of all maps and parallels, and what stands behind these maps, whether the handler failed or
   * not. Not together with `from`.
   */
  readonly failed?: boolean | undefined;
  /** Another input for the handler, JSON text. Default: that of the execution. */
  readonly input?: string | undefined;
  /** The file that exports the handler: messages tell its lines. */
  readonly handlerFile?: string | undefined;
}

/** What an execution that takes over from an ended one is to do, for `amend` of `LocalEngine.redrive`. */
export interface RedrivePlan extends Amendment {
  /** Operations that had failed, or items of maps, and run again. */
  readonly again: readonly Operation[];
  /** How many items of these maps had failed. */
  readonly failedItems: number;
  /** Operations that had ended and begin anew since `from` goes back so far; without those inside them. */
  readonly forgotten: readonly Operation[];
  /** Operations that have ended and are taken over, those of finished contexts included. */
  readonly kept: number;
  /** Where the code goes on: operations that are not recorded, or have not ended. Empty when it only has to end. */
  readonly next: readonly ReachedOperation[];
}

/** A refused redrive, with the `from` that the message proposes first. */
export class RedriveError extends DurableError {
  static override readonly name = DurableError.name;
  readonly from: string;

  constructor(code: string, message: string, from: string) {
    super(code, message);
    this.from = from;
  }
}

/** Each pass finds one more operation that failed. */
const MAX_PASSES = 200;

/**
 * Finds from where an execution that failed, timed out or was stopped goes on. Today's handler is rehearsed against
 * what is recorded: what it fails by runs again, and all that has ended besides is kept. Nothing runs, and nothing is
 * written.
 *
 * ```ts
 * const plan = await planRedrive(engine, execution.arn);
 * const outcome = await engine.redrive(execution.arn, { amend: () => plan }).result;
 * ```
 *
 * @throws DurableError `ERR_REDRIVE_DIVERGED` when the handler asks for other operations than are recorded, and
 * `ERR_REDRIVE_LEAVES_ENDED` when it would not ask for some that have succeeded: both messages list what `from` would let
 * begin anew. `ERR_REDRIVE_AMBIGUOUS` when several operations have failed with the message that the handler throws, and
 * rehearsals do not tell which one it throws. `ERR_REDRIVE_FAILS_AGAIN` when the handler throws before it comes to anything that could run.
 * `ERR_OPERATION_UNKNOWN`, `ERR_OPERATION_AMBIGUOUS` of `from`, `ERR_NOTHING_FAILED` of `failed`. What `rehearse`
 * throws.
 */
export async function planRedrive(
  engine: RehearsingEngine,
  arn: string,
  { from, failed = false, input, handlerFile }: RedriveOptions = {},
): Promise<RedrivePlan> {
  const operations = engine.operations(arn);
  const tree = new OperationTree(operations);
  const draft = new Draft(operations, tree);
  if (failed) draft.add(failedItems(operations));
  else if (from !== undefined) draft.goBack(tree.find(from));
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    const request = { amend: () => draft.amendment, input, handlerFile };
    const rehearsal = await (failed ? rehearseIfPossible(engine, arn, request) : engine.rehearse(arn, request));
    if (rehearsal === undefined) return planOf(operations, tree, draft, []);
    const { divergence, status } = rehearsal;
    if (divergence !== undefined && divergence.kind !== "unasked") throw diverged(rehearsal, tree, draft);
    if (failed || status !== "FAILED")
      return finished(rehearsal, operations, tree, draft, failed || from !== undefined);
    const rehearse: RehearseAltered = (alter) => engine.rehearse(arn, { ...request, alter });
    for (const { apply } of await causesOf(rehearsal, tree, draft, rehearse)) apply();
  }
  throw new DurableError(
    "ERR_REDRIVE_FAILS_AGAIN",
    `More than ${MAX_PASSES} operations have failed one after the other.`,
  );
}

/** What made the handler fail, and runs again. */
async function causesOf(
  rehearsal: Rehearsal,
  tree: OperationTree,
  draft: Draft,
  rehearse: RehearseAltered,
): Promise<readonly Cause[]> {
  const causes = draft.causesOf(rehearsal);
  if (causes.length === 0) throw failsAgain(rehearsal);
  if (causes.length === 1) return causes;
  const marked = causes.map(({ operation, messages }) => ({ operations: [...tree.within(operation)], messages }));
  const found = await tellApart(marked, rehearsal, rehearse);
  if (found.length === 0) throw ambiguous(rehearsal, causes, tree);
  return found.map((index) => causes[index] as Cause);
}

function finished(
  rehearsal: Rehearsal,
  operations: readonly Operation[],
  tree: OperationTree,
  draft: Draft,
  isAsked: boolean,
): RedrivePlan {
  const left = rehearsal.unasked
    .map(({ Id: id }) => tree.get(id))
    .filter((operation) => operation !== undefined && !draft.removed.has(operation.Id as string)) as Operation[];
  // What has failed with all that is inside would run again in any case.
  const endedLeft = left.filter(
    (operation) =>
      hasEnded(operation) && [...tree.within(operation)].some((inner) => hasEnded(inner) && !hasFailed(inner)),
  );
  if (!isAsked && endedLeft.length > 0) throw leavesEnded(rehearsal, endedLeft, tree, draft);
  for (const operation of left) draft.remove(operation);
  return planOf(operations, tree, draft, rehearsal.reached);
}

function planOf(
  operations: readonly Operation[],
  tree: OperationTree,
  draft: Draft,
  next: readonly ReachedOperation[],
): RedrivePlan {
  const again = new Set(draft.again.flatMap((operation) => [...tree.within(operation)]));
  const kept = operations.filter(
    (operation) => operation.Type !== "EXECUTION" && hasEnded(operation) && !isAnew(operation, draft),
  );
  return {
    ...draft.amendment,
    again: draft.again,
    failedItems: draft.failedItems,
    forgotten: operations.filter(
      (operation) => isOutermostRemoved(operation, tree, draft) && hasEnded(operation) && !again.has(operation),
    ),
    kept: kept.length,
    next,
  };
}

/** What failed items are is told by the records alone, so that handlers of the official SDK need no rehearsal. */
async function rehearseIfPossible(
  engine: RehearsingEngine,
  arn: string,
  request: Parameters<RehearsingEngine["rehearse"]>[1],
): Promise<Rehearsal | undefined> {
  try {
    return await engine.rehearse(arn, request);
  } catch (error) {
    if (isDurableError(error) && error.code === "ERR_HANDLER_NOT_DURABLE") return undefined;
    throw error;
  }
}

function isAnew({ Id: id = "" }: Operation, { removed, reopened }: Draft): boolean {
  return removed.has(id) || reopened.has(id);
}

function isOutermostRemoved(operation: Operation, tree: OperationTree, { removed }: Draft): boolean {
  return removed.has(operation.Id as string) && !removed.has(tree.parentOf(operation)?.Id ?? "");
}

function diverged({ divergence }: Rehearsal, tree: OperationTree, draft: Draft): DurableError {
  const { asked, recorded, message } = divergence as NonNullable<Rehearsal["divergence"]>;
  const at = asked === undefined ? undefined : tree.at(asked.path);
  const what =
    asked === undefined || recorded === undefined
      ? message
      : `The code asks for ${label(asked)}${where(asked)} where ${label(fromWire(recorded))} is recorded.`;
  if (at === undefined) {
    return new DurableError(
      "ERR_REDRIVE_DIVERGED",
      `${what} Nothing was run. Undo the change in the code, or go back to an operation before the change.`,
    );
  }
  const from = tree.keyOf(at);
  const lost = new Draft([], tree);
  lost.goBack(at);
  const ended = [...tree.all].filter(
    (operation) =>
      isOutermostRemoved(operation, tree, lost) && hasEnded(operation) && !draft.removed.has(operation.Id as string),
  );
  return new RedriveError(
    "ERR_REDRIVE_DIVERGED",
    `${what} Nothing was run. Undo the change in the code, or go back to this place ("from": ${JSON.stringify(from)}): ` +
      `then ${listed(ended)} would begin anew.`,
    from,
  );
}

function leavesEnded(
  { status, reached }: Rehearsal,
  left: readonly Operation[],
  tree: OperationTree,
  draft: Draft,
): DurableError {
  const [failed] = draft.again;
  const how =
    failed !== undefined
      ? `${label(fromWire(failed))} failed and would run again. These operations have ended and may depend on the failure: ` +
        `${listed(left)}.`
      : `The handler ${status === "SUCCEEDED" ? "returns" : `reaches ${reached.map(label).slice(0, 3).join(", ")}`} ` +
        `without asking for ${listed(left)}.`;
  const from = tree.keyOf(failed ?? (left[0] as Operation));
  const items =
    failed !== undefined && isFanOut(failed.SubType)
      ? ' This also runs the items that succeeded again. To keep these, run only the failed items again ("failed").'
      : "";
  return new RedriveError(
    "ERR_REDRIVE_LEAVES_ENDED",
    `${how} Nothing was run. To let these operations begin anew, go back to this operation ` +
      `("from": ${JSON.stringify(from)}).${items}`,
    from,
  );
}

function ambiguous({ error }: Rehearsal, causes: readonly Cause[], tree: OperationTree): DurableError {
  const operations = causes.map(({ operation }) => operation);
  const keys = operations.slice(0, MAX_LISTED).map((operation) => tree.keyOf(operation));
  return new RedriveError(
    "ERR_REDRIVE_AMBIGUOUS",
    `The handler fails with ${JSON.stringify(error?.ErrorMessage ?? "")}. Several operations failed with this message: ` +
      `${listed(operations)}. The plan cannot tell which of them made the handler fail. Nothing was run. ` +
      `Choose the one to go back to ("from": ${keys.map((key) => JSON.stringify(key)).join(" or ")}).`,
    keys[0] as string,
  );
}

function failsAgain({ error }: Rehearsal): DurableError {
  return new DurableError(
    "ERR_REDRIVE_FAILS_AGAIN",
    `The handler fails again before it reaches an operation that could run: ${error?.ErrorType ?? "Error"}: ` +
      `${error?.ErrorMessage ?? ""}. Nothing was run. Fix the cause first, or go back to an earlier operation ("from").`,
  );
}

const MAX_LISTED = 8;

function listed(operations: readonly Operation[]): string {
  if (operations.length === 0) return "nothing that had ended";
  const names = operations.slice(0, MAX_LISTED).map((operation) => label(fromWire(operation)));
  const rest = operations.length - names.length;
  return rest > 0 ? `${names.join(", ")} and ${counted(rest, "more operation")}` : names.join(", ");
}

type Labelled = Pick<ReachedOperation, "subType" | "name" | "id">;

function fromWire({
  Type: type,
  SubType: subType,
  Name: name,
  Id: id,
}: Pick<Operation, "Type" | "SubType" | "Name" | "Id">): Labelled {
  return { subType: subType ?? type ?? "operation", name, id: id ?? "" };
}

function label({ subType, name, id }: Labelled): string {
  return `${subType} ${name === undefined ? id : JSON.stringify(name)}`;
}

function where({ site }: ReachedOperation): string {
  return site === undefined ? "" : ` (${site.file}:${site.line})`;
}
