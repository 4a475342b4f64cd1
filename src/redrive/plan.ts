import { DurableError, isDurableError } from "../core/errors.ts";
import { counted } from "../core/quantity.ts";
import { hasEnded, isFanOut, type Operation } from "../core/wire.ts";
import type { ReachedOperation } from "../replay/divergence.ts";
import type { Rehearsal } from "../replay/rehearsal.ts";
import type { Amendment } from "../service/redrive.ts";
import { type Cause, Draft } from "./draft.ts";
import { failedItemsIn } from "./failed-items.ts";
import { type RehearseAltered, tellApart } from "./marks.ts";
import { hasFailed, OperationTree } from "./operation-tree.ts";

/** The methods of an engine that a plan needs. `LocalEngine` has these methods. */
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
   * The name or id of an operation. This operation and all operations after it in the code begin anew. If the operation
   * is in an item of a map, the other items stay unchanged. Default: the plan finds what made the handler fail.
   */
  readonly from?: string | undefined;
  /**
   * True: the failed items of maps and parallels run again, and the operations after these maps. The handler itself may
   * have succeeded. Not together with `from`. Default false.
   */
  readonly failed?: boolean | undefined;
  /**
   * Another input for the handler, as JSON text. The plan does not contain the input: `redrive` needs the same `input`.
   * Default: the input of the execution.
   */
  readonly input?: string | undefined;
  /** The absolute path of the handler's file. Messages name lines of this file. */
  readonly handlerFile?: string | undefined;
}

/** The changes of a redrive, and what the new execution runs. `amend` of `LocalEngine.redrive` can return a plan. */
export interface RedrivePlan extends Amendment {
  /** The failed operations that run again, and maps and parallels whose failed items run again. Empty with `failed`. */
  readonly again: readonly Operation[];
  /** The number of failed items that run again. */
  readonly failedItems: number;
  /**
   * Ended operations that begin anew although they are not in `again`. Operations inside a listed operation, or inside
   * an operation of `again`, are not listed.
   */
  readonly forgotten: readonly Operation[];
  /** The number of ended operations that are taken over. Operations inside ended contexts count too. */
  readonly kept: number;
  /** The operations with which the code continues. Empty if the handler only has to end, or cannot be rehearsed. */
  readonly next: readonly ReachedOperation[];
}

/** No plan can be made, but `from` may help. The member `from` is the first value that the message proposes. */
export class RedriveError extends DurableError {
  static override readonly name = DurableError.name;
  readonly from: string;

  constructor(code: string, message: string, from: string) {
    super(code, message);
    this.from = from;
  }
}

/** The greatest number of rounds. Each round finds at least one more operation that failed. */
const MAX_PASSES = 200;

/**
 * Plans the redrive of an ended execution. The present code of the handler is rehearsed with the recorded operations,
 * so that code between operations runs. The operations that `from` or `failed` asks for run again. Without `failed`,
 * the operations that make the handler fail also run again. The plan itself runs no operation and writes nothing.
 *
 * ```ts
 * const plan = await planRedrive(engine, execution.arn);
 * const outcome = await engine.redrive(execution.arn, { amend: () => plan }).result;
 * ```
 *
 * @throws DurableError, and the errors of `engine.operations` and `engine.rehearse`:
 * - `ERR_REDRIVE_DIVERGED`: the handler asks for other operations than those that are recorded. If the place is known,
 *   the message lists the operations that would begin anew with `from`.
 * - `ERR_REDRIVE_LEAVES_ENDED`: the handler would not ask for some operations that have ended. The message lists them.
 *   Not with `from` or `failed`.
 * - `ERR_REDRIVE_AMBIGUOUS`: several operations failed with the message that the handler throws, and rehearsals do not
 *   show which of them made the handler fail.
 * - `ERR_REDRIVE_FAILS_AGAIN`: the handler throws before it reaches an operation that could run. Not with `failed`.
 * - `ERR_ARGUMENT_INVALID`: both `failed` and `from` are set.
 * - `ERR_OPERATION_UNKNOWN`, `ERR_OPERATION_AMBIGUOUS`: `from` names no operation, an operation of a batch, or several.
 * - `ERR_NOTHING_FAILED`: `failed` is set, and no map has a failed item.
 * - `ERR_PAYLOAD_UNREADABLE`: the record of a batch is damaged.
 */
