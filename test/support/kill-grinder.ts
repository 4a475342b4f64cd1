import { appendFileSync } from "node:fs";

/** Computes for so long, and says so first. */
export function grind({ order, log, ms }: { order: number; log: string; ms: number }): number {
  appendFileSync(log, `grind ${order}\n`);
  const end = performance.now() + ms;
  while (performance.now() < end);
  return order * order;
}
