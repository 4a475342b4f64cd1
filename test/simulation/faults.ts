import type { Random } from "./random.ts";

/** What happens to the requests of an execution, counted over all its invocations from 0. */
export type RequestFault =
  | "lost before"
  | "lost after"
  | "late"
  | "twice"
  | "throttled"
  | "server error"
  | "timeout"
  | "stale token"
  | "no token";

/** Something that goes wrong. `at` counts requests, reads of state pages, or events of the function. */
export type Fault =
  | { readonly kind: RequestFault; readonly at: number; readonly ms: number }
  | { readonly kind: "page lost"; readonly at: number }
  | { readonly kind: "killed" | "second invocation"; readonly at: number };

export const FAULT_KINDS = [
  "lost before",
  "lost after",
  "late",
  "twice",
  "throttled",
  "server error",
  "timeout",
  "stale token",
  "no token",
  "page lost",
  "killed",
  "second invocation",
] as const satisfies readonly Fault["kind"][];

/** Faults that harm nothing: the runtime only sees an answer later. */
export function isHarmless({ kind }: Fault): boolean {
  return kind === "late" || kind === "twice";
}

/** A few faults, early ones more often. */
export function generateFaults(random: Random, most: number): Fault[] {
  const faults: Fault[] = [];
  const count = random.int(1, most);
  for (let n = 0; n < count; n++) {
    const kind = random.pick(FAULT_KINDS);
    switch (kind) {
      case "killed":
      case "second invocation":
        faults.push({ kind, at: Math.floor(random.next() ** 2 * 300) });
        break;
      case "page lost":
        faults.push({ kind, at: random.int(0, 6) });
        break;
      default:
        faults.push({ kind, at: Math.floor(random.next() ** 2 * 40), ms: random.int(1, 8_000) });
    }
  }
  return faults;
}
