import { durableCost } from "../src/core/cost.ts";
import type { WireOperation } from "../src/index.ts";
import { meter } from "./meter.ts";
import type { Mode, Sample, Scenario, SubjectName } from "./scenario.ts";
import { BareService } from "./service.ts";
import { type Invocation, loadSubject } from "./subjects.ts";

/** Warm-up runs have at most so many items. */
const WARM_UP_ITEMS = 1_000;
/**
 * They go on until there were so many and so much time has passed, or for as long as that at most: both SDKs are given
 * the same time to be compiled in, however fast they are.
 */
const WARM_UP = { rounds: 10, leastMs: 1_500, mostMs: 3_000 };

/**
 * Runs a scenario on the bare service. Warm: after runs that load and compile what it needs, as in a Lambda that has
 * served before. Cold: at once.
 */
export async function runBare(
  scenario: Scenario,
  subject: SubjectName,
  { items, mode }: { items: number; mode: Mode },
): Promise<Sample> {
  const invocation = (await loadSubject(subject))(scenario.handler, scenario.settings);
  if (mode === "warm") await warmUp(scenario, invocation, Math.min(items, WARM_UP_ITEMS));
  const repeats = mode === "warm" ? repeatsFor(scenario, items) : 1;
  const prepared = await Promise.all(Array.from({ length: repeats }, () => prepare(scenario, invocation, items)));
  const before = prepared.map(({ ownMicros }) => ownMicros);
  const counts = prepared.map(({ updates, requests, bytes, begun, retries, dataBytes, invocations }) => {
    return { updates, requests, bytes, begun, retries, dataBytes, invocations };
  });
  let startedAt = 0;
  const reading = await meter(async () => {
    for (const service of prepared) {
      startedAt = performance.now();
      await finish(invocation, service, scenario.name);
    }
  }, mode === "warm");
  const last = prepared.at(-1) as BareService;
  const from = counts.at(-1) as (typeof counts)[number];
  const ownMicros = prepared.reduce((sum, { ownMicros: own }, at) => sum + own - (before[at] as number), 0);
  const operations = last.begun - from.begun;
  const wallMs = (reading.wallMs - ownMicros / 1_000) / repeats;
  return {
    wallMs,
    cpuMicros: (reading.cpuMicros - ownMicros) / repeats / items,
    serviceMicros: ownMicros / repeats / items,
    // What a warm-up or a preparation left in the heap would be taken for idle memory.
    ...(reading.peakMegabytes === undefined || mode === "warm" || scenario.after !== undefined
      ? {}
      : { peakMegabytes: reading.peakMegabytes }),
    delayMaxMs: reading.delayMaxMs,
    delayP99Ms: reading.delayP99Ms,
    updates: last.updates - from.updates,
    requests: last.requests - from.requests,
    bytes: last.bytes - from.bytes,
    operations,
    dollars: durableCost(1 + operations + last.retries - from.retries, last.dataBytes - from.dataBytes).totalUsd,
    invocations: last.invocations - from.invocations,
    ...(last.firstResultAt === undefined || scenario.after !== undefined
      ? {}
      : { firstResultMs: last.firstResultAt - startedAt }),
    itemsPerSecond: items / (wallMs / 1_000),
  };
}

/** What is too short for the clock is done several times over. */
function repeatsFor({ latencyMs, after }: Scenario, items: number): number {
  if ((latencyMs ?? 0) > 0 || after !== undefined) return 1;
  if (items <= 1) return 200;
  if (items <= 10) return 100;
  if (items <= 100) return 30;
  return items <= 1_000 ? 3 : 1;
}

function serviceFor({ after, suspends, latencyMs = 0 }: Scenario, items: number): BareService {
  return new BareService({ count: items }, { latencyMs, keep: after !== undefined || suspends === true });
}

async function warmUp(scenario: Scenario, invocation: Invocation, items: number): Promise<void> {
  const begin = performance.now();
  for (let rounds = 1; ; rounds++) {
    await finish(invocation, await prepare({ ...scenario, latencyMs: 0 }, invocation, items), scenario.name);
    const passed = performance.now() - begin;
    if (passed >= WARM_UP.mostMs || (rounds >= WARM_UP.rounds && passed >= WARM_UP.leastMs)) return;
  }
}

/** Does what comes before the measured part, and returns the service that this starts from. */
async function prepare(scenario: Scenario, invocation: Invocation, items: number): Promise<BareService> {
  const first = serviceFor(scenario, items);
  if (scenario.after === undefined) return first;
  if (scenario.after === "suspended") {
    const { Status } = await invocation(first);
    if (Status !== "PENDING") throw new Error(`${scenario.name}: the first invocation ended as ${Status}.`);
    first.elapse();
    return first;
  }
  await finish(invocation, first, scenario.name);
  if (scenario.after === "half") first.forgetSecondHalf();
  const recorded: readonly WireOperation[] = first.recorded();
  const again = serviceFor(scenario, items);
  for (const operation of recorded) again.operations.set(operation.Id as string, operation);
  return again;
}

/** Invokes until the execution has succeeded; between two invocations all that it waits for happens. */
async function finish(invocation: Invocation, service: BareService, name: string): Promise<void> {
  for (let count = 0; count < 20; count++) {
    const output = await invocation(service);
    if (output.Status === "SUCCEEDED") return;
    if (output.Status !== "PENDING") throw new Error(`${name} ended as ${JSON.stringify(output)}.`);
    service.elapse();
  }
  throw new Error(`${name} has not ended after 20 invocations.`);
}
