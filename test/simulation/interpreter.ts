import { AsyncLocalStorage } from "node:async_hooks";
import pLimit from "p-limit";
import type { BatchResult, DurableContext, DurablePromise } from "../../src/index.ts";
import { completionOf, indexesFrom } from "../support/fan-outs.ts";
import { type Branch, Branches } from "./branches.ts";
import type { Surroundings } from "./case.ts";
import type { VirtualClock } from "./clock.ts";
import { isLate } from "./hints.ts";
import { CHANGED, type Invariants } from "./invariants.ts";
import type { Invocation } from "./invocation.ts";
import { type FanOut, has, isBatched, type Node, type Step } from "./program.ts";
import { Random } from "./random.ts";
import { nameOutside, type Outside } from "./service.ts";

/** Where the code runs: the place in the program, as a path, and the branch around it. */
interface Place {
  readonly site: string;
  readonly branch: Branch | undefined;
  /** The site of the fan-out around it: its gates. */
  readonly fanOut: string;
  /** An item around it shares its operation with others. */
  readonly isInBatch: boolean;
  /** Nobody awaits the operation when it begins. */
  readonly isUnawaited?: true;
}

const inside = new AsyncLocalStorage<string>();

/** Runs a program in one invocation, as the user's handler would. */
export class Interpreter {
  readonly #by: Invocation;
  readonly #watch: Invariants;
  readonly #clock: VirtualClock;
  readonly #surroundings: Surroundings;
  readonly #submit: (callbackId: string, outside: Outside) => void;
  readonly #limiter = pLimit(1);
  readonly #random: Random;
  readonly #begun = new Map<number, PromiseLike<unknown>>();
  readonly #gates = new Map<string, { readonly opened: Promise<void>; readonly open: () => void }>();

  /** `submit` hands a callback's id to somebody outside. */
  constructor(
    by: Invocation,
    watch: Invariants,
    clock: VirtualClock,
    surroundings: Surroundings,
    submit: (callbackId: string, outside: Outside) => void,
  ) {
    this.#submit = submit;
    this.#by = by;
    this.#watch = watch;
    this.#clock = clock;
    this.#surroundings = surroundings;
    this.#random = new Random(surroundings.seed);
  }

