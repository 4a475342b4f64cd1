import type { OperationId } from "../core/ids.ts";
import { readTimestamp } from "../core/time.ts";
import { defined, type WireOperation } from "../core/wire.ts";
import type { OperationInfo } from "../plugins/plugin.ts";
import type { Hook, InfoOf, PluginRunner, Wrapper } from "../plugins/runner.ts";
import { infoOf, infosOf, withLazy } from "./operation-info.ts";
import { OperationLog } from "./operation-log.ts";
import type { Scope } from "./scope.ts";

export interface ObservedOperation {
  readonly id: OperationId;
  readonly type: string;
  readonly subType: string;
  readonly name: string | undefined;
  /** The name that plugins see, if it differs from the recorded name. */
  readonly shownName?: string | undefined;
  readonly scope: Pick<Scope, "owner">;
  /** The record of the operation, if the service does not deliver the record. */
  readonly kept?: WireOperation | undefined;
}

/** The hooks that need records of operations after the invocation has begun. */
const NOTIFY_RECORDS = [
  "onInvocationEnd",
  "onOperationStart",
  "onOperationEnd",
  "onOperationAttemptStart",
  "onOperationAttemptEnd",
  "wrapOperationAttemptFn",
  "onOperationChange",
] as const;

/** The hooks that are called for an attempt of a step or condition. */
const FOLLOW_ATTEMPTS = [
  "onOperationStart",
  "onOperationAttemptStart",
  "wrapOperationAttemptFn",
  "onOperationAttemptEnd",
  "onOperationEnd",
] as const;

/** Notifies the plugins. Keeps records of operations only if a plugin has a hook that needs records. */
export class Observer {
  readonly followsAttempts: boolean;
  readonly #plugins: PluginRunner;
  readonly #arn: string;
  readonly #log: OperationLog | undefined;
  readonly #updated: ReadonlySet<string>;
  readonly #underWay = new Set<Promise<unknown>>();
  #over = false;

  constructor(plugins: PluginRunner, arn: string, recorded: Iterable<WireOperation>, updatedIds: readonly string[]) {
    this.#plugins = plugins;
    this.#arn = arn;
    this.#updated = new Set(updatedIds);
    this.followsAttempts = plugins.has(...FOLLOW_ATTEMPTS);
    if (plugins.has(...NOTIFY_RECORDS)) this.#log = new OperationLog(recorded);
  }

  /** Calls a hook of all plugins. Returns undefined when there is nothing to wait for. */
  emit<Name extends Hook>(hook: Name, info: () => InfoOf<Name>): Promise<unknown> | undefined {
    return this.#over ? undefined : this.#plugins.emit(hook, info);
  }

  /** Calls a hook of all plugins, and does not wait until the hook has ended. `close` waits until then. */
  notify<Name extends Hook>(hook: Name, info: () => InfoOf<Name>): void {
    const notified = this.emit(hook, info);
    if (notified === undefined) return;
    this.#underWay.add(notified);
    void notified.then(() => this.#underWay.delete(notified));
  }

  wrap<T>(wrapper: Wrapper, info: () => unknown, fn: () => Promise<T>): Promise<T> {
    return this.#over ? fn() : this.#plugins.wrap(wrapper, info, fn);
  }

  logMembers(): object | undefined {
    return this.#plugins.logMembers();
  }

  /**
   * From now on this observer calls no hook except `enrichLogContext`. Code that this invocation left may still run
   * during another invocation in the same process, and is no part of that invocation. Resolves when all hooks that
   * `notify` called have ended.
   */
  async close(): Promise<void> {
    this.#over = true;
    await Promise.all(this.#underWay);
  }

  /** Whether the service changed the operation after the last checkpoint of the previous invocation. */
  wasUpdated(id: string | undefined): boolean {
    return id !== undefined && this.#updated.has(id);
  }

  snapshot(): () => Record<string, OperationInfo> {
    return this.#log?.snapshot() ?? (() => ({}));
  }

  /** Notifies plugins of operations whose status has changed. Returns undefined when there is nothing to wait for. */
  changed(operations: readonly WireOperation[]): Promise<unknown> | undefined {
    const changed = this.#log?.add(operations) ?? [];
    if (changed.length === 0) return undefined;
    return this.emit("onOperationChange", () => {
      const info = withLazy({ executionArn: this.#arn }, "updatedOperations", () => infosOf(changed));
      return withLazy(info, "operations", this.snapshot());
    });
  }

  /** The record of the operation, as plugins see it. `members` replace members of the record. */
  recordedInfo(operation: ObservedOperation, members: Partial<OperationInfo>): OperationInfo {
    const record = this.#log?.get(operation.id) ?? operation.kept;
    return { ...(record === undefined ? {} : infoOf(record)), ...this.info(operation, members) };
  }

  /** The operation as plugins see it, without the data of its record. */
  info(operation: ObservedOperation, members: Partial<OperationInfo>): OperationInfo {
    const { id, type, subType, scope } = operation;
    const name = operation.shownName ?? operation.name;
    return { ...defined({ id, name, type, subType, parentId: scope.owner?.id }), isReplay: false, ...members };
  }

  startOf({ id, kept }: ObservedOperation): Date | undefined {
    return readTimestamp((this.#log?.get(id) ?? kept)?.StartTimestamp);
  }
}
