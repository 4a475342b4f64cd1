import { UnrecoverableExecutionError } from "../core/errors.ts";
import { childPath, type OperationId, type OperationPath, operationId } from "../core/ids.ts";
import { MAX_NAME_LENGTH } from "../core/limits.ts";
import { takenName } from "../core/operation-name.ts";
import { isFinished } from "../core/transitions.ts";
import {
  hasEnded,
  type OperationAction,
  type OperationSubType,
  type OperationType,
  type OperationUpdate,
  type WireOperation,
} from "../core/wire.ts";
import type { ReplayMode } from "../execution/active.ts";
import type { Execution } from "../execution/execution.ts";
import type { Ledger, RecordKey } from "../execution/ledger/ledger.ts";
import type { Scope } from "../execution/scope.ts";

export interface OperationKind {
  readonly type: OperationType;
  readonly subType: OperationSubType | string;
  readonly name: string | undefined;
  /** The name that plugins see, if it differs from the recorded name. */
  readonly shownName?: string | undefined;
  /**
   * The recorded name of an addressed operation without a `name` in an item of a batch. The context around it has no
   * operation at the service, so no parent shows where the operation belongs.
   */
  readonly aloneName?: string | undefined;
  /** A virtual operation has a path but no record, so it may begin even in a sealed scope. */
  readonly virtual?: boolean;
  /** Whether the operation needs an id at the service, so that an external system can complete it. */
  readonly isAddressed?: boolean;
}

export interface OperationLocation {
  readonly path: OperationPath;
  readonly ledger: Ledger;
}

export class ClaimedOperation implements OperationKind {
  readonly type: OperationType;
  readonly subType: OperationSubType | string;
  readonly name: string | undefined;
  readonly shownName: string | undefined;
  readonly execution: Execution;
  readonly scope: Scope;
  readonly ledger: Ledger;
  readonly path: OperationPath;
  readonly key: RecordKey;
  readonly record: WireOperation | undefined;
  #id: OperationId | undefined;

  constructor(
    kind: OperationKind,
    name: string | undefined,
    execution: Execution,
    scope: Scope,
    { path, ledger }: OperationLocation,
    key: RecordKey,
    record: WireOperation | undefined,
  ) {
    this.type = kind.type;
    this.subType = kind.subType;
    this.name = name;
    this.shownName = kind.shownName;
    this.execution = execution;
    this.scope = scope;
    this.ledger = ledger;
    this.path = path;
    this.key = key;
    this.record = record;
  }

  /**
   * The current record of an operation in a batch; undefined if there is none. Always undefined if the record is at the
   * service, because that ledger forgets a record when the operation claims it.
   */
  get kept(): WireOperation | undefined {
    return this.ledger.peek(this.key);
  }

  get id(): OperationId {
    this.#id ??= this.ledger.addressOf(this.key) ?? operationId(this.path);
    return this.#id;
  }
}

/**
 * Returns undefined if the operation must not continue; the caller then returns `park()`. If the record belongs to
 * another operation, the execution fails. An operation in a sealed scope that is not virtual and has no recorded end
 * also fails the execution, but only if nothing else can continue.
 */
export function claim(
  execution: Execution,
  scope: Scope,
  given: OperationKind,
  location?: OperationLocation,
): ClaimedOperation | undefined {
  if (execution.isOver) return undefined;
  const path = location?.path ?? scope.nextPath();
  const around = location?.ledger ?? scope.ledger;
  const ledger = given.isAddressed ? around.outside : around;
  const isAlone = given.isAddressed === true && around.addressOf(around.key(path)) === undefined;
  const kind = isAlone ? { ...given, name: given.name ?? given.aloneName } : given;
  const key = ledger.key(path);
  // An operation of another kind may have a record at this path in the item's page, which shows that the code has
  // changed.
  const record = ledger.take(key) ?? (kind.isAddressed ? around.peek(around.key(path)) : undefined);
  // The recorded name may differ from the name in the code, because `takenName` changes a name that the service does
  // not accept.
  const name = record === undefined ? nameFor(execution, kind.name) : (record.Name ?? takenName(kind.name));
  const error = record === undefined || ledger.isFirstVersion ? undefined : findMismatch(kind, record, path);
  if (execution.state.onClaim?.(kind, path, scope, record, error)) {
    // The rehearsal stops this operation, which then counts as waiting, so that the rehearsal can end as PENDING.
    scope.countWaiting(1);
    execution.countExecuting(scope, 0);
    return undefined;
  }
  if (record === undefined) leaveReplay(scope, path);
  else if (error !== undefined) {
    execution.terminate({ end: "fail", error });
    return undefined;
  }
  if (scope.sealed && (record === undefined ? kind.virtual !== true : !hasEnded(record))) {
    execution.noteStuck(scope, unrecorded(path));
    return undefined;
  }
  // As in the official SDK, log lines also appear after an operation that timed out or was stopped.
  if (record !== undefined && !isFinished(record) && scope.mode === "replay") scope.mode = "execution";
  return new ClaimedOperation(kind, name, execution, scope, location ?? { path, ledger }, key, record);
}