  /** The whole program: a failure of one node is what that node gives. */
  async handler(context: DurableContext, nodes: readonly Node[]): Promise<unknown> {
    this.#watch.called(this.#by, "the handler");
    const results: unknown[] = [];
    for (const [at, node] of nodes.entries()) {
      const place = { site: String(at), branch: undefined, fanOut: "", isInBatch: false };
      results.push(await this.#node(context, node, place).catch((error: Error) => describeError(error)));
    }
    return results;
  }

  async #sequence(context: DurableContext, nodes: readonly Node[], place: Place): Promise<unknown[]> {
    const results: unknown[] = [];
    for (const [at, node] of nodes.entries()) {
      results.push(await this.#node(context, node, { ...place, site: `${place.site}.${at}` }));
    }
    return results;
  }

  async #node(context: DurableContext, node: Node, place: Place): Promise<unknown> {
    switch (node.kind) {
      case "code":
        return this.#work(node.ms);
      case "begin":
        this.#begun.set(node.slot, this.#operation(context, node.node, { ...place, isUnawaited: true }));
        return undefined;
      case "await":
        // Others are given the same object.
        return this.#seen(this.#begun.get(node.slot) as PromiseLike<unknown>, place.site, false);
      case "limited":
        return this.#limiter(() => this.#sequence(context, node.body, place));
      case "open":
        this.#gate(place, node.gate).open();
        return undefined;
      case "pass":
        await this.#gate(place, node.gate).opened;
        return undefined;
      case "callback": {
        const config = node.timeout > 0 ? { timeout: { seconds: node.timeout } } : {};
        const creating = context.createCallback(nameOutside(place.site, this.#outside(node, place.site)), config);
        const [promise] = await this.#awaited(creating);
        return this.#seen(promise, place.site);
      }
      default: {
        const operation = this.#operation(context, node, place);
        // What a virtual child gives is recorded nowhere: it is as reliable as what stands in it.
        if (node.kind === "child" && node.virtual) return this.#awaited(operation);
        return this.#seen(operation, place.site);
      }
    }
  }

  /** Begins an operation. */
  #operation(context: DurableContext, node: Node, place: Place): PromiseLike<unknown> {
    const { site } = place;
    switch (node.kind) {
      case "step":
        return this.#step(context, node, place);
      case "wait":
        return context.wait(site, { seconds: node.seconds });
      case "child": {
        const body = (inner: DurableContext) => {
          this.#watch.called(this.#by, `child ${site}`);
          const { isUnawaited: _, ...awaited } = place;
          return this.#sequence(inner, node.body, awaited);
        };
        return context.runInChildContext(site, body, { virtualContext: node.virtual });
      }
      case "condition": {
        const check = async (state: { polls: number }, { attempt }: { attempt: number }) => {
          this.#watch.attemptBegins(this.#by, site, attempt, false, place.branch);
          await this.#attempt(node.ms, site);
          const retry = { delayMs: node.delay * 1_000, isAwaited: true };
          this.#watch.attemptEnds(this.#by, site, attempt, place.branch, attempt < node.polls ? retry : undefined);
          return { polls: state.polls + 1 };
        };
        const waitStrategy = ({ polls }: { polls: number }) =>
          polls < node.polls
            ? { shouldContinue: true as const, delay: { seconds: node.delay } }
            : { shouldContinue: false as const };
        return context.waitForCondition(site, check, { initialState: { polls: 0 }, waitStrategy });
      }
      case "waitForCallback": {
        const config = node.timeout > 0 ? { timeout: { seconds: node.timeout } } : {};
        return context.waitForCallback(site, async (id) => this.#submit(id, this.#outside(node, site)), config);
      }
      case "invoke":
        return context.invoke(nameOutside(site, this.#outside(node, site)), "other", { from: site });
      case "combine": {
        const promises = node.of.map(
          (part, at) => this.#operation(context, part, { ...place, site: `${site}.${at}` }) as DurablePromise<unknown>,
        );
        const combined = combine(context, node.how, site, promises);
        // What has lost stays awaited: code after it is cut off where that only waits.
        for (const promise of promises) void this.#awaited(promise).catch(() => {});
        return combined;
      }
      case "map":
      case "parallel":
        return this.#fanOut(context, node, place);
      default:
        throw new Error(`${node.kind} is no operation`);
    }
  }

  #step(context: DurableContext, node: Step, place: Place): PromiseLike<unknown> {
    const { site } = place;
    const body = async ({ attempt }: { attempt: number }) => {
      this.#watch.attemptBegins(this.#by, site, attempt, node.atMostOnce, place.branch);
      await this.#attempt(node.ms, site);
      const fails = attempt <= node.failures;
      const retry = { delayMs: node.delay * 1_000, isAwaited: place.isUnawaited !== true };
      const isLast = !fails || attempt >= node.attempts;
      this.#watch.attemptEnds(this.#by, site, attempt, place.branch, isLast ? undefined : retry);
      if (fails) throw new RangeError(`attempt ${attempt}`);
      return { site, attempt, text: "x".repeat(node.size) };
    };
    return context.step(site, body, {
      retryStrategy: (_error, attempt) => ({ shouldRetry: attempt < node.attempts, delay: { seconds: node.delay } }),
      semantics: node.atMostOnce ? "AT_MOST_ONCE_PER_RETRY" : "AT_LEAST_ONCE_PER_RETRY",
    });
  }

  #fanOut(context: DurableContext, node: FanOut, place: Place): PromiseLike<unknown> {
    const { site } = place;
    const {
      maxConcurrency,
      concurrency = maxConcurrency === undefined ? this.#surroundings.runtime.concurrency : undefined,
    } = node;
    // Code beside operations keeps its place, but not when others want theirs back and nothing else goes on.
    // Neither is what lost a race seen, and runs on.
    const isSeen = !node.items.some((nodes) => has(nodes, isUnseen));
    const limits = {
      open: maxConcurrency ?? Number.POSITIVE_INFINITY,
      atWork: (isSeen ? concurrency : undefined) ?? Number.POSITIVE_INFINITY,
    };
    const branches = new Branches(site, place.branch, limits);
    const run = async (inner: DurableContext, index: number): Promise<unknown> => {
      const itemSite = `${site}.${index}`;
      this.#watch.called(this.#by, `branch ${itemSite}`);
      const caller = inside.getStore();
      if (caller !== site) this.#watch.note("async-context", `${itemSite} began in that of ${caller}`);
      const branch = branches.begin();
      const isCounted = isBatched(node) && !place.isInBatch;
      if (isCounted) this.#watch.itemBegins(this.#by);
      if (branches.isOverOpen) this.#watch.note("too-many-open", `${branches.open} of ${site}`);
      const { computeMs, pace } = this.#surroundings;
      this.#clock.compute(computeMs);
      try {
        if (pace !== undefined) await this.#clock.sleep(this.#random.int(...pace.branchMs));
        await this.#clock.sleep(this.#lateMs(itemSite, false));
        const nodes = node.items[index] as readonly Node[];
        const at = { site: itemSite, branch, fanOut: site, isInBatch: place.isInBatch || isBatched(node) };
        return await inside.run(itemSite, () => this.#sequence(inner, nodes, at));
      } finally {
        branches.end(branch);
        if (isCounted) this.#watch.itemSettled(this.#by, itemSite);
      }
    };
    const operation = inside.run(site, () =>
      node.kind === "map"
        ? context.map(site, this.#indexes(node) as number[], (inner, _, index) => run(inner, index), mapConfig(node))
        : context.parallel(
            site,
            node.items.map((_, index) => (inner: DurableContext) => run(inner, index)),
            fanOutConfig(node),
          ),
    );
    return {
      // biome-ignore lint/suspicious/noThenProperty: an operation begins to count when it is awaited, not before.
      then: (onFulfilled, onRejected) =>
        operation
          .then((batch) => {
            branches.close();
            return describeBatch(batch as BatchResult<unknown>);
          })
          .then(onFulfilled, onRejected),
    };
  }

  #attempt(ms: number, site: string): Promise<void> {
    const { pace } = this.#surroundings;
    const extraMs = pace === undefined ? 0 : this.#random.int(...pace.attemptMs);
    return this.#clock.sleep(ms + extraMs + this.#lateMs(site, false));
  }

  #outside(outside: Outside, site: string): Outside {
    return { ...outside, afterMs: outside.afterMs + this.#lateMs(site, true) };
  }

  #lateMs(site: string, isOutside: boolean): number {
    const { late } = this.#surroundings;
    const chosenMs = late?.sites?.[site];
    if (chosenMs !== undefined) return chosenMs;
    if (late === undefined || (late.isOutsideOnly && !isOutside)) return 0;
    if (!(isLate(late.hints, site) ?? isOutside)) return 0;
    return late.ms * (late.isUneven ? this.#random.pick([0, 0.1, 1]) : 1);
  }

  #indexes({ source, items }: FanOut): unknown {
    const { pace } = this.#surroundings;
    if (source === "array" || pace === undefined) return indexesFrom(source, items.length);
    const wait = () => this.#clock.sleep(this.#random.int(...pace.readMs));
    async function* read() {
      for (const index of items.keys()) {
        await wait();
        yield index;
      }
    }
    return read();
  }

  /** Code beside an operation that is awaited is not seen by the runtime: it does not count as work of its branch. */
  async #work(ms: number): Promise<undefined> {
    this.#watch.workBegins(this.#by, undefined);
    await this.#clock.sleep(ms);
    this.#watch.workEnds(this.#by, undefined);
  }

  async #awaited<T>(promise: PromiseLike<T>): Promise<T> {
    this.#by.awaiting++;
    try {
      return await promise;
    } finally {
      this.#by.awaiting--;
    }
  }

