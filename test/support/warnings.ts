import { afterEach, beforeEach } from "vitest";

/** Listens for warnings with a code. The function returns those of the running test. */
export function warningsWith(code: string): () => Promise<readonly string[]> {
  let warnings: string[] = [];
  const listen = (warning: Error & { code?: string }) => {
    if (warning.code === code) warnings.push(warning.message);
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
