import type { RuntimeOptions } from "../../src/index.ts";
import type { Policy } from "../support/fan-outs.ts";
import type { Case, Surroundings } from "./case.ts";
import { generateFaults } from "./faults.ts";
import type { Capabilities, Profile } from "./profiles.ts";
import { type FanOut, has, mapNodes, type Node, type Step } from "./program.ts";
import { Random } from "./random.ts";
import type { Outside } from "./service.ts";

/** Where a node is to stand. */
interface Spot {
  readonly depth: number;
  readonly isInBatch: boolean;
  /** Inside of the limiter: there it must not be asked for again. */
  readonly isLimited: boolean;
}

const NOT_ENDING_MS = 900_000;

/** The case of a seed. */
export function generateCase(seed: number, profile: Profile, capabilities: Capabilities): Case {
  return new Generator(new Random(seed), profile, capabilities).case(seed);
}

class Generator {
  readonly #random: Random;
  readonly #profile: Profile;
  readonly #isOld: boolean;
  readonly #isEarly: boolean;
  readonly #hasFaults: boolean;
  readonly #hasDeadlines: boolean;
  readonly #payloadBytes: number;
  /** Whether a step may fail for good. */
  readonly #mayFail: boolean;
  readonly #hasLimiter: boolean;
  #slots = 0;

  constructor(random: Random, profile: Profile, capabilities: Capabilities) {
    this.#random = random;
    this.#profile = profile;
    this.#isOld = capabilities === "old";
    this.#isEarly = random.chance(profile.early);
    this.#hasFaults = random.chance(profile.faults);
    this.#hasDeadlines = random.chance(profile.deadlines);
    this.#payloadBytes = random.chance(profile.limits) ? random.pick([2_048, 4_096, 8_192]) : 262_144;
    this.#mayFail = random.chance(0.4);
    const hasLimiter = random.chance(profile.limiters);
    // A branch that is left behind keeps what it has locked.
    this.#hasLimiter = hasLimiter && !this.#isEarly;
  }

