import { Bench } from "tinybench";
import { createCodec } from "../src/codec/codec.ts";

const row = (id: number) => ({ id, name: `city ${id}`, country: "NL", population: id * 37, near: [id + 1, id + 2] });
const prose = "The quick brown fox reads the minutes of the last meeting, and finds them wanting. ";

const samples: Record<string, unknown> = {
  "a number": 42,
  "an object of 36 bytes": { id: 12345, ok: true, tag: "abcdef" },
  "20 rows": Array.from({ length: 20 }, (_, id) => row(id)),
  "60 rows": Array.from({ length: 60 }, (_, id) => row(id)),
  "1,000 rows": Array.from({ length: 1_000 }, (_, id) => row(id)),
  "1,000 floats": Array.from({ length: 1_000 }, (_, at) => Math.sin(at) * 1_000),
  "20 kB of text": Array.from({ length: 250 }, (_, at) => `${at} ${prose}`).join(""),
};

export interface CodecRow {
  readonly sample: string;
  /** Bytes as a member of a request, escapes included. */
  readonly jsonBytes: number;
  readonly compactBytes: number;
  /** Median microseconds to encode and read back. */
  readonly jsonMicros: number;
  readonly compactMicros: number;
}

/** What the codecs make of typical results: bytes on the wire, and time for a round trip. */
export async function measureCodecs(): Promise<CodecRow[]> {
  const json = createCodec("json");
  const compact = createCodec("compact");
  const rows: CodecRow[] = [];
  for (const [sample, value] of Object.entries(samples)) {
    const bench = new Bench({ time: 100, iterations: 20, warmupTime: 50 });
    for (const codec of [json, compact]) {
      bench.add(codec.name, () => {
        codec.decode(codec.encode(value));
      });
    }
    await bench.run();
    const micros = bench.tasks.map((task) => (task.result.state === "completed" ? task.result.latency.p50 * 1_000 : 0));
    if (JSON.stringify(compact.decode(compact.encode(value))) !== JSON.stringify(value)) {
      throw new Error(`The compact codec changed ${sample}.`);
    }
    rows.push({
      sample,
      jsonBytes: wireBytes(json.encode(value)),
      compactBytes: wireBytes(compact.encode(value)),
      jsonMicros: micros[0] as number,
      compactMicros: micros[1] as number,
    });
  }
  return rows;
}

function wireBytes(payload: string | undefined): number {
  return Buffer.byteLength(JSON.stringify(payload));
}
