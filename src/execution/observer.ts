import { DurableOperationError } from "../core/errors.ts";
import type { OperationId } from "../core/ids.ts";
import { readTimestamp } from "../core/time.ts";
import type { ErrorObject, WireOperation } from "../core/wire.ts";
import type { OperationInfo, PluginOperationStatus } from "../plugins/plugin.ts";
import type { PluginRunner } from "../plugins/runner.ts";

/** What an operation is called and where it stands. */
export interface ObservedOperation {
  readonly id: OperationId;
  readonly type: string;
  readonly subType: string;
  readonly name: string | undefined;
  /** What plugins know it by, where that is more than its name on the wire. */
  readonly shownName?: string | undefined;
  readonly scope: { readonly parentId: OperationId | undefined };
}

/**
 * Keeps what plugins are shown of operations, and tells them. Exists only where there are plugins: without, records are
 * forgotten as soon as they are replayed.
 */
export class Observer {
  readonly plugins: PluginRunner;
  readonly #arn: string;
  readonly #operations = new Map<string, WireOperation>();
  readonly #updated: ReadonlySet<string>;

  constructor(plugins: PluginRunner, arn: string, recorded: readonly WireOperation[], updatedIds: readonly string[]) {
    this.plugins = plugins;
    this.#arn = arn;
    this.#updated = new Set(updatedIds);
    for (const operation of recorded) if (operation.Id !== undefined) this.#operations.set(operation.Id, operation);
  }

  /** All operations, by wire id. */
  operations(): Record<string, OperationInfo> {
    return infosOf(this.#operations.values());
  }

  /** Those that the service changed before this invocation. */
  updatedOperations(): Record<string, OperationInfo> {
    return infosOf([...this.#operations.values()].filter(({ Id }) => this.#updated.has(Id as string)));
  }

  /** Whether the service changed the operation before this invocation. */
  wasUpdated(id: OperationId): boolean {
    return this.#updated.has(id);
  }

  /** Takes in what a checkpoint answered, and tells plugins which operations changed their status. */
  changed(operations: readonly WireOperation[]): Promise<unknown> | undefined {
    const changed: WireOperation[] = [];
    for (const operation of operations) {
      if (operation.Id === undefined) continue;
      if (this.#operations.get(operation.Id)?.Status !== operation.Status) changed.push(operation);
      this.#operations.set(operation.Id, operation);
    }
    if (changed.length === 0) return undefined;
    return this.plugins.emit("onOperationChange", () => ({
      executionArn: this.#arn,
      updatedOperations: infosOf(changed),
      operations: this.operations(),
    }));
  }

  /** What is recorded of the operation, as plugins see it; `members` win. */
  recordedInfo(operation: ObservedOperation, members: Partial<OperationInfo>): OperationInfo {
    const record = this.#operations.get(operation.id);
    return { ...(record === undefined ? {} : infoOf(record)), ...this.info(operation, members) };
  }

  /** What the operation is, before anything is recorded of it. */
  info(operation: ObservedOperation, members: Partial<OperationInfo>): OperationInfo {
    const { id, type, subType, scope } = operation;
    const name = operation.shownName ?? operation.name;
    return {
      id,
      ...(name === undefined ? {} : { name }),
      type,
      subType,
      ...(scope.parentId === undefined ? {} : { parentId: scope.parentId }),
      isReplay: false,
      ...members,
    };
  }

  /** When the operation began, if the service has said so. */
  startOf(id: OperationId): Date | undefined {
    return readTimestamp(this.#operations.get(id)?.StartTimestamp);
  }
}

function infosOf(operations: Iterable<WireOperation>): Record<string, OperationInfo> {
  const infos: Record<string, OperationInfo> = {};
  for (const operation of operations) infos[operation.Id as string] = infoOf(operation);
  return infos;
}

function infoOf(operation: WireOperation): OperationInfo {
  const { Id, Name, Type, SubType, ParentId, Status, StartTimestamp, EndTimestamp, StepDetails } = operation;
  const details =
    StepDetails ?? operation.ContextDetails ?? operation.CallbackDetails ?? operation.ChainedInvokeDetails;
  const info: OperationInfo = { id: Id as string, type: Type as string, isReplay: false };
  if (Name != null) info.name = Name;
  if (SubType != null) info.subType = SubType;
  if (ParentId != null) info.parentId = ParentId;
  if (Status !== undefined) info.status = Status as PluginOperationStatus;
  const start = readTimestamp(StartTimestamp);
  if (start !== undefined) info.startTimestamp = start;
  const end = readTimestamp(EndTimestamp);
  if (end !== undefined) info.endTimestamp = end;
  if (details?.Result !== undefined) info.result = details.Result;
  if (details?.Error !== undefined) info.error = errorOf(details.Error);
  if (StepDetails?.Attempt !== undefined) info.attempt = StepDetails.Attempt;
  return info;
}

function errorOf(error: ErrorObject): Error {
  return DurableOperationError.fromErrorObject(error);
}
