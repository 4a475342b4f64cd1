import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Half of the time they wait for processes that they have started.
    maxWorkers: availableParallelism() + 1,
    // Tests start real processes on machines with two busy cores.
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
