import { UnrecoverableExecutionError } from "../core/errors.ts";
import { childPath, type OperationId, type OperationPath, operationId } from "../core/ids.ts";
import { MAX_NAME_LENGTH } from "../core/limits.ts";
import { takenName } from "../core/operation-name.ts";
import { isFinished } from "../core/transitions.ts";
import type { OperationAction, OperationSubType, OperationType, OperationUpdate, WireOperation } from "../core/wire.ts";
import type { ReplayMode } from "../execution/active.ts";
import type { Execution } from "../execution/execution.ts";
import type { Ledger, RecordKey } from "../execution/ledger/ledger.ts";
import type { Scope } from "../execution/scope.ts";

/** The kind of an operation that has no id yet. */
export interface OperationKind {
  readonly type: OperationType;
  readonly subType: OperationSubType | string;
  readonly name: string | undefined;
  /** The name that plugins see, where it has more than the name on the wire. */
  readonly shownName?: string | undefined;
  /**
   * The name of an operation without a name of its own, where the context around it has no operation that shows its
   * origin.
   */
  readonly aloneName?: string | undefined;
  /** A virtual operation has a path and writes nothing. It can be claimed even where nothing new may begin. */
  readonly virtual?: boolean;
  /** Whether an external system must be able to address the operation. */
  readonly isAddressed?: boolean;
}

/** The location of an operation whose path does not come from its context's counter. */
export interface OperationLocation {
  readonly path: OperationPath;
  readonly ledger: Ledger;
}

/** One operation of this invocation: its kind, its location and its record. */
export class ClaimedOperation implements OperationKind {
  readonly type: OperationType;
  readonly subType: OperationSubType | string;
  readonly name: string | undefined;
  readonly shownName: string | undefined;
  readonly execution: Execution;
  readonly scope: Scope;
  /** The ledger that keeps the record. */
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

  /** The record, while the ledger keeps it in memory. */
  get kept(): WireOperation | undefined {
    return this.ledger.peek(this.key);
  }

  /** The id in log lines and for plugins. */
  get id(): OperationId {
    this.#id ??= this.ledger.addressOf(this.key) ?? operationId(this.path);
    return this.#id;
  }
}

/**
 * Gives the next operation of a context its id and its record. Undefined when the operation must not continue in this
 * invocation: the invocation is ending, the record belongs to another operation, or the context's result is recorded
 * already.
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
  // A record under the key of another kind of operation shows that the code has changed.
  const record = ledger.take(key) ?? (kind.isAddressed ? around.peek(around.key(path)) : undefined);
  // A recorded operation keeps its recorded name.
  const name = record === undefined ? nameFor(execution, kind.name) : (record.Name ?? takenName(kind.name));
  const error = record === undefined || ledger.isFirstVersion ? undefined : findMismatch(kind, record, path);
  if (execution.state.onClaim?.(kind, path, scope, record, error)) {
    // It waits for as long as the invocation lasts, which may be over with that.
    scope.countWaiting(1);
    execution.countExecuting(scope, 0);
    return undefined;
  }
  if (record === undefined) leaveReplay(scope, path);
  else if (error !== undefined) {
    execution.terminate({ end: "fail", error });
    return undefined;
  }
  if (record === undefined ? kind.virtual !== true : !isFinished(record)) {
    if (scope.sealed) {
      execution.noteStuck(scope, unrecorded(path));
      return undefined;
    }
    if (record !== undefined && scope.mode === "replay") scope.mode = "execution";
  }
  return new ClaimedOperation(kind, name, execution, scope, location ?? { path, ledger }, key, record);
}

/** The name under which the operation is recorded. */
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
 * A replaying context becomes live when the operation at `next` is not recorded, unless the first operation inside
 * `next` is.
 */
function leaveReplay(scope: Scope, next: OperationPath): void {
  if (scope.mode === "replay" && !isRecorded(scope.ledger, childPath(next, 1))) scope.mode = "execution";
}

/** Called after a wait has ended, because the following operations may be new. */
export function lookAhead(scope: Scope): void {
  if (scope.mode !== "replay") return;
  const next = scope.peekPath();
  if (!isRecorded(scope.ledger, next)) leaveReplay(scope, next);
}

/** The mode of a context with a record: it replays if the first operation inside it is recorded too. */
export function openMode(ledger: Ledger, path: OperationPath): ReplayMode {
  const first = childPath(path, 1);
  return isRecorded(ledger, first) || isRecorded(ledger, childPath(first, 1)) ? "replay" : "execution";
}

export function isRecorded(ledger: Ledger, path: OperationPath): boolean {
  return ledger.has(ledger.key(path));
}

function findMismatch(kind: OperationKind, record: WireOperation, path: OperationPath): Error | undefined {
  if (record.Type === undefined) return undefined;
  if (record.Type !== kind.type) return mismatch("type", path, record.Type, kind.type);
  // A transport may deliver an absent name as null.
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

/** An update of the operation, with the members that all updates have. */
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
