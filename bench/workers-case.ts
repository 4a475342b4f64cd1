// Makes one measurement: node bench/workers-case.ts '{"what":"map", …}'. Prints the figures as JSON.
import { monitorEventLoopDelay } from "node:perf_hooks";
import { closeWorkers, transfer, workerStatistics, workers } from "durable-fanout/workers";
import { BareService } from "./service.ts";
import { loadSubject } from "./subjects.ts";
import { startBare } from "./workers-bare.ts";
import { spin } from "./workers-tasks.ts";
import type { BenchHandler } from "./works.ts";

export type Case =
  | {
      what: "map";
      on: "official" | "inline" | "threads";
      threads: number;
      items: number;
      rounds: number;
      batch: number;
      figures: "times" | "delay";
    }
  | { what: "bare"; threads: number; items: number; rounds: number }
  | { what: "calls"; on: "inline" | "threads"; inFlight: number; calls: number; rounds: number; perMessage: number }
  | { what: "memory"; threads: number }
  | { what: "buffer"; megabytes: number; moved: boolean };

export type Figures = Record<string, number>;

const RESOLUTION_MS = 1;
/** At least this number of items of short maps run before the measured map. */
const WARM_ITEMS = 3_000;

const load = (mode: "inline" | "threads", threads: number) =>
  workers<typeof import("./workers-tasks.ts")>(new URL("./workers-tasks.ts", import.meta.url), { mode, threads });

const sumMs = ({ user, system }: { user: number; system: number }): number => (user + system) / 1_000;

/** Starts the threads, so that the measured time does not include their start. */
async function warm(score: ReturnType<typeof load>, threads: number): Promise<void> {
  await Promise.all(Array.from({ length: threads * 500 }, () => score.spin(10)));
}

/** Runs `spin` in this thread as often as `warm` runs it on each thread, so that it is compiled in the same way. */
function warmHere(): void {
  for (let call = 0; call < 500; call++) spin(10);
}

async function measureMap(given: Extract<Case, { what: "map" }>): Promise<Figures> {
  const { on, threads, items, rounds, batch, figures } = given;
  const score = load(on === "inline" ? "inline" : "threads", threads);
  if (on === "threads") await warm(score, threads);
  else warmHere();
  const config = batch === 0 ? {} : { batch };
  const handler =
    (list: readonly number[]): BenchHandler =>
    async (_, context) => {
      const result = await (on === "threads"
        ? context.map("map", list, score.spin, config)
        : context.map("map", list, (item, n) => item.step("spin", async () => spin(n)), config));
      return result.successCount;
    };
  const subject = await loadSubject(on === "official" ? "official" : "ours");
  const runOf = (n: number) => {
    const invoke = subject(handler(Array.from({ length: items }, () => n)));
    return async (service: BareService): Promise<void> => {
      const output = await invoke(service);
      if (output.Status !== "SUCCEEDED" || output.Result !== String(items))
        throw new Error(`Of ${items} items: ${JSON.stringify(output)}.`);
    };
  };
  // After this, the process is warm, as in Lambda after some invocations.
  const warmUp = runOf(10);
  for (let done = 0; done < WARM_ITEMS; done += items) await warmUp(new BareService({}));
  const run = runOf(rounds);
  return figures === "delay" ? delayOf(() => run(new BareService({}))) : timesOf(run, on === "threads" ? threads : 0);
}

/** Measures only the delay of the event loop. The monitor needs processor time, so it would change other figures. */
async function delayOf(run: () => Promise<void>): Promise<Figures> {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  // The first sample after `enable` has no meaning. The reset removes it.
  await new Promise((resolve) => setTimeout(resolve, 20));
  delay.reset();
  await run();
  // If `run()` blocked the event loop to its end, the monitor notes the delay only in a later tick.
  await new Promise((resolve) => setTimeout(resolve, 20));
  delay.disable();
  return { delayP99Ms: delay.percentile(99) / 1e6, delayMaxMs: delay.max / 1e6 };
}

