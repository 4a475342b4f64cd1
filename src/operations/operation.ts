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

/** What an operation is, before it has an id. */
export interface OperationKind {
  readonly type: OperationType;
  readonly subType: OperationSubType | string;
  readonly name: string | undefined;
  /** What plugins know it by, where that is more than its name on the wire. */
  readonly shownName?: string | undefined;
  /** Its name, if it has none, where the context around it has no operation by which people would find it. */
  readonly aloneName?: string | undefined;
  /** It has a path and writes nothing, so it is claimed even where nothing new may begin. */
  readonly virtual?: boolean;
  /** Somebody outside must be able to address it. */
  readonly isAddressed?: boolean;
}

/** Where an operation stands whose path does not come from its context's counter. */
export interface Place {
  readonly path: OperationPath;
  readonly ledger: Ledger;
}

/** One operation of this invocation: who it is, and what was recorded of it. */
export class ClaimedOperation implements OperationKind {
  readonly type: OperationType;
  readonly subType: OperationSubType | string;
  readonly name: string | undefined;
  readonly shownName: string | undefined;
  readonly execution: Execution;
  readonly scope: Scope;
  /** Where its record is kept. */
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
    { path, ledger }: Place,
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

  /** Its record, as long as the ledger keeps that at hand. */
  get kept(): WireOperation | undefined {
    return this.ledger.peek(this.key);
  }

  /** What log lines and plugins know it by. */
  get id(): OperationId {
    this.#id ??= this.ledger.addressOf(this.key) ?? operationId(this.path);
    return this.#id;
  }
}

/**
 * Gives the next operation of a context its id and its record. Undefined when it must not go on in this invocation:
 * the invocation is ending, the record is of another operation, or the context's result is recorded already.
 */
export function claim(
  execution: Execution,
  scope: Scope,
  given: OperationKind,
  place?: Place,
): ClaimedOperation | undefined {
  if (execution.isOver) return undefined;
  const path = place?.path ?? scope.nextPath();
  const around = place?.ledger ?? scope.ledger;
  const ledger = given.isAddressed ? around.outside : around;
  const isAlone = given.isAddressed === true && around.addressOf(around.key(path)) === undefined;
  const kind = isAlone ? { ...given, name: given.name ?? given.aloneName } : given;
  const key = ledger.key(path);
  // A record where an operation of another kind would have kept it tells that the code has changed.
  const record = ledger.take(key) ?? (kind.isAddressed ? around.peek(around.key(path)) : undefined);
  // One that was recorded in another form goes on as it is recorded.
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
  return new ClaimedOperation(kind, name, execution, scope, place ?? { path, ledger }, key, record);
}

/** The name under which an operation is recorded. */
function nameFor(execution: Execution, given: string | undefined): string | undefined {
  const name = takenName(given);
  if (name !== given) {
    execution.quotas.warnOnce(
      "names",
      `The service takes no operation named ${JSON.stringify(given).slice(0, 300)}, which is recorded ` +
        `${name === undefined ? "without a name" : `as ${JSON.stringify(name)}`}. A name has 1 to ${MAX_NAME_LENGTH} ` +
        "characters from the space to ~.",
    );
  }
  return name;
}

/** The operation at `next` is not recorded: a context that replays goes live, unless the first one inside it is. */
function leaveReplay(scope: Scope, next: OperationPath): void {
  if (scope.mode === "replay" && !isRecorded(scope.ledger, childPath(next, 1))) scope.mode = "execution";
}

/** After a wait is over: what follows may be new. */
export function lookAhead(scope: Scope): void {
  if (scope.mode !== "replay") return;
  const next = scope.peekPath();
  if (!isRecorded(scope.ledger, next)) leaveReplay(scope, next);
}

/** Whether a context of which something is recorded replays: something inside it is recorded as well. */
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

/** An update of the operation, with the members that every update repeats. */
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
