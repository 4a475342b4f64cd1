import { AsyncLocalStorage } from "node:async_hooks";

/** To whom an event belongs: an invocation of the function. What the service does belongs to nobody. */
export interface Owner {
  /** How far the clock of its machine is ahead; milliseconds. */
  readonly skewMs: number;
  /** Its process is gone: none of its events happens any more. */
  killed: boolean;
  /** Timers and immediates of the runtime under test that have not fired. */
  timers: number;
}

type EventKind = "timer" | "immediate" | "sleep" | "service";

interface Scheduled {
  readonly kind: EventKind;
  readonly owner: Owner | undefined;
  readonly run: () => void;
  dueMs: number;
  order: number;
  /** Whether the event is still to come. */
  open: boolean;
}

const EPOCH_MS = Date.UTC(2026, 0, 1);
const real = { setImmediate, setTimeout, clearTimeout, setInterval, clearInterval, clearImmediate, Date };
const realRandom = Math.random;

/**
 * Virtual time for one process: everything that could happen later is an event in one queue, and a driver lets one
 * after the other happen. Between two events the real event loop turns once, so that all microtasks have run.
 *
 * SC1  Time stands still while anything can happen at once, unless code computes. What fell due before an immediate was
 *     asked for comes before it.
 * SC2  Whatever an event sets off belongs to that event's owner: there is nothing else that could run meanwhile.
 * SC3  An owner that is killed has no further event.
 */
export class VirtualClock {
  /** Milliseconds since the beginning. */
  nowMs = 0;
  /** Milliseconds of them in which user code kept the thread. */
  computedMs = 0;
  /** Whose event is happening. */
  current: Owner | undefined;
  /** Events that have happened. */
  happened = 0;
  readonly #heap: Scheduled[] = [];
  #immediates: Scheduled[] = [];
  #cursor = 0;
  #order = 0;

  /** Epoch milliseconds, as the service's clock shows them. */
  epochMs(): number {
    return EPOCH_MS + this.nowMs;
  }

  /** Something that the service or the network does. */
  after(delayMs: number, run: () => void, owner?: Owner): void {
    this.#add("service", owner, delayMs, run);
  }

  /** Time that user code takes. */
  sleep(ms: number): Promise<void> {
    if (ms === 0) return Promise.resolve();
    return new Promise((resolve) => this.#add("sleep", this.current, ms, resolve));
  }

  /** Time for which user code keeps the thread. */
  compute(ms: number): void {
    if (ms <= 0) return;
    this.nowMs += ms;
    this.computedMs += ms;
  }

  /**
   * Lets events happen until there is none or `step`, asked before each one, says false. `step` is given the time of
   * the next event, in milliseconds since the beginning.
   */
  run(step: (nextMs: number) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const turn = (): void => {
        try {
          this.current = undefined;
          if (!step(this.#next()?.dueMs ?? Number.POSITIVE_INFINITY)) return resolve();
          // What was said of it may have changed what is next.
          const next = this.#next();
          if (next === undefined) return resolve();
          this.#happen(next);
        } catch (error) {
          return reject(error);
        }
        real.setImmediate(turn);
      };
      turn();
    });
  }

  #happen(event: Scheduled): void {
    if (event.kind === "immediate") this.#cursor++;
    else pop(this.#heap);
    if (!event.open) return;
    event.open = false;
    if (event.owner !== undefined) {
      if (event.kind === "timer" || event.kind === "immediate") event.owner.timers--;
      if (event.owner.killed) return; // SC3
    }
    this.happened++;
    this.nowMs = Math.max(this.nowMs, event.dueMs);
    this.current = event.owner; // SC2
    event.run();
  }

  #next(): Scheduled | undefined {
    const immediate = this.#immediates[this.#cursor];
    if (immediate !== undefined) {
      const first = this.#first();
      return first !== undefined && first.dueMs < immediate.dueMs ? first : immediate; // SC1
    }
    this.#immediates = [];
    this.#cursor = 0;
    return this.#first();
  }

  #first(): Scheduled | undefined {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (first.open && first.owner?.killed !== true) return first;
      pop(this.#heap);
    }
    return undefined;
  }

  #add(kind: EventKind, owner: Owner | undefined, delayMs: number, run: () => void): Scheduled {
    const event: Scheduled = { kind, owner, run, dueMs: this.nowMs + delayMs, order: this.#order++, open: true };
    if (owner !== undefined && (kind === "timer" || kind === "immediate")) owner.timers++;
    if (kind === "immediate") this.#immediates.push(event);
    else push(this.#heap, event);
    return event;
  }

  #cancel(event: Scheduled | undefined): void {
    if (!(event instanceof Object) || !event.open) return;
    event.open = false;
    if (event.owner !== undefined && event.kind !== "service") event.owner.timers--;
  }

  /** Replaces the timers and clocks of the process; the function that is returned puts them back. */
  install(random: () => number): () => void {
    const nowMs = (): number => this.epochMs() + (this.current?.skewMs ?? 0);
    const timeout = (run: (...args: unknown[]) => void, ms?: number, ...args: unknown[]): unknown => {
      const inContext = AsyncLocalStorage.snapshot();
      // As Node does it: at least a millisecond.
      const delayMs = Math.max(1, Math.trunc(Number(ms) || 0));
      return handle(this.#add("timer", this.current, delayMs, () => inContext(run, ...args)));
    };
    const immediate = (run: (...args: unknown[]) => void, ...args: unknown[]): unknown => {
      const inContext = AsyncLocalStorage.snapshot();
      return handle(this.#add("immediate", this.current, 0, () => inContext(run, ...args)));
    };
    const clear = (event: unknown): void => this.#cancel(event as Scheduled);
    class FakeDate extends real.Date {
      constructor(...args: unknown[]) {
        if (args.length === 0) super(nowMs());
        else super(...(args as [number]));
      }
      static override now(): number {
        return nowMs();
      }
    }
    const fakes = { setTimeout: timeout, clearTimeout: clear, setImmediate: immediate, clearImmediate: clear };
    Object.assign(globalThis, fakes, { Date: FakeDate });
    Object.defineProperty(performance, "now", { configurable: true, value: () => this.nowMs });
    Math.random = random;
    return () => {
      Object.assign(globalThis, real);
      Reflect.deleteProperty(performance, "now");
      Math.random = realRandom;
    };
  }
}

/** What `setTimeout` gives, as far as anybody looks at it. */
function handle(event: Scheduled): Scheduled {
  const node = event as Scheduled & { unref?: () => unknown; ref?: () => unknown };
  node.unref = () => event;
  node.ref = () => event;
  return event;
}

function isBefore(a: Scheduled, b: Scheduled): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}

function push(heap: Scheduled[], event: Scheduled): void {
  let at = heap.push(event) - 1;
  while (at > 0) {
    const above = (at - 1) >> 1;
    const parent = heap[above] as Scheduled;
    if (!isBefore(event, parent)) break;
    heap[at] = parent;
    at = above;
  }
  heap[at] = event;
}

function pop(heap: Scheduled[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    let below = 2 * at + 1;
    if (below >= heap.length) break;
    if (below + 1 < heap.length && isBefore(heap[below + 1] as Scheduled, heap[below] as Scheduled)) below++;
    if (!isBefore(heap[below] as Scheduled, last)) break;
    heap[at] = heap[below] as Scheduled;
    at = below;
  }
  heap[at] = last;
}
