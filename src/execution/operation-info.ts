import { asError, DurableOperationError } from "../core/errors.ts";
import { readTimestamp } from "../core/time.ts";
import { defined, detailsOf, type WireOperation } from "../core/wire.ts";
import type { OperationInfo, PluginOperationStatus } from "../plugins/plugin.ts";

export function infoOf(operation: WireOperation): OperationInfo {
  const { Id, Name, Type, SubType, ParentId, Status, StartTimestamp, EndTimestamp, StepDetails } = operation;
  const details = detailsOf(operation);
  return defined({
    ...{ id: Id as string, type: Type as string, isReplay: false },
    // The client of the service may deliver absent members as null.
    ...{ name: Name ?? undefined, subType: SubType ?? undefined, parentId: ParentId ?? undefined },
    status: Status as PluginOperationStatus | undefined,
    startTimestamp: readTimestamp(StartTimestamp),
    endTimestamp: readTimestamp(EndTimestamp),
    result: details?.Result,
    error: details?.Error && DurableOperationError.fromErrorObject(details.Error),
    attempt: StepDetails?.Attempt,
  }) as OperationInfo;
}

/** The operations as plugins see them, by wire id. Of several states of an operation, only the last one counts. */
export function infosOf(operations: Iterable<WireOperation>): Record<string, OperationInfo> {
  const latest = new Map<string, WireOperation>();
  for (const operation of operations) if (operation.Id !== undefined) latest.set(operation.Id, operation);
  return Object.fromEntries([...latest].map(([id, operation]) => [id, infoOf(operation)]));
}

export function errorShown(thrown: unknown): Error {
  return thrown === undefined || thrown === null ? new Error(String(thrown)) : asError(thrown);
}

/** Adds a member whose value is made at the first read, because a map of all operations takes time to make. */
export function withLazy<Info extends object, Name extends string, Value>(
  info: Info,
  name: Name,
  make: () => Value,
): Info & Record<Name, Value> {
  const define = (descriptor: PropertyDescriptor) =>
    Object.defineProperty(info, name, { enumerable: true, configurable: true, ...descriptor });
  define({
    get: () => {
      const value = make();
      define({ value, writable: true });
      return value;
    },
  });
  return info as Info & Record<Name, Value>;
}
