import type { DurableContext, RuntimeOptions } from "../src/index.ts";

/** What every handler of a scenario is given. */
export interface BenchInput {
  /** How many items there are to work on. */
  readonly count: number;
}

/** A handler written against the API that both packages have. It throws if its result is not what it must be. */
export type BenchHandler = (input: BenchInput, context: DurableContext) => Promise<unknown>;

export type SubjectName = "official" | "ours";

/** Whether the process has done such work before. */
export type Mode = "cold" | "warm";

/** The headings of the report, in its order. */
export const GROUPS = [
  "Maps by size",
  "Batches",
  "Results",
  "Shapes",
  "Waiting, failing, ending early",
  "Replay",
  "Checkpoint latency",
  "Embedded engine",
  "Cold start",
  "Where this package might lose",
] as const;

/** One piece of work that every subject does, with a check of its result. */
export interface Scenario {
  readonly name: string;
  readonly group: (typeof GROUPS)[number];
  /** What it is there to show. */
  readonly why: string;
  /** Items (or steps) that the cost is divided by. */
  readonly items: number;
  readonly handler: BenchHandler;
  /** Settings of ours; the official SDK has none. */
  readonly settings?: RuntimeOptions;
  /** Milliseconds until the service answers a checkpoint. */
  readonly latencyMs?: number;
  /**
   * What runs before the measured part: nothing (default), a whole run whose finished operations are replayed, a run
   * of whose map half of the items are kept, or the first invocation, which suspends.
   */
  readonly after?: "finished" | "half" | "suspended";
  /** Whether the handler suspends, so that further invocations must know what was recorded. */
  readonly suspends?: true;
  /** Where it runs: on the bare service (default), on the embedded engine, or nowhere: only imported. */
  readonly on?: "engine" | "import";
  /** What is imported besides, where only imports are measured. More than one item: a map of them follows. */
  readonly importsToo?: readonly string[];
  /** Whether the official SDK takes part, and with how many items at most, where more would not end. Default true. */
  readonly official?: boolean | number;
  /** The official SDK takes so long that one cold run of it has to do. */
  readonly slow?: true;
  /** Runs at most, for what takes long. */
  readonly runs?: number;
}

/** What one run measured, of a warm process where nothing else is said. Times are those of the SDK: what the service itself computed is subtracted. */
export interface Sample {
  readonly wallMs: number;
  /** Processor time of the whole process, microseconds an item. */
  readonly cpuMicros: number;
  /** The service's own share, microseconds an item; in none of the other figures. */
  readonly serviceMicros: number;
  /** The first run of a process: the same, with all compilation still to be done. */
  readonly coldWallMs?: number;
  readonly coldCpuMicros?: number;
  /** Peak resident memory over the idle process, of its first run; absent where it cannot be told apart. */
  readonly peakMegabytes?: number;
  /** The longest time in which the main thread did not come round, and the 99th percentile. */
  readonly delayMaxMs: number;
  readonly delayP99Ms: number;
  readonly updates: number;
  readonly requests: number;
  readonly bytes: number;
  readonly operations: number;
  /** US dollars for operations and data written. */
  readonly dollars: number;
  readonly invocations: number;
  /** Milliseconds from the start to the first acknowledged step; absent if no step ends. */
  readonly firstResultMs?: number;
  readonly itemsPerSecond: number;
}

export type Metric = keyof Sample;

export const METRICS: readonly Metric[] = [
  "wallMs",
  "cpuMicros",
  "serviceMicros",
  "coldWallMs",
  "coldCpuMicros",
  "peakMegabytes",
  "delayMaxMs",
  "delayP99Ms",
  "updates",
  "requests",
  "bytes",
  "operations",
  "dollars",
  "invocations",
  "firstResultMs",
  "itemsPerSecond",
];
