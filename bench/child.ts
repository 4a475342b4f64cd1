/**
 * Measures one execution of one work with one package: `node bench/child.ts <order as JSON>`. The last line of the
 * output is the report, as JSON. Before the measurement, this process loads no file of the packages, because their
 * loading time would then be too short.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { WireOperation } from "../src/index.ts";
import { BareService } from "./service.ts";
import { type Invocation, loadSubject, withoutQuotas } from "./subjects.ts";
import { type State, type Subject, WARM_ITEMS, type Work, workNamed } from "./works.ts";

export interface Order {
  readonly work: string;
  readonly subject: Subject;
  readonly state: State;
  readonly items: number;
  readonly dist: string;
  /** For work that replays an execution: the file with the recorded operations. */
  readonly recorded?: string;
  /** True: this process writes the file `recorded` and measures nothing. */
  readonly records?: boolean;
  /** True: the report has a profile. The times are then not exact, because profiling takes time. */
  readonly profiles?: boolean;
}

/** The figures of one process. The times do not include the processor time of `BareService`. */
export interface Sample {
  /** The time from the event to the answer, summed over all invocations. */
  readonly wallMs: number;
  /** The processor time of the process for each item, with garbage collection and compilation. */
  readonly cpuMicros: number;
  /**
   * The highest resident memory during the execution, minus the memory just before it, in units of 1,024 kB. Linux
   * only.
   */
  readonly peakMegabytes?: number;
  /** What the SDK sent to the service. Absent for the embedded engine. `bytes` is the size of the requests as JSON. */
  readonly updates?: number;
  readonly requests?: number;
  readonly bytes?: number;
  readonly itemsPerSecond: number;
  /** The time to load the package, to wrap the handler and to open an engine. No other figure includes this time. */
  readonly loadMs: number;
}

export interface Report {
  readonly sample: Sample;
  /** The result of the handler. It must be equal for both packages. */
  readonly result: string;
  /** If the order asks for a profile: microseconds for each function. */
  readonly profile?: Readonly<Record<string, number>>;
}

interface Runner {
  readonly run: (
    items: number,
    recorded?: readonly WireOperation[],
  ) => Promise<{ result: string; service?: BareService }>;
  readonly close?: () => Promise<void>;
}

async function runnerOnService(work: Work, { subject, dist }: Order): Promise<Runner> {
  const invoke = (await loadSubject(subject, dist))(work.handler, work.settings);
  const keep = work.suspends === true || work.replays === true;
  return {
    async run(items, recorded = []) {
      const service = new BareService({ count: items }, { latencyMs: work.latencyMs ?? 0, keep });
      for (const operation of recorded) service.operations.set(operation.Id as string, operation);
      return { result: await finish(invoke, service), service };
    },
  };
}

async function finish(invoke: Invocation, service: BareService): Promise<string> {
  for (let count = 0; count < 20; count++) {
    const output = await invoke(service);
    if (output.Status === "SUCCEEDED") return output.Result ?? "";
    if (output.Status !== "PENDING") throw new Error(`It ended as ${JSON.stringify(output)}.`);
    service.elapse();
  }
  throw new Error("It has not ended after 20 invocations.");
}

/** Runs on the embedded engine, which syncs every request to an SQLite file. The times include engine and journal. */
async function runnerOnEngine(work: Work, { dist }: Order): Promise<Runner> {
  const { tmpdir } = await import("node:os");
  const sdk = (await import(`${dist}index.mjs`)) as typeof import("../src/index.ts");
  const testing = (await import(`${dist}testing.mjs`)) as typeof import("../src/testing.ts");
  const folder = mkdtempSync(`${tmpdir()}/durable-fanout-bench-`);
  const journal = new testing.SqliteJournal(`${folder}/journal.db`, { synchronous: "full" });
  const engine = new testing.LocalEngine({ journal, quotas: { operations: Number.POSITIVE_INFINITY } });
  const handler = sdk.withDurableExecution(work.handler, { runtime: withoutQuotas(work.settings) });
  engine.register("bench", handler);
  return {
    async run(items) {
      const started = engine.start({ functionName: "bench", input: JSON.stringify({ count: items }) });
      const { status, result, error } = await started.result;
      if (status !== "SUCCEEDED") throw new Error(`It ended as ${status}: ${error?.ErrorMessage}`);
      return { result: result ?? "" };
    },
    async close() {
      await engine.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function execute(order: Order): Promise<Report> {
  const work = workNamed(order.work);
  const { items, state, recorded } = order;
  const loadingAt = performance.now();
  const { run, close } = await (work.onEngine ? runnerOnEngine : runnerOnService)(work, order);
  const loadMs = performance.now() - loadingAt;
  if (order.records) {
    const { service } = await run(items);
    writeFileSync(recorded as string, JSON.stringify(service?.recorded()));
    return { result: "", sample: {} as Sample };
  }
  const before = recorded === undefined ? [] : operationsOf(recorded);
  if (state === "warm") await run(WARM_ITEMS);
  const stopProfiling = order.profiles ? await (await import("./profiler.ts")).startProfiling() : undefined;
  const idleKilobytes = forgetPeak();
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  const { result, service } = await run(items, before);
  const endedAt = performance.now();
  const { user, system } = process.cpuUsage(cpuBefore);
  const peakKilobytes = statusKilobytes("VmHWM");
  const profile = await stopProfiling?.();
  await close?.();
  const ownMicros = service?.ownMicros ?? 0;
  const wallMs = endedAt - startedAt - ownMicros / 1_000;
  return {
    result,
    ...(profile === undefined ? {} : { profile }),
    sample: {
      wallMs,
      cpuMicros: (user + system - ownMicros) / items,
      ...(idleKilobytes === undefined || peakKilobytes === undefined
        ? {}
        : { peakMegabytes: (peakKilobytes - idleKilobytes) / 1_024 }),
      ...(service && { updates: service.updates, requests: service.requests, bytes: service.bytes }),
      itemsPerSecond: items / (wallMs / 1_000),
      loadMs,
    },
  };
}

/** Reads recorded operations. Times become Dates, because the AWS client also returns Dates. */
function operationsOf(file: string): WireOperation[] {
  return JSON.parse(readFileSync(file, "utf8"), (key, value) => (/Timestamp$/.test(key) ? new Date(value) : value));
}

/** Resets the kernel's peak of resident memory (proc(5), `clear_refs`). Returns the present memory in kB, on Linux. */
function forgetPeak(): number | undefined {
  try {
    writeFileSync("/proc/self/clear_refs", "5");
    return statusKilobytes("VmRSS");
  } catch {
    return undefined;
  }
}

function statusKilobytes(field: "VmHWM" | "VmRSS"): number | undefined {
  try {
    const found = new RegExp(`${field}:\\s+(\\d+) kB`).exec(readFileSync("/proc/self/status", "utf8"));
    return found === null ? undefined : Number(found[1]);
  } catch {
    return undefined;
  }
}

console.log(`\n${JSON.stringify(await execute(JSON.parse(process.argv[2] as string) as Order))}`);
