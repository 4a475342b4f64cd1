/**
 * Runs a map on a journal: `node crash-run.ts <path> <items>`. Each item prints a line when its step runs, the end prints
 * `result <json>`. To be killed and run again.
 */
import { writeSync } from "node:fs";
import { withDurableExecution } from "@aws/durable-execution-sdk-js";
import { LocalEngine, SqliteJournal, VirtualClock } from "../../src/testing.ts";

const [path = "", items = "0"] = process.argv.slice(2);
const engine = new LocalEngine({ journal: new SqliteJournal(path), clock: new VirtualClock() });
engine.register(
  "f",
  withDurableExecution(async (event: { items: number }, context) => {
    const all = Array.from({ length: event.items }, (_, index) => index);
    const batch = await context.map(
      "items",
      all,
      async (item, index) => {
        const squared = await item.step(`square ${index}`, async () => {
          writeSync(1, `${index}\n`);
          return index * index;
        });
        if (index % 50 === 0) await item.wait("pause", { seconds: 1 });
        return squared;
      },
      { maxConcurrency: 20 },
    );
    return batch.getResults().reduce((sum, n) => sum + n, 0);
  }),
);
const { result } = engine.start({ functionName: "f", name: "crash", input: JSON.stringify({ items: Number(items) }) });
writeSync(1, `result ${JSON.stringify(await result)}\n`);
await engine.close();
