// Runs the tasks of bench/workers-case.ts without an SDK. This is the best that threads can reach on this machine. Its
// cores may share caches and clock, so two threads may be less than twice as fast as one.
import { once } from "node:events";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { spin } from "./workers-tasks.ts";

interface Share {
  /** How many items have been taken. */
  readonly taken: Int32Array<SharedArrayBuffer>;
  readonly items: number;
  readonly rounds: number;
}

/**
 * Starts threads. The returned function runs `items` tasks: a free thread takes the next one. With 0 threads, the main
 * thread runs all tasks.
 */
export async function startBare(threads: number): Promise<(items: number, rounds: number) => Promise<void>> {
  const workers = Array.from({ length: threads }, () => new Worker(new URL(import.meta.url)));
  const share = (items: number, rounds: number): Share => {
    return { taken: new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)), items, rounds };
  };
  const work = async (items: number, rounds: number): Promise<void> => {
    const all = share(items, rounds);
    if (threads === 0) takeAll(all);
    const ended = workers.map((worker) => once(worker, "message"));
    for (const worker of workers) worker.postMessage(all);
    await Promise.all(ended);
  };
  await work(1_000, 10);
  for (const worker of workers) worker.unref();
  return work;
}

function takeAll({ taken, items, rounds }: Share): void {
  while (Atomics.add(taken, 0, 1) < items) spin(rounds);
}

if (!isMainThread) {
  parentPort?.on("message", (share: Share) => {
    takeAll(share);
    parentPort?.postMessage("ended");
  });
}
