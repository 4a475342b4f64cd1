import type { OperationId } from "../core/ids.ts";
import { readTimestamp } from "../core/time.ts";
import { defined, type WireOperation } from "../core/wire.ts";
import type { OperationInfo } from "../plugins/plugin.ts";
import type { Hook, InfoOf, PluginRunner, Wrapper } from "../plugins/runner.ts";
import { infoOf, infosOf, withLazy } from "./operation-info.ts";
import { OperationLog } from "./operation-log.ts";
import type { Scope } from "./scope.ts";

/** What an operation is called and where it stands. */
export interface ObservedOperation {
  readonly id: OperationId;
  readonly type: string;
  readonly subType: string;
  readonly name: string | undefined;
  /** What plugins know it by, where that is more than its name on the wire. */
  readonly shownName?: string | undefined;
  readonly scope: Pick<Scope, "owner">;
  /** Its record, where the service does not send that back. */
  readonly kept?: WireOperation | undefined;
}

/** The hooks that are told what is recorded of operations after the invocation has begun. */
const NOTIFY_RECORDS = [
  "onInvocationEnd",
  "onOperationStart",
  "onOperationEnd",
  "onOperationAttemptStart",
  "onOperationAttemptEnd",
  "wrapOperationAttemptFn",
  "onOperationChange",
] as const;

/** The hooks that have to do with an attempt of a step or condition. */
const FOLLOW_ATTEMPTS = [
  "onOperationStart",
  "onOperationAttemptStart",
  "wrapOperationAttemptFn",
  "onOperationAttemptEnd",
  "onOperationEnd",
] as const;

/**
 * Keeps what plugins are shown of operations, and tells them. Exists only where there are plugins, and keeps records
 * only if a hook of theirs tells them: otherwise records are forgotten as soon as they are replayed.
 */
export class Observer {
  /** Whether a plugin has anything to do with attempts. */
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

  /** Calls a hook of all plugins; undefined when there is nothing to wait for. */
  emit<Name extends Hook>(hook: Name, info: () => InfoOf<Name>): Promise<unknown> | undefined {
    return this.#over ? undefined : this.#plugins.emit(hook, info);
  }

  /** Calls a hook and does not wait for it, but for the end of the invocation. */
  notify<Name extends Hook>(hook: Name, info: () => InfoOf<Name>): void {
    const notified = this.emit(hook, info);
    if (notified === undefined) return;
    this.#underWay.add(notified);
    void notified.then(() => this.#underWay.delete(notified));
  }

  /** Runs a function inside the plugins' wrappers. */
  wrap<T>(wrapper: Wrapper, info: () => unknown, fn: () => Promise<T>): Promise<T> {
    return this.#over ? fn() : this.#plugins.wrap(wrapper, info, fn);
  }

  /** What plugins add to a line of the default logger. */
  logMembers(): object | undefined {
    return this.#plugins.logMembers();
  }

  /**
   * The invocation has ended: plugins are told so by whoever calls this, and nothing afterwards. Work that it left
   * behind may go on, in another invocation of the same process even, and must not be taken for that one's.
   */
  async close(): Promise<void> {
    this.#over = true;
    await Promise.all(this.#underWay);
  }

  /** Whether the service changed the operation before this invocation. */
  wasUpdated(id: string | undefined): boolean {
    return id !== undefined && this.#updated.has(id);
  }

  /** All operations as they are known now, by wire id. */
  snapshot(): () => Record<string, OperationInfo> {
    return this.#log?.snapshot() ?? (() => ({}));
  }

  /** Takes in what a checkpoint answered, and tells plugins which operations changed their status. */
  changed(operations: readonly WireOperation[]): Promise<unknown> | undefined {
    const changed = this.#log?.add(operations) ?? [];
    if (changed.length === 0) return undefined;
    return this.emit("onOperationChange", () => {
      const info = withLazy({ executionArn: this.#arn }, "updatedOperations", () => infosOf(changed));
      return withLazy(info, "operations", this.snapshot());
    });
  }

  /** What is recorded of the operation, as plugins see it; `members` win. */
  recordedInfo(operation: ObservedOperation, members: Partial<OperationInfo>): OperationInfo {
    const record = this.#log?.get(operation.id) ?? operation.kept;
    return { ...(record === undefined ? {} : infoOf(record)), ...this.info(operation, members) };
  }

  /** What the operation is, before anything is recorded of it. */
  info(operation: ObservedOperation, members: Partial<OperationInfo>): OperationInfo {
    const { id, type, subType, scope } = operation;
    const name = operation.shownName ?? operation.name;
    return { ...defined({ id, name, type, subType, parentId: scope.owner?.id }), isReplay: false, ...members };
  }

  /** When the operation began, if that is known. */
  startOf({ id, kept }: ObservedOperation): Date | undefined {
    return readTimestamp((this.#log?.get(id) ?? kept)?.StartTimestamp);
  }
}
