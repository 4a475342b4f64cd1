import type { DurableInstrumentationPlugin } from "./plugin.ts";

type Hook = Extract<keyof DurableInstrumentationPlugin, `on${string}`>;
type Wrapper = Extract<keyof DurableInstrumentationPlugin, `wrap${string}`>;

/** All plugins of a handler as one. What nobody implements costs a look into a map. */
export class PluginRunner {
  readonly #plugins: readonly DurableInstrumentationPlugin[];
  readonly #users = new Map<keyof DurableInstrumentationPlugin, readonly DurableInstrumentationPlugin[]>();

  constructor(plugins: readonly DurableInstrumentationPlugin[]) {
    this.#plugins = plugins;
  }

  #usersOf(method: keyof DurableInstrumentationPlugin): readonly DurableInstrumentationPlugin[] {
    let users = this.#users.get(method);
    if (users === undefined) {
      users = this.#plugins.filter((plugin) => typeof plugin[method] === "function");
      this.#users.set(method, users);
    }
    return users;
  }

  has(method: keyof DurableInstrumentationPlugin): boolean {
    return this.#usersOf(method).length > 0;
  }

  /** Calls a hook of all plugins; undefined when there is none, otherwise resolves when all have settled. */
  emit<Name extends Hook>(
    hook: Name,
    info: () => Parameters<NonNullable<DurableInstrumentationPlugin[Name]>>[0],
  ): Promise<unknown> | undefined {
    const users = this.#usersOf(hook);
    if (users.length === 0) return undefined;
    const given = info();
    return Promise.allSettled(users.map(async (plugin) => plugin[hook]?.(given as never)));
  }

  /** Runs `fn` inside the wrappers. Its outcome counts, whatever they return or throw. */
  wrap<T>(wrapper: Wrapper, info: () => unknown, fn: () => Promise<T>): Promise<T> {
    const users = this.#usersOf(wrapper);
    if (users.length === 0) return fn();
    const given = info();
    let wrapped = fn;
    for (const plugin of users.toReversed()) wrapped = wrapOnce(plugin, wrapper, given, wrapped);
    return wrapped();
  }

  /** What all plugins add to a log line; a plugin that throws adds nothing. */
  logMembers(): Record<string, string | number | boolean> | undefined {
    const users = this.#usersOf("enrichLogContext");
    if (users.length === 0) return undefined;
    const members = {};
    for (const plugin of users) {
      try {
        Object.assign(members, plugin.enrichLogContext?.());
      } catch {
        // A plugin must not break the handler's logging.
      }
    }
    return members;
  }
}

function wrapOnce<T>(
  plugin: DurableInstrumentationPlugin,
  wrapper: Wrapper,
  info: unknown,
  fn: () => Promise<T>,
): () => Promise<T> {
  return async () => {
    let running: Promise<T> | undefined;
    const once = (): Promise<T> => {
      running ??= fn();
      return running;
    };
    try {
      await (plugin[wrapper] as (info: unknown, fn: () => unknown) => unknown)(info, once);
    } catch {
      // Either the function's own error, which `once` has as well, or the plugin's.
    }
    return once();
  };
}
