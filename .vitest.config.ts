import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Hundreds of processes load the same sources: compiled once, the command line starts in a third of the time.
    env: { NODE_COMPILE_CACHE: resolve(import.meta.dirname, "node_modules/.cache/compiled-for-tests") },
    // Half of the time they wait for processes that they have started.
    maxWorkers: availableParallelism() + 1,
    // Tests start real processes on machines with two busy cores.
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
