import type { Policy, SourceKind } from "../support/fan-outs.ts";
import type { Outside } from "./service.ts";

/** A workflow as data, so that a random one can be run, cut, shrunk and pasted. What fails ends what is around it. */
export type Node =
  | Step
  /** Code of the handler's own, between operations. */
  | { readonly kind: "code"; readonly ms: number }
  | { readonly kind: "wait"; readonly seconds: number }
  | { readonly kind: "child"; readonly body: readonly Node[]; readonly virtual: boolean }
  | { readonly kind: "condition"; readonly polls: number; readonly delay: number; readonly ms: number }
  | ({ readonly kind: "callback" | "waitForCallback"; readonly timeout: number } & Outside)
  | ({ readonly kind: "invoke" } & Outside)
  /** Operations that begin together. */
  | { readonly kind: "combine"; readonly how: "all" | "allSettled" | "any" | "race"; readonly of: readonly Node[] }
  /** An operation that begins here and is awaited elsewhere, by its slot; only at the top. */
  | { readonly kind: "begin"; readonly slot: number; readonly node: Node }
  | { readonly kind: "await"; readonly slot: number }
  /** Holds the handler's limiter (one at a time) for as long as the nodes take. */
  | { readonly kind: "limited"; readonly body: readonly Node[] }
  /** Opens a gate of the map around it, or waits in memory until an item has opened it. */
  | { readonly kind: "open" | "pass"; readonly gate: number }
  | FanOut;

export interface Step {
  readonly kind: "step";
  /** How long each attempt takes. */
  readonly ms: number;
  /** Bytes of the result. */
  readonly size: number;
  /** Attempts that fail. */
  readonly failures: number;
  /** Attempts that there may be. */
  readonly attempts: number;
  /** Seconds between them. */
  readonly delay: number;
  readonly atMostOnce: boolean;
}

export interface FanOut {
  readonly kind: "map" | "parallel";
  readonly items: readonly (readonly Node[])[];
  readonly nesting: "NESTED" | "FLAT";
  /** Branches that are open. */
  readonly maxConcurrency: number | undefined;
  /** Branches at work. */
  readonly concurrency: number | undefined;
  readonly policy: Policy;
  /** Of maps. Those with a source or a collector share operations unless it is false. */
  readonly batch: number | false | undefined;
  readonly source: SourceKind;
  readonly collect: "all" | "failures" | "reduced";
}

/** The nodes directly inside a node. */
export function inside(node: Node): readonly (readonly Node[])[] {
  switch (node.kind) {
    case "child":
    case "limited":
      return [node.body];
    case "combine":
      return [node.of];
    case "begin":
      return [[node.node]];
    case "map":
    case "parallel":
      return node.items;
    default:
      return [];
  }
}

/** Every node of a program, and the fan-outs around each. */
export function* everyNode(
  nodes: readonly Node[],
  around: readonly FanOut[] = [],
): Generator<readonly [Node, readonly FanOut[]]> {
  for (const node of nodes) {
    yield [node, around];
    const outer = node.kind === "map" || node.kind === "parallel" ? [...around, node] : around;
    for (const body of inside(node)) yield* everyNode(body, outer);
  }
}

export function has(nodes: readonly Node[], what: (node: Node, around: readonly FanOut[]) => boolean): boolean {
  for (const [node, around] of everyNode(nodes)) if (what(node, around)) return true;
  return false;
}

/** The program with every map's batch replaced; false for operations of their own. */
export function withBatch(nodes: readonly Node[], batch: number | false): Node[] {
  return mapNodes(nodes, (node) => (node.kind === "map" ? { ...node, batch } : node));
}

/**
 * Whether a result may depend on how far a source is read ahead, which batches do: the share of a stream's items is judged
 * once its end is known.
 */
export function judgesAtTheEnd(nodes: readonly Node[]): boolean {
  return has(nodes, (node) => node.kind === "map" && node.source !== "array" && isShare(node));
}

/** Whether a map or parallel says how many of its branches may work at once. */
export function hasWindow(nodes: readonly Node[]): boolean {
  return has(nodes, (node) => (node.kind === "map" || node.kind === "parallel") && node.concurrency !== undefined);
}

/** Whether code between operations takes longer than that. */
export function codeOutlives(nodes: readonly Node[], ms: number): boolean {
  return has(nodes, (node) => node.kind === "code" && node.ms > ms);
}

function isShare({ policy }: FanOut): boolean {
  return policy.by === "toleratedFailurePercentage" && policy.value < 100;
}

export function mapNodes(nodes: readonly Node[], change: (node: Node) => Node): Node[] {
  return nodes.map((node) => {
    const changed = change(node);
    switch (changed.kind) {
      case "child":
      case "limited":
        return { ...changed, body: mapNodes(changed.body, change) };
      case "combine":
        return { ...changed, of: mapNodes(changed.of, change) };
      case "begin":
        return { ...changed, node: mapNodes([changed.node], change)[0] as Node };
      case "map":
      case "parallel":
        return { ...changed, items: changed.items.map((item) => mapNodes(item, change)) };
      default:
        return changed;
    }
  });
}

/** Whether its items share operations. A `batch` inside of a batch has no meaning of its own. */
export function isBatched(node: FanOut): boolean {
  const isMany = node.source !== "array" || node.collect !== "all";
  return node.kind === "map" && node.batch !== false && (node.batch !== undefined || isMany);
}

/** Whether the outcome is the same whichever branch comes first. `isCut`: attempts may be interrupted. */
export function isOrderFree(nodes: readonly Node[], isCut: boolean, maxBytes: number): boolean {
  return !has(nodes, (node) => {
    switch (node.kind) {
      case "combine":
        if (node.how === "any" || node.how === "race") return true;
        // Which failure comes first.
        return node.how === "all" && node.of.length > 1 && mayFail(node.of, isCut, maxBytes);
      case "step":
        return isCut && node.atMostOnce;
      case "callback":
      case "waitForCallback":
        // Both may come first.
        return node.timeout > 0 && node.end !== "never";
      case "map":
      case "parallel": {
        if (node.policy.by === "custom" || node.policy.by === "minSuccessful") return node.items.length > 1;
        if (node.policy.by === "toleratedFailurePercentage" && node.policy.value >= 100) return false;
        return node.items.length > 1 && node.items.some((item) => mayFail(item, isCut, maxBytes));
      }
      default:
        return false;
    }
  });
}

function mayFail(nodes: readonly Node[], isCut: boolean, maxBytes: number): boolean {
  return nodes.some((node) => {
    switch (node.kind) {
      case "step":
        return node.failures >= node.attempts || node.size + 100 > maxBytes || (isCut && node.atMostOnce);
      case "callback":
      case "waitForCallback":
      case "invoke":
        return true;
      case "await":
        return true;
      case "child":
      case "limited":
        return mayFail(node.body, isCut, maxBytes);
      case "combine":
        return node.how !== "allSettled" && mayFail(node.of, isCut, maxBytes);
      default:
        return false;
    }
  });
}

/** How many nodes a program has: what a smaller failing one is measured by. */
export function sizeOf(nodes: readonly Node[]): number {
  let size = 0;
  for (const _ of everyNode(nodes)) size++;
  return size;
}