export async function planRedrive(
  engine: RehearsingEngine,
  arn: string,
  { from, failed = false, input, handlerFile }: RedriveOptions = {},
): Promise<RedrivePlan> {
  if (failed && from !== undefined) {
    throw new DurableError("ERR_ARGUMENT_INVALID", "A plan takes `failed` or `from`, not both. Leave one of them out.");
  }
  const operations = engine.operations(arn);
  const tree = new OperationTree(operations);
  const draft = new Draft(tree);
  if (failed) draft.add(failedItemsIn(tree));
  else if (from !== undefined) draft.goBack(tree.find(from));
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    const request = { amend: () => draft.amendment, input, handlerFile };
    const rehearsal = await (failed ? rehearseIfPossible(engine, arn, request) : engine.rehearse(arn, request));
    if (rehearsal === undefined) return planOf(tree, draft, []);
    const { divergence, status } = rehearsal;
    if (divergence !== undefined && divergence.kind !== "unasked") throw diverged(rehearsal, tree, draft);
    if (failed || status !== "FAILED") return finished(rehearsal, tree, draft, failed || from !== undefined);
    const rehearse: RehearseAltered = (alter) => engine.rehearse(arn, { ...request, alter });
    for (const { apply } of await causesOf(rehearsal, tree, draft, rehearse)) apply();
  }
  throw new DurableError(
    "ERR_REDRIVE_FAILS_AGAIN",
    `More than ${MAX_PASSES} operations have failed one after the other.`,
  );
}

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

function finished(rehearsal: Rehearsal, tree: OperationTree, draft: Draft, isAsked: boolean): RedrivePlan {
  const left = rehearsal.unasked
    .map(({ Id: id }) => tree.get(id))
    .filter((operation) => operation !== undefined && !draft.removed.has(operation.Id as string)) as Operation[];
  // Work is lost only if the operation, or an operation inside it, has ended without a failure.
  const endedLeft = left.filter(
    (operation) =>
      hasEnded(operation) && [...tree.within(operation)].some((inner) => hasEnded(inner) && !hasFailed(inner)),
  );
  if (!isAsked && endedLeft.length > 0) throw leavesEnded(rehearsal, endedLeft, tree, draft);
  for (const operation of left) draft.remove(operation);
  return planOf(tree, draft, rehearsal.reached);
}

function planOf(tree: OperationTree, draft: Draft, next: readonly ReachedOperation[]): RedrivePlan {
  const again = new Set(draft.again.flatMap((operation) => [...tree.within(operation)]));
  const isAnew = ({ Id: id = "" }: Operation): boolean => draft.removed.has(id) || draft.reopened.has(id);
  const operations = [...tree.all];
  const kept = operations.filter((operation) => hasEnded(operation) && !isAnew(operation));
  return {
    ...draft.amendment,
    again: draft.again,
    failedItems: draft.failedItems,
    forgotten: outermostEnded(tree, draft).filter((operation) => !again.has(operation)),
    kept: kept.length,
    next,
  };
}

/** Undefined if the handler cannot be rehearsed. Only a plan with `failed` is possible without a rehearsal. */
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

/** The removed operations that have ended. Of these, those inside another one are left out. */
function outermostEnded(tree: OperationTree, { removed }: Draft): Operation[] {
  const isLost = (operation: Operation): boolean => removed.has(operation.Id as string) && hasEnded(operation);
  return [...tree.all].filter((operation) => isLost(operation) && !tree.around(operation).some(isLost));
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
  const lost = new Draft(tree);
  lost.goBack(at);
  const ended = outermostEnded(tree, lost).filter(({ Id: id }) => !draft.removed.has(id as string));
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