function nameFor(execution: Execution, given: string | undefined): string | undefined {
  const name = takenName(given);
  if (name !== given) {
    execution.quotas.warnOnce(
      "names",
      `The service accepts no operation named ${JSON.stringify(given).slice(0, 300)}, which is recorded ` +
        `${name === undefined ? "without a name" : `as ${JSON.stringify(name)}`}. A name has 1 to ${MAX_NAME_LENGTH} ` +
        "characters from the space to ~.",
    );
  }
  return name;
}

/**
 * Makes a replaying context live, unless the first operation inside `next` is recorded. Then `next`, which has no
 * record, is a virtual context that has begun.
 */
function leaveReplay(scope: Scope, next: OperationPath): void {
  if (scope.mode === "replay" && !isRecorded(scope.ledger, childPath(next, 1))) scope.mode = "execution";
}

/** Makes the context live if the operation after an ended wait, callback or chained invoke is new. */
export function lookAhead(scope: Scope): void {
  if (scope.mode !== "replay") return;
  const next = scope.peekPath();
  if (!isRecorded(scope.ledger, next)) leaveReplay(scope, next);
}

/**
 * If the first operation inside the context is a virtual context, it has no record. So the first operation inside the
 * virtual context is looked up too.
 */
export function openMode(ledger: Ledger, path: OperationPath): ReplayMode {
  const first = childPath(path, 1);
  return isRecorded(ledger, first) || isRecorded(ledger, childPath(first, 1)) ? "replay" : "execution";
}

export function isRecorded(ledger: Ledger, path: OperationPath): boolean {
  return ledger.peek(ledger.key(path)) !== undefined;
}

function findMismatch(kind: OperationKind, record: WireOperation, path: OperationPath): Error | undefined {
  if (record.Type === undefined) return undefined;
  if (record.Type !== kind.type) return mismatch("type", path, record.Type, kind.type);
  // The wire may deliver an absent name as null.
  const name = record.Name ?? undefined;
  if (name !== kind.name && takenName(name) !== takenName(kind.name)) return mismatch("name", path, name, kind.name);
  const subType = record.SubType ?? undefined;
  return subType === kind.subType ? undefined : mismatch("subtype", path, subType, kind.subType);
}

function mismatch(what: string, path: OperationPath, recorded: string | undefined, current: string | undefined): Error {
  return nonDeterminism(
    `Operation ${what} mismatch for step "${path}". Expected ${what} "${recorded}", but got "${current}".`,
  );
}

function unrecorded(path: OperationPath): Error {
  return nonDeterminism(`Operation "${path}" did not finish when the context around it did, which waits for it.`);
}

function nonDeterminism(what: string): Error {
  return new UnrecoverableExecutionError(
    "NonDeterministicExecutionError",
    `Non-deterministic execution detected: ${what} This indicates non-deterministic control flow in your workflow code.`,
  );
}

export function recordStart(operation: ClaimedOperation, isNew: boolean): void {
  const { execution, ledger, key, type } = operation;
  if (ledger.keepsStart(key, type)) execution.recordStart(operation, update(operation, "START"), isNew);
}

export function update(
  operation: ClaimedOperation,
  action: OperationAction,
  rest?: Partial<OperationUpdate>,
): OperationUpdate {
  const built: OperationUpdate = { Type: operation.type, Action: action, Id: operation.key };
  if (operation.scope.parentId !== undefined) built.ParentId = operation.scope.parentId;
  built.SubType = operation.subType;
  if (rest !== undefined) Object.assign(built, rest);
  if (operation.name !== undefined) built.Name = operation.name;
  return built;
}