  case(seed: number): Case {
    const program = withSmallRaces(this.#program());
    const surroundings = this.#surroundings(seed, program);
    const faults = this.#hasFaults ? generateFaults(this.#random, this.#profile.mostFaults) : [];
    return { program, surroundings, faults };
  }

  #program(): Node[] {
    const random = this.#random;
    const spot = { depth: 0, isInBatch: false, isLimited: false };
    const begun: Node[] = [];
    for (
      let left = random.weighted([
        [6, 0],
        [3, 1],
        [1, 2],
      ]);
      left > 0;
      left--
    )
      begun.push(this.#begin(spot));
    const nodes: Node[] = [...begun, ...this.#nodes(spot, random.int(1, 2))];
    if (random.chance(0.85)) nodes.push(this.#fanOut(spot));
    if (random.chance(0.2)) nodes.push(...this.#nodes(spot, 1));
    for (const node of begun) {
      const isLeft = node.kind === "begin" && node.node.kind === "wait" && random.chance(0.3);
      if (node.kind === "begin" && !isLeft) nodes.push({ kind: "await", slot: node.slot });
    }
    return nodes;
  }

  #begin(spot: Spot): Node {
    const random = this.#random;
    // Who holds the lock may await what is begun here.
    const deeper = { ...spot, depth: 2, isLimited: true };
    const node = random.weighted<() => Node>([
      [3, () => ({ kind: "wait", seconds: random.int(1, 20) })],
      [3, () => this.#step()],
      [2, () => ({ kind: "child", body: this.#nodes(deeper, 2), virtual: false })],
      [1, () => ({ kind: "waitForCallback", timeout: 0, ...this.#outside() })],
    ])();
    return { kind: "begin", slot: this.#slots++, node };
  }

  #nodes(spot: Spot, most: number): Node[] {
    return Array.from({ length: this.#random.int(1, most) }, () => this.#node(spot));
  }

  #node(spot: Spot): Node {
    const random = this.#random;
    const deeper = { ...spot, depth: spot.depth + 1 };
    const nests = spot.depth < 3 ? 1 : 0;
    const alone = spot.isInBatch && this.#isOld ? 0 : 1;
    // What others must be able to address has no place in a batch.
    const outside = !spot.isInBatch ? 1 : this.#isOld ? 0 : 0.3;
    const limited = this.#hasLimiter && !spot.isLimited && spot.depth > 0 ? 8 : 0;
    return random.weighted<() => Node>([
      [10, () => this.#step(spot)],
      [2, () => ({ kind: "code", ms: random.pick([0, 1, 30, 200]) })],
      [2 * alone, () => ({ kind: "wait", seconds: random.int(1, 4) })],
      [1 * alone, () => ({ kind: "condition", polls: random.int(1, 3), delay: random.int(1, 3), ms: this.#ms() })],
      [2 * nests, () => ({ kind: "child", body: this.#nodes(deeper, 3), virtual: random.chance(0.3) })],
      [2 * nests, () => this.#combine(deeper)],
      [0.5 * outside, () => ({ kind: "callback", timeout: 0, ...this.#outside() })],
      [0.5 * outside, () => ({ kind: "waitForCallback", ...this.#timeout() })],
      [0.5 * outside, () => ({ kind: "invoke", ...this.#outside() })],
      [this.#slots > 0 && spot.depth > 0 ? 2 : 0, () => ({ kind: "await", slot: random.int(0, this.#slots - 1) })],
      [limited, () => ({ kind: "limited", body: this.#nodes({ ...deeper, isLimited: true }, 2) })],
      [3 * nests * alone, () => this.#fanOut(spot)],
    ])();
  }

  #step(spot?: Spot): Step {
    const random = this.#random;
    const fails = random.chance(this.#profile.failures);
    const attempts = random.int(2, 3);
    const isTiny = this.#payloadBytes < 262_144;
    // Between the room of a batch's part and that of an operation a result fits with operations of its own only.
    const large = random.pick([0.3, 0.5, 0.6, ...(this.#mayFail ? [1.2] : [])]);
    return {
      kind: "step",
      ms: this.#ms(),
      size: isTiny && random.chance(0.4) ? Math.floor(large * this.#payloadBytes) : random.int(0, 20),
      failures: fails ? random.int(1, this.#mayFail ? attempts : attempts - 1) : 0,
      attempts,
      delay: random.weighted([
        [6, 1],
        [2, 2],
        [1, 5],
        [1, 30],
      ]),
      atMostOnce: this.#mayCallAtMostOnce(spot) && random.chance(0.12),
    };
  }

  #mayCallAtMostOnce(spot: Spot | undefined): boolean {
    if (this.#isOld && (spot === undefined || spot.isInBatch)) return false;
    // An attempt that is cut off fails.
    return this.#isEarly || !(this.#hasFaults || this.#hasDeadlines);
  }

  #ms(): number {
    const random = this.#random;
    return random.weighted([
      [4, () => 0],
      [4, () => random.int(1, 50)],
      [2, () => random.int(100, 1_000)],
      [2, () => random.int(1_000, 8_000)],
    ])();
  }

  #outside(): Outside {
    const random = this.#random;
    const end = this.#mayFail && random.chance(0.3) ? "fail" : "succeed";
    return {
      afterMs: random.weighted([
        [1, 0],
        [1, 1],
        [2, 300],
        [2, random.int(500, 9_000)],
      ]),
      end,
      twice: random.chance(0.3),
    };
  }

  #timeout(): Outside & { readonly timeout: number } {
    const random = this.#random;
    const outside = this.#outside();
    if (this.#mayFail && random.chance(0.3)) return { ...outside, end: "never", timeout: random.int(1, 5) };
    return { ...outside, timeout: this.#isEarly && random.chance(0.3) ? random.int(1, 5) : 0 };
  }

  #combine(spot: Spot): Node {
    const random = this.#random;
    const how = random.pick(
      this.#isEarly ? (["all", "allSettled", "any", "race"] as const) : (["all", "allSettled"] as const),
    );
    const of = Array.from({ length: random.int(1, 3) }, (): Node => {
      if (random.chance(0.7)) return { ...this.#step(spot), size: random.int(0, 20) };
      if (random.chance(0.5) && !(spot.isInBatch && this.#isOld)) return { kind: "wait", seconds: random.int(1, 3) };
      return { kind: "child", body: this.#nodes({ ...spot, depth: 3 }, 2), virtual: false };
    });
    return { kind: "combine", how: how === "all" && this.#mayFail && !this.#isEarly ? "allSettled" : how, of };
  }

  #fanOut(spot: Spot): Node {
    const random = this.#random;
    const kind = random.chance(0.75) ? "map" : "parallel";
    const isMap = kind === "map";
    const batch = isMap && random.chance(this.#profile.batch) ? random.pick([1, 2, 3, 7, 100]) : undefined;
    const { streams } = this.#profile;
    const source = isMap && random.chance(streams) ? random.pick(["iterable", "async iterable"] as const) : "array";
    const collect = isMap && random.chance(streams) ? random.pick(["failures", "reduced"] as const) : "all";
    // Such maps run in batches in any case.
    const sharesNow = batch !== undefined || (this.#isOld && (source !== "array" || collect !== "all"));
    const below = { ...spot, depth: spot.depth + 1, isInBatch: spot.isInBatch || sharesNow };
    const maxConcurrency = random.pick([undefined, undefined, 1, 2, 3]);
    const items = this.#items(below, spot.depth);
    const isAsleep = batch !== undefined && !spot.isInBatch && this.#profile.sleepers > 0;
    const node: FanOut = {
      kind,
      items: isAsleep && random.chance(this.#profile.sleepers) ? this.#asleep(items) : items,
      nesting: random.chance(0.6) ? "NESTED" : "FLAT",
      maxConcurrency,
      concurrency: undefined,
      policy: this.#policy(),
      ...{ batch, source, collect },
    };
    if (this.#mayGate(node, spot)) return this.#gated(node);
    // A branch that waits in memory keeps its place: who is to open the gate might not begin, as the user has written it.
    // Who holds the limiter has begun, and has its place back whoever waits for the limiter.
    const mayStandStill = has([node], ({ kind }) => kind === "pass");
    if (this.#isOld || mayStandStill || !random.chance(this.#hasLimiter ? 0.4 : 0.2)) return node;
    return { ...node, concurrency: random.int(1, 3) };
  }

  #items(spot: Spot, depth: number): Node[][] {
    const random = this.#random;
    const count =
      depth > 0
        ? random.int(0, 4)
        : random.weighted([
            [5, random.int(0, 4)],
            [4, random.int(5, 12)],
            [1, random.int(13, 40)],
          ]);
    if (random.chance(0.35) && count <= 12) return Array.from({ length: count }, () => this.#nodes(spot, 3));
    const template = this.#nodes(count > 12 ? { ...spot, depth: 3 } : spot, count > 12 ? 1 : 3);
    return Array.from({ length: count }, () =>
      mapNodes(template, (node) => (node.kind === "step" && random.chance(0.4) ? this.#like(node, spot) : node)),
    );
  }

  /** The first item waits long. The others go on after answers from outside, some of them after further waits. */
  #asleep(items: readonly Node[][]): Node[][] {
    const random = this.#random;
    const others = items.map((nodes): Node[] => {
      const afterMs = random.int(500, 20_000);
      const waits: Node[] = random.chance(0.3) ? [{ kind: "wait", seconds: random.pick([2, 30, 100, 300]) }] : [];
      return [{ kind: "callback", timeout: 0, afterMs, end: "succeed", twice: false }, ...waits, ...nodes];
    });
    return [[{ kind: "wait", seconds: 600 }], ...others];
  }

  #like(step: Step, spot: Spot): Step {
    return { ...this.#step(spot), atMostOnce: step.atMostOnce };
  }

  #policy(): Policy {
    const random = this.#random;
    if (!this.#isEarly) {
      if (!this.#mayFail && random.chance(0.6)) return { by: "default" };
      return { by: "toleratedFailurePercentage", value: 100 };
    }
    return random.pick<Policy>([
      { by: "default" },
      { by: "minSuccessful", value: random.int(0, 3) },
      { by: "toleratedFailureCount", value: random.int(0, 2) },
      { by: "toleratedFailurePercentage", value: random.pick([0, 25, 50, 100]) },
      { by: "custom", completeAt: random.int(0, 3), outcome: random.pick(["SUCCEEDED", "FAILED"] as const) },
    ]);
  }

  /** What is passed on in memory is lost when an invocation ends: only where that cannot come in between. */
  #mayGate(node: FanOut, spot: Spot): boolean {
    if (this.#hasFaults || this.#hasDeadlines || this.#isEarly || this.#mayFail) return false;
    // A result that is made again does not open a gate whose item needs no second run.
    if (this.#payloadBytes < 262_144) return false;
    if (spot.depth > 0 || node.maxConcurrency !== undefined || node.items.length < 2) return false;
    return this.#random.chance(0.15);
  }

  /** One item opens the gate at its end, and the others do nothing but wait for that. */
  #gated(node: FanOut): FanOut {
    const opener = this.#random.int(0, node.items.length - 1);
    const items = node.items.map((item, index): readonly Node[] =>
      index === opener ? [...item, { kind: "open", gate: 0 }] : [{ kind: "pass", gate: 0 }],
    );
    return { ...node, items };
  }

  #surroundings(seed: number, program: readonly Node[]): Surroundings {
    const random = this.#random;
    const hasMemory = has(program, ({ kind }) => kind === "pass" || (kind === "limited" && this.#isOld));
    const computes = random.chance(0.2);
    const checkpoint = {
      ...(random.chance(0.15) ? { maxUnacknowledged: random.int(0, 10) } : {}),
      ...(random.chance(0.2) ? { elideStarts: true } : {}),
      ...(random.chance(0.1) ? { maxDelayMs: 50 } : {}),
      ...(random.chance(0.1) ? { maxUpdates: random.int(1, 10) } : {}),
    };
    const runtime: RuntimeOptions = {
      checkpoint,
      suspension: { graceMs: random.pick([0, 1, 20]) },
      ...(computes || random.chance(0.1) ? { tickMs: computes ? random.pick([0, 5]) : 0 } : {}),
      ...(random.chance(0.15) ? { codec: "compact" as const } : {}),
      ...(!hasMemory && random.chance(0.1) ? { concurrency: random.int(1, 3) } : {}),
    };
    const latencyMs = random.chance(this.#profile.latency)
      ? random.pick([
          [1, 20],
          [5, 5],
          [1, 500],
        ] as const)
      : ([0, 0] as const);
    // Drawn apart, so that what a seed stood for before is what it stands for without.
    const apart = new Random(seed + 1);
    const startMs = apart.chance(this.#profile.lateStarts)
      ? ([0, apart.pick([100, 1_000, 4_000])] as const)
      : undefined;
    return {
      ...(startMs && { startMs }),
      latencyMs,
      seed,
      invocationMs: this.#hasDeadlines ? random.int(30_000, 60_000) : NOT_ENDING_MS,
      skewMs: this.#hasFaults && random.chance(0.3) ? [random.int(-2_000, 2_000), random.int(-2_000, 2_000)] : [0],
      pageSize: random.chance(0.2) ? random.int(2, 10) : 1_000,
      payloadBytes: this.#payloadBytes,
      runtime,
      changesResults: random.chance(0.25),
      computeMs: computes ? random.pick([1, 10, 50]) : 0,
    };
  }
}

/** A result of a race that is too large to keep is raced for again, and another one may win. */
function withSmallRaces(program: readonly Node[]): Node[] {
  const shrink = (node: Node): Node => (node.kind === "step" ? { ...node, size: Math.min(node.size, 20) } : node);
  const isRaced = has(program, (node) => isRace(node) && has(node.of, ({ kind }) => kind === "await"));
  return mapNodes(program, (node) => {
    if (isRace(node)) return { ...node, of: mapNodes(node.of, shrink) };
    if (isRaced && node.kind === "begin") return { ...node, node: mapNodes([node.node], shrink)[0] as Node };
    return node;
  });
}

function isRace(node: Node): node is Extract<Node, { kind: "combine" }> {
  return node.kind === "combine" && (node.how === "any" || node.how === "race");
}
