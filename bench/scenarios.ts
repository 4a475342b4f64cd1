import type { Scenario } from "./scenario.ts";
import { engineScenarios, importScenarios } from "./scenarios/engine.ts";
import { latencyScenarios } from "./scenarios/latency.ts";
import { mapScenarios } from "./scenarios/maps.ts";
import { resultScenarios } from "./scenarios/results.ts";
import { waitingScenarios } from "./scenarios/waiting.ts";

export const scenarios: readonly Scenario[] = [
  ...mapScenarios,
  ...resultScenarios,
  ...waitingScenarios,
  ...latencyScenarios,
  ...engineScenarios,
  ...importScenarios,
];
