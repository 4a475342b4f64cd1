import { active } from "./active.ts";
import type { DurableContextLogger, DurableLogger } from "./logger.ts";
import type { Scope } from "./scope.ts";

/** With `modeAware`, a replay writes nothing, because an earlier invocation wrote the same lines. */
export function contextLogger(scope: Scope): DurableContextLogger<DurableLogger> {
  const emit = (level: "log" | "error" | "warn" | "info" | "debug", params: unknown[]): void => {
    const { logger, modeAware } = scope.logger;
    if (modeAware && isRepeated()) return;
    const method = logger[level] as ((...params: unknown[]) => void) | undefined;
    method?.apply(logger, params);
  };
  return {
    // `log` is a getter, because `configureLogger` may set another logger later. A custom logger may have no `log`.
    get log() {
      return scope.logger.logger.log === undefined ? undefined : (...params: unknown[]) => emit("log", params);
    },
    error: (...params: unknown[]) => emit("error", params),
    warn: (...params: unknown[]) => emit("warn", params),
    info: (...params: unknown[]) => emit("info", params),
    debug: (...params: unknown[]) => emit("debug", params),
  };
}

function isRepeated(): boolean {
  const current = active.getStore();
  return current !== undefined && current.scope.mode !== "execution";
}

const stepLoggers = new WeakMap<DurableLogger, DurableContextLogger<DurableLogger>>();

/** A step's logger always writes, because a replay does not run steps. Steps with the same logger share one object. */
export function stepLogger(scope: Scope): DurableContextLogger<DurableLogger> {
  const { logger } = scope.logger;
  let methods = stepLoggers.get(logger);
  if (methods === undefined) {
    methods = {
      error: logger.error.bind(logger),
      warn: logger.warn.bind(logger),
      info: logger.info.bind(logger),
      debug: logger.debug.bind(logger),
    };
    if (logger.log !== undefined) methods.log = logger.log.bind(logger);
    stepLoggers.set(logger, methods);
  }
  return methods;
}
