import type { Scenario } from "../scenario.ts";
import { type MapShape, mapOfComputingSteps, mapOfSteps, stepsInARow } from "./handlers.ts";

const LATENCIES_MS = [0, 10, 30];

interface Variant {
  readonly name: string;
  readonly shape: MapShape;
  readonly settings?: NonNullable<Scenario["settings"]>;
}

const variants: readonly Variant[] = [
  { name: "1,000 at once", shape: {} },
  { name: "1,000, batch of 100", shape: { batch: 100 } },
  { name: "1,000, 10 at once", shape: { maxConcurrency: 10 } },
  {
    name: "1,000 at once, starts elided",
    shape: {},
    settings: { checkpoint: { elideStarts: true } } as NonNullable<Scenario["settings"]>,
  },
];

const maps: Scenario[] = LATENCIES_MS.flatMap((latencyMs) =>
  variants.map(({ name, shape, settings }) => ({
    name: `${name}, ${latencyMs} ms a checkpoint`,
    group: "Checkpoint latency" as const,
    why: "wall time when every request travels: fewer, fuller requests win",
    items: 1_000,
    latencyMs,
    handler: mapOfSteps(shape),
    ...(settings === undefined ? {} : { settings }),
  })),
);

export const latencyScenarios: readonly Scenario[] = [
  ...maps,
  {
    name: "first result of 10,000, 50 ms a checkpoint",
    group: "Checkpoint latency",
    why: "how long until the first finished step is safe",
    items: 10_000,
    latencyMs: 50,
    handler: mapOfSteps(),
    slow: true,
    runs: 2,
  },
  {
    name: "200 steps that compute for 5 ms, 10 ms a checkpoint",
    group: "Checkpoint latency",
    why: "work that keeps the thread: ours lets checkpoints leave meanwhile (`turnMs`), so that it sends more of them",
    items: 200,
    latencyMs: 10,
    handler: mapOfComputingSteps(5),
    runs: 2,
  },
  {
    name: "100 steps in a row, 10 ms a checkpoint",
    group: "Where this package might lose",
    why: "each step waits for its own request: there is nothing to put together",
    items: 100,
    latencyMs: 10,
    handler: stepsInARow(),
    runs: 2,
  },
];
