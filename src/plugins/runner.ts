import { logVerbose } from "../core/verbose.ts";
import type { DurableInstrumentationPlugin } from "./plugin.ts";

export type Hook = Extract<keyof DurableInstrumentationPlugin, `on${string}`>;
export type Wrapper = Extract<keyof DurableInstrumentationPlugin, `wrap${string}`>;
export type InfoOf<Name extends Hook> = Parameters<NonNullable<DurableInstrumentationPlugin[Name]>>[0];

/** Calls the hooks of all plugins of a handler. A hook that no plugin has costs only one look-up in a map. */
export class PluginRunner {
  readonly #plugins: readonly DurableInstrumentationPlugin[];
  readonly #users = new Map<keyof DurableInstrumentationPlugin, readonly DurableInstrumentationPlugin[]>();

  /** Entries that are no objects are ignored, such as the result of `isTraced && tracer`. */
  constructor(plugins: readonly (DurableInstrumentationPlugin | null | undefined | false)[]) {
    this.#plugins = plugins.filter((plugin) => typeof plugin === "object" && plugin !== null);
  }

  #usersOf(method: keyof DurableInstrumentationPlugin): readonly DurableInstrumentationPlugin[] {
    let users = this.#users.get(method);
    if (users === undefined) {
      users = this.#plugins.filter((plugin) => typeof plugin[method] === "function");
      this.#users.set(method, users);
    }
    return users;
  }

  has(...methods: (keyof DurableInstrumentationPlugin)[]): boolean {
    return methods.some((method) => this.#usersOf(method).length > 0);
  }

  /** The promise resolves when the hooks of all plugins have settled. Undefined if no plugin has the hook. */
  emit<Name extends Hook>(hook: Name, info: () => InfoOf<Name>): Promise<unknown> | undefined {
    const users = this.#usersOf(hook);
    if (users.length === 0) return undefined;
    const given = info();
    return Promise.allSettled(users.map((plugin) => callHook(plugin, hook, given)));
  }

  /** Runs `fn` inside the wrappers. Nothing that the wrappers return or throw changes the outcome of `fn`. */
  wrap<T>(wrapper: Wrapper, info: () => unknown, fn: () => Promise<T>): Promise<T> {
    const users = this.#usersOf(wrapper);
    if (users.length === 0) return fn();
    const given = info();
    let wrapped = fn;
    for (const plugin of users.toReversed()) wrapped = wrapOnce(plugin, wrapper, given, wrapped);
    return wrapped();
  }

  /** Undefined if no plugin has the hook. */
  logMembers(): Record<string, string | number | boolean> | undefined {
    const users = this.#usersOf("enrichLogContext");
    if (users.length === 0) return undefined;
    const members = {};
    for (const plugin of users) {
      try {
        Object.assign(members, plugin.enrichLogContext?.());
      } catch (error) {
        swallow("enrichLogContext", error);
      }
    }
    return members;
  }
}

async function callHook(plugin: DurableInstrumentationPlugin, hook: Hook, info: unknown): Promise<void> {
  try {
    await plugin[hook]?.(info as never);
  } catch (error) {
    swallow(hook, error);
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
    let failure: { readonly error: unknown } | undefined;
    const once = (): Promise<T> => {
      if (running === undefined) {
        running = startOf(fn);
        // A wrapper may ignore this promise. The failure is thrown below, so it must not count as an unhandled
        // rejection.
        running.catch((error: unknown) => {
          failure = { error };
        });
      }
      return running;
    };
    try {
      await (plugin[wrapper] as (info: unknown, fn: () => unknown) => unknown)(info, once);
    } catch (error) {
      if (failure === undefined || failure.error !== error) swallow(wrapper, error);
    }
    if (failure !== undefined) throw (failure as { error: unknown }).error;
    return once();
  };
}

function startOf<T>(fn: () => Promise<T>): Promise<T> {
  try {
    return fn();
  } catch (error) {
    return Promise.reject(error);
  }
}

function swallow(method: keyof DurableInstrumentationPlugin, error: unknown): void {
  logVerbose(() => `${method} of a plugin failed: ${error instanceof Error ? error.stack : String(error)}`);
}