  /** Awaits an operation, notes what it gave, and then changes that object, as user code may. */
  async #seen(
    promise: PromiseLike<unknown>,
    site: string,
    isOwn = this.#surroundings.changesResults,
  ): Promise<unknown> {
    try {
      const value = await this.#awaited(promise);
      this.#watch.saw(this.#by, site, value ?? null);
      const copy = typeof value === "object" && value !== null ? JSON.parse(JSON.stringify(value)) : value;
      if (isOwn && typeof value === "object" && value !== null) Reflect.set(value, "attempt", CHANGED);
      return copy;
    } catch (error) {
      this.#watch.saw(this.#by, site, describeError(error as Error));
      throw error;
    }
  }

  #gate({ fanOut }: Place, number: number) {
    const key = `${fanOut}/${number}`;
    let gate = this.#gates.get(key);
    if (gate === undefined) {
      let open = (): void => {};
      const opened = new Promise<void>((resolve) => {
        open = resolve;
      });
      gate = { opened, open };
      this.#gates.set(key, gate);
    }
    return gate;
  }
}

function fanOutConfig(node: FanOut) {
  const completionConfig = completionOf(node.policy);
  return {
    nesting: node.nesting,
    ...(node.maxConcurrency === undefined ? {} : { maxConcurrency: node.maxConcurrency }),
    // Not every version under test has the option; then it is ignored.
    ...(node.concurrency === undefined ? {} : { concurrency: node.concurrency }),
    ...(completionConfig === undefined ? {} : { completionConfig }),
  };
}

