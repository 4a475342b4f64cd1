import { afterEach, beforeEach } from "vitest";

/** Listens for warnings about names that nothing reads. The function returns those of the running test. */
export function unknownNameWarnings(): () => Promise<readonly string[]> {
  let warnings: string[] = [];
  const listen = (warning: Error & { code?: string }) => {
    if (warning.code === "DURABLE_FANOUT_UNKNOWN_OPTION") warnings.push(warning.message);
  };
  beforeEach(() => {
    warnings = [];
    process.on("warning", listen);
  });
  afterEach(() => {
    process.off("warning", listen);
  });
  return async () => {
    // Warnings are emitted in the next tick.
    await new Promise((resolve) => setImmediate(resolve));
    return warnings;
  };
}
