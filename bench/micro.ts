import * as official from "@aws/durable-execution-sdk-js";
import { Bench } from "tinybench";
import { createCodec } from "../src/codec/codec.ts";
import { childPath, operationId } from "../src/core/ids.ts";
import { createRetryStrategy } from "../src/core/retry.ts";
import { Semaphore } from "../src/core/semaphore.ts";

export interface MicroRow {
  readonly name: string;
  readonly unit: string;
  readonly ours: number;
  readonly official?: number;
}

interface Micro {
  readonly name: string;
  readonly unit: string;
  /** Runs `COUNT` units. */
  readonly ours: () => unknown;
  readonly official?: () => unknown;
}

const COUNT = 1_000;
const times = Array.from({ length: COUNT }, (_, index) => index);
const parent = childPath(undefined, 1);

function takeTurns(): Promise<void> {
  return new Promise((resolve) => {
    let at = 0;
    let done = 0;
    const pull = () => {
      for (; at < COUNT && semaphore.hasRoom; at++) {
        semaphore.acquire((permit) => queueMicrotask(() => permit.done()));
      }
    };
    const semaphore = new Semaphore(10, () => {
      if (++done === COUNT) resolve();
      else pull();
    });
    pull();
  });
}

function decide(strategy: typeof createRetryStrategy): () => void {
  const decision = strategy();
  const busy = new Error("busy");
  return () => {
    for (const _ of times) if (!decision(busy, 1).shouldRetry) throw new Error("A first attempt was the last one.");
  };
}

function roundTrips(name: string, value: unknown): Micro {
  const codec = createCodec("compact");
  const context = { entityId: "1", durableExecutionArn: "arn" };
  const { defaultSerdes } = official;
  return {
    name,
    unit: "encoded and decoded",
    ours: () => {
      for (const _ of times) codec.decode(codec.pack(JSON.stringify(value)));
    },
    async official() {
      for (const _ of times) await defaultSerdes.deserialize(await defaultSerdes.serialize(value, context), context);
    },
  };
}

const rows = Array.from({ length: 100 }, (_, id) => ({ id, name: `city ${id}`, near: [id + 1, id + 2], km: id / 7 }));

const micros: readonly Micro[] = [
  { name: "ids", unit: "path and its wire id", ours: () => times.map((at) => operationId(childPath(parent, at))) },
  { name: "semaphore", unit: "place taken and given back", ours: takeTurns },
  {
    name: "retry strategy",
    unit: "decision about a first attempt",
    ours: decide(createRetryStrategy),
    official: decide(official.createRetryStrategy as typeof createRetryStrategy),
  },
  roundTrips("result of 36 bytes", { id: 12345, ok: true, tag: "abcdef" }),
  roundTrips("result of 100 rows", rows),
];

/** Measures some mechanisms in warm state. They come from the sources, because the build does not export all of them. */
export async function measureMicros(isQuick: boolean): Promise<MicroRow[]> {
  const measured: MicroRow[] = [];
  for (const { name, unit, ours, official: theirs } of micros) {
    const bench = new Bench({ time: isQuick ? 5 : 500, warmupTime: isQuick ? 1 : 200, throws: true });
    for (const run of [ours, ...(theirs === undefined ? [] : [theirs])])
      bench.add(`${bench.tasks.length}`, async () => run());
    await bench.run();
    const [mine = Number.NaN, other] = bench.tasks.map(({ result }) =>
      result.state === "completed" ? (result.latency.p50 * 1e6) / COUNT : Number.NaN,
    );
    measured.push({ name, unit, ours: mine, ...(other === undefined ? {} : { official: other }) });
  }
  return measured;
}