function mapConfig(node: FanOut) {
  const { batch, collect } = node;
  const reduced = { reduce: (sum: number, _: unknown, index: number) => (sum * 31 + index) % 65_521, initial: 1 };
  return {
    ...fanOutConfig(node),
    ...(batch === undefined ? {} : { batch }),
    ...(collect === "all" ? {} : { collect: collect === "reduced" ? reduced : collect }),
  } as object;
}

function describeBatch(batch: BatchResult<unknown>) {
  const items = batch.all.map(({ index, status, result, error }) => ({
    index,
    status,
    ...(result === undefined ? {} : { result }),
    ...(error === undefined ? {} : { error: describeError(error).error }),
  }));
  const { successCount, failureCount, startedCount, totalCount } = batch;
  return {
    items,
    reason: batch.completionReason,
    status: batch.status,
    counts: [successCount, failureCount, startedCount, totalCount],
    reduced: (batch as { reduced?: unknown }).reduced ?? null,
  };
}

function isUnseen(node: Node): boolean {
  // Where all wait in memory, a branch goes on without a place.
  if (node.kind === "limited" || node.kind === "await" || node.kind === "pass") return true;
  return node.kind === "code" || (node.kind === "combine" && (node.how === "race" || node.how === "any"));
}

/** What a program sees of an error: its class, name and message, and those of its causes. */
export function describeError(error: Error): { readonly error: string } {
  const { code } = error as { code?: string };
  const cause = error.cause instanceof Error ? ` < ${describeError(error.cause).error}` : "";
  // A part of a batch has a little less room than an operation.
  const message = error.message.replace(/the service takes \d+/, "the service takes less");
  return { error: `${error.constructor.name} ${code ?? error.name}: ${message}${cause}` };
}

function combine(
  { promise }: DurableContext,
  how: "all" | "allSettled" | "any" | "race",
  name: string,
  promises: DurablePromise<unknown>[],
): DurablePromise<unknown> {
  switch (how) {
    case "all":
      return promise.all(name, promises);
    case "allSettled":
      return promise.allSettled(name, promises);
    case "any":
      return promise.any(name, promises);
    case "race":
      return promise.race(name, promises);
  }
}