async function timesOf(run: (service: BareService) => Promise<void>, threads: number): Promise<Figures> {
  const service = new BareService({});
  globalThis.gc?.();
  const processBefore = process.cpuUsage();
  const mainBefore = process.threadCpuUsage();
  const startMs = performance.now();
  await run(service);
  const wallMs = performance.now() - startMs;
  const ownMs = service.ownMicros / 1_000;
  const mainMs = sumMs(process.threadCpuUsage(mainBefore)) - ownMs;
  const cpuMs = sumMs(process.cpuUsage(processBefore)) - ownMs;
  // The least wall time that two free cores would need.
  const twoCoresMs = Math.max(mainMs, threads === 0 ? cpuMs : threads === 1 ? cpuMs - mainMs : cpuMs / 2);
  return { wallMs, cpuMs, mainMs, twoCoresMs };
}

async function measureBare({ threads, items, rounds }: Extract<Case, { what: "bare" }>): Promise<Figures> {
  const work = await startBare(threads);
  return timesOf(() => work(items, rounds), threads);
}

async function measureCalls(given: Extract<Case, { what: "calls" }>): Promise<Figures> {
  const { on, inFlight, calls, rounds, perMessage } = given;
  const score = load("threads", 2);
  if (on === "threads") await warm(score, 2);
  else warmHere();
  const once = async (): Promise<void> => {
    if (on === "inline") for (let call = 0; call < perMessage; call++) spin(rounds);
    else if (perMessage === 1) await score.spin(rounds);
    else await runTogether(score, rounds, perMessage);
  };
  let left = Math.ceil(calls / perMessage);
  const messages = left;
  const processBefore = process.cpuUsage();
  const mainBefore = process.threadCpuUsage();
  const startMs = performance.now();
  const lane = async (): Promise<void> => {
    while (left-- > 0) await once();
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  const wallMs = performance.now() - startMs;
  const mainMs = sumMs(process.threadCpuUsage(mainBefore));
  const cpuMs = sumMs(process.cpuUsage(processBefore));
  const twoCoresMs = on === "inline" ? cpuMs : Math.max(mainMs, cpuMs / 2);
  const count = messages * perMessage;
  return {
    wallMicros: (wallMs * 1_000) / count,
    mainMicros: (mainMs * 1_000) / count,
    twoCoresMicros: (twoCoresMs * 1_000) / count,
  };
}

function runTogether(score: ReturnType<typeof load>, rounds: number, count: number): Promise<unknown> {
  const item = {
    [Symbol.for("@aws/durable-execution-sdk-js/durable-context")]: true,
    [Symbol.for("durable-fanout.shared-batch")]: {},
    executionContext: { durableExecutionArn: "" },
    step: <T>(_name: string | undefined, body: () => Promise<T>) => body(),
  };
  return Promise.all(Array.from({ length: count }, (_, index) => score.spin(item, rounds, index)));
}

async function measureMemory({ threads }: Extract<Case, { what: "memory" }>): Promise<Figures> {
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  if (threads > 0) await warm(load("threads", threads), threads);
  globalThis.gc?.();
  return { rssMB: (process.memoryUsage().rss - before) / 1e6, threads: workerStatistics()?.threads ?? 0 };
}

async function measureBuffer({ megabytes, moved }: Extract<Case, { what: "buffer" }>): Promise<Figures> {
  const score = load("threads", 1);
  await warm(score, 1);
  const RUNS = 20;
  let bytes = new Uint8Array(megabytes * 1_000_000);
  const startMs = performance.now();
  for (let run = 0; run < RUNS; run++) {
    bytes = (moved ? await score.touchAndMove(transfer(bytes)) : await score.touch(bytes)) as typeof bytes;
  }
  const wallMs = (performance.now() - startMs) / RUNS;
  if (bytes[0] !== RUNS) throw new Error(`The buffer was touched ${bytes[0]} times.`);
  return { wallMs };
}

async function measure(given: Case): Promise<Figures> {
  switch (given.what) {
    case "map":
      return measureMap(given);
    case "bare":
      return measureBare(given);
    case "calls":
      return measureCalls(given);
    case "memory":
      return measureMemory(given);
    case "buffer":
      return measureBuffer(given);
  }
}

if (import.meta.main) {
  const figures = await measure(JSON.parse(process.argv[2] ?? "") as Case);
  await closeWorkers();
  console.log(JSON.stringify(figures));
}
