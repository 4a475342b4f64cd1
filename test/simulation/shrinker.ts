import { type Case, PLAIN } from "./case.ts";
import { type Node, sizeOf } from "./program.ts";

const MAX_TRIES = 3_000;

/** Makes a failing case smaller as long as it fails: fewer nodes, items and faults, smaller numbers, no settings. */
export async function shrink(given: Case, fails: (smaller: Case) => Promise<boolean>): Promise<Case> {
  let smallest = given;
  let tries = 0;
  // What did not help before seldom helps now: each pass goes on where the last success was.
  let from = 0;
  for (;;) {
    let at = 0;
    let found = false;
    for (const candidate of smaller(smallest)) {
      if (at++ < from) continue;
      if (tries++ > MAX_TRIES) return smallest;
      if (!(await fails(candidate))) continue;
      smallest = candidate;
      found = true;
      break;
    }
    if (!found && from === 0) return smallest;
    from = found ? at - 1 : 0;
  }
}

function* smaller(given: Case): Generator<Case> {
  const { program, surroundings, faults } = given;
  for (const at of faults.keys()) yield { ...given, faults: faults.toSpliced(at, 1) };
  for (const nodes of fewer(program)) if (isWhole(nodes)) yield { ...given, program: nodes };
  for (const [name, value] of Object.entries(PLAIN)) {
    const now = surroundings[name as keyof typeof surroundings];
    if (name !== "runtime" && JSON.stringify(now) !== JSON.stringify(value)) {
      yield { ...given, surroundings: { ...surroundings, [name]: value } };
    }
  }
  for (const name of Object.keys(surroundings.runtime)) {
    const { [name as "batch"]: _, ...runtime } = surroundings.runtime;
    yield { ...given, surroundings: { ...surroundings, runtime } };
  }
  const { checkpoint = {} } = surroundings.runtime;
  for (const name of Object.keys(checkpoint)) {
    const { [name as "maxBytes"]: _, ...rest } = checkpoint;
    yield { ...given, surroundings: { ...surroundings, runtime: { ...surroundings.runtime, checkpoint: rest } } };
  }
  for (const [at, fault] of faults.entries()) {
    for (const smallerAt of lower(fault.at)) yield { ...given, faults: faults.with(at, { ...fault, at: smallerAt }) };
  }
}

/** What is awaited must have begun; what is passed must be opened. */
function isWhole(nodes: readonly Node[]): boolean {
  const text = JSON.stringify(nodes);
  for (const [, slot] of text.matchAll(/"kind":"await","slot":(\d+)/g)) {
    if (!text.includes(`"kind":"begin","slot":${slot}`)) return false;
  }
  return !text.includes('"kind":"pass"') || text.includes('"kind":"open"');
}

function* fewer(nodes: readonly Node[]): Generator<Node[]> {
  if (nodes.length > 3) {
    const half = nodes.length >> 1;
    yield nodes.slice(half);
    yield nodes.slice(0, half);
  }
  for (const at of nodes.keys()) yield nodes.toSpliced(at, 1);
  for (const [at, node] of nodes.entries()) {
    for (const instead of simpler(node)) {
      const changed = nodes.toSpliced(at, 1, ...instead);
      if (sizeOf(changed) <= sizeOf(nodes)) yield changed;
    }
  }
}

/** What may stand in the place of a node. */
function* simpler(node: Node): Generator<readonly Node[]> {
  switch (node.kind) {
    case "child":
      yield node.body;
      for (const body of fewer(node.body)) yield [{ ...node, body }];
      if (node.virtual) yield [{ ...node, virtual: false }];
      break;
    case "limited":
      yield node.body;
      for (const body of fewer(node.body)) if (body.length > 0) yield [{ ...node, body }];
      break;
    case "combine":
      yield node.of;
      for (const of of fewer(node.of)) if (of.length > 0 && of.every(isOperation)) yield [{ ...node, of }];
      break;
    case "begin":
      for (const instead of simpler(node.node)) {
        const [only] = instead;
        if (instead.length === 1 && only !== undefined && isOperation(only)) yield [{ ...node, node: only }];
      }
      break;
    case "map":
    case "parallel": {
      const { items } = node;
      if (items.length > 3) {
        const half = items.length >> 1;
        yield [{ ...node, items: items.slice(half) }];
        yield [{ ...node, items: items.slice(0, half) }];
      }
      for (const at of items.keys()) yield [{ ...node, items: items.toSpliced(at, 1) }];
      for (const [at, item] of items.entries()) {
        for (const body of fewer(item)) yield [{ ...node, items: items.with(at, body) }];
      }
      for (const [name, value] of Object.entries(SIMPLE_FAN_OUT)) {
        const now = node[name as "nesting"];
        if (JSON.stringify(now) !== JSON.stringify(value)) yield [{ ...node, [name]: value }];
      }
      if (items.length === 1) yield items[0] as readonly Node[];
      break;
    }
    case "step":
      if (node.atMostOnce) yield [{ ...node, atMostOnce: false }];
      if (node.size > 20) yield [{ ...node, size: 20 }];
      for (const name of ["ms", "failures", "delay"] as const) {
        for (const value of lower(node[name])) if (name !== "delay" || value > 0) yield [{ ...node, [name]: value }];
      }
      break;
    case "code":
      for (const ms of lower(node.ms)) yield [{ ...node, ms }];
      break;
    case "wait":
      for (const seconds of lower(node.seconds)) if (seconds > 0) yield [{ ...node, seconds }];
      break;
    default:
  }
}

const SIMPLE_FAN_OUT = {
  nesting: "NESTED",
  maxConcurrency: undefined,
  concurrency: undefined,
  policy: { by: "default" },
  batch: undefined,
  source: "array",
  collect: "all",
} as const;

function isOperation({ kind }: Node): boolean {
  return (
    kind !== "code" &&
    kind !== "await" &&
    kind !== "limited" &&
    kind !== "open" &&
    kind !== "pass" &&
    kind !== "callback" &&
    kind !== "map" &&
    kind !== "parallel" &&
    kind !== "begin"
  );
}

function lower(value: number): number[] {
  return value === 0 ? [] : [...new Set([0, 1, Math.floor(value / 2), value - 1])].filter((less) => less < value);
}
