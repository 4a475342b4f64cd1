import type { Operation } from "../../src/index.ts";
import type { Branch } from "./branches.ts";
import type { VirtualClock } from "./clock.ts";
import type { Invocation } from "./invocation.ts";

/** What can be found wrong, and what each means. */
export const KINDS = {
  "attempt-again": "an attempt that had ended ran again although no fault was in between",
  "recorded-again": "a step whose end is recorded ran again",
  "at-most-once": "an attempt that may run at most once ran twice",
  "too-many-open": "more branches were open than maxConcurrency",
  "too-many-at-work": "more branches were at work than concurrency",
  "retry-early": "an attempt began before its delay was over",
  "retry-late": "an attempt began long after its delay although the invocation went on",
  "code-after-answer": "user code was called after the invocation had answered",
  "code-after-close": "user code was called after the invocation was told that it can record nothing more",
  contradiction: "an operation gave something else than in an earlier invocation",
  "changed-record": "what user code did to an object that it was given is in the record",
  "async-context": "a branch began in another async context than that of the code that called map",
  hang: "nothing ran and nothing was on its way, but the invocation did not answer",
  stuck: "nothing will ever happen, but the execution has not ended",
  endless: "the execution does not end",
  "timer-left": "a timer of the runtime was left after the answer",
  refused: "a request broke a rule of the service",
  "pending-with-nothing": "PENDING was answered with nothing pending",
  "suspended-early": "PENDING was answered while user code worked that awaited no operation",
  "unhandled-rejection": "a promise was rejected that nobody handled",
  repetition: "more ended items ran again after a crash than checkpoint.maxUnacknowledged and what was open",
  "wrong-result": "the result is not that of the run without batches and faults",
  "unseen-outcome": "no order of acknowledgements that was tried gives this result without batches; there may be one",
  "wrong-runs": "bodies ran another number of times than without batches",
  failed: "the execution failed",
} as const;

/** What the interpreter writes into the objects that operations give. */
export const CHANGED = "changed by user code";

export type Kind = keyof typeof KINDS;

export interface Violation {
  readonly kind: Kind;
  readonly detail: string;
}

export interface Expectations {
  /** How far the clocks of machines are apart: what one of them keeps in memory goes by its own. */
  readonly skewMs: number;
  /** How late a retry in process may be; undefined where that cannot be said. */
  readonly slackMs: number | undefined;
  /** How late a retry may be, over all invocations; undefined where that cannot be said. */
  readonly mostLateMs: number | undefined;
  readonly maxUnacknowledged: number;
}

/** When the next attempt may begin. */
interface Due {
  readonly dueMs: number;
  /** How long code had computed when the attempt before failed. */
  readonly computedMs: number;
  /** The invocation in which the attempt before failed. */
  readonly by: Invocation;
  readonly isAwaited: boolean;
}

/** Watches what user code is made to do, over all invocations of one execution. */
export class Invariants {
  readonly violations: Violation[] = [];
  /** How often each body ran. */
  readonly runs = new Map<string, number>();
  retries = 0;
  readonly #clock: VirtualClock;
  readonly #expectations: Expectations;
  readonly #atMostOnce = new Set<string>();
  /** Attempts that had ended when nothing came in between, by the number of the invocation. */
  readonly #ended = new Map<string, number>();
  readonly #recorded = new Map<string, number>();
  readonly #due = new Map<string, Due>();
  readonly #firm = new Map<string, string>();
  readonly #lost = new Map<string, Invocation>();
  readonly #repeated = new Map<Invocation, Set<string>>();

  constructor(clock: VirtualClock, expectations: Expectations) {
    this.#clock = clock;
    this.#expectations = expectations;
  }

  note(kind: Kind, detail: string): void {
    this.violations.push({ kind, detail: `${detail}, at ${this.#clock.nowMs} ms` });
  }

  /** The runtime calls user code. */
  called(by: Invocation, what: string): void {
    by.idleSinceMs = undefined;
    if (by.answered) this.note("code-after-answer", `${what} in invocation ${by.number}`);
    else if (by.closed) this.note("code-after-close", `${what} in invocation ${by.number}`);
  }

  /** An attempt of a step or a check of a condition begins; `branch` is the one around it. */
  attemptBegins(by: Invocation, site: string, attempt: number, atMostOnce: boolean, branch: Branch | undefined): void {
    const name = `${site}#${attempt}`;
    this.called(by, `attempt ${name}`);
    this.runs.set(site, (this.runs.get(site) ?? 0) + 1);
    if (attempt > 1) this.retries++;
    // An earlier invocation that is under way still does not know.
    if ((this.#ended.get(name) ?? by.number) < by.number) {
      this.note("attempt-again", `${name} in invocation ${by.number}`);
    }
    if (atMostOnce && this.#atMostOnce.has(name)) this.note("at-most-once", `${name} in invocation ${by.number}`);
    this.#atMostOnce.add(name);
    const recorded = this.#recorded.get(site);
    if (recorded !== undefined && recorded <= by.number)
      this.note("recorded-again", `${name} in invocation ${by.number}`);
    // An earlier invocation that is under way still goes by when its own attempt failed.
    if (!by.superseded) this.#checkTime(name);
    this.#checkRepetition(by, site);
    this.workBegins(by, branch);
  }

  /** `retry` is present when another attempt follows; nobody may await that yet, and then it may come late. */
  attemptEnds(
    by: Invocation,
    site: string,
    attempt: number,
    branch: Branch | undefined,
    retry?: { readonly delayMs: number; readonly isAwaited: boolean },
  ): void {
    by.ended.push(`${site}#${attempt}`);
    const next = `${site}#${attempt + 1}`;
    // What an invocation does that is over, or not the only one, need not be what is recorded.
    const counts = by.isActive && !by.closed && !by.superseded;
    if (retry !== undefined && counts && !this.#due.has(next)) {
      const { nowMs, computedMs } = this.#clock;
      this.#due.set(next, { dueMs: nowMs + retry.delayMs, computedMs, by, isAwaited: retry.isAwaited });
    }
    this.workEnds(by, branch);
  }

  #checkTime(name: string): void {
    const due = this.#due.get(name);
    if (due === undefined) return;
    const lateMs = this.#clock.nowMs - due.dueMs;
    const { slackMs, skewMs, mostLateMs } = this.#expectations;
    if (-lateMs > skewMs) this.note("retry-early", `${name} by ${-lateMs} ms`);
    // For so long the invocation went on in which the attempt before had failed. While code computes, nothing begins.
    const computedMs = this.#clock.computedMs - due.computedMs;
    const goneOnMs = Math.min(this.#clock.nowMs, due.by.endedMs) - due.dueMs - computedMs;
    const isLate = slackMs !== undefined && goneOnMs > slackMs;
    if (due.isAwaited && (isLate || (mostLateMs !== undefined && lateMs > mostLateMs)))
      this.note("retry-late", `${name} by ${lateMs} ms`);
  }

  #checkRepetition(by: Invocation, site: string): void {
    for (let at = site.lastIndexOf("."); at > 0; at = site.lastIndexOf(".", at - 1)) {
      const item = site.slice(0, at);
      const lost = this.#lost.get(item);
      if (lost === undefined || lost === by) continue;
      const repeated = this.#repeated.get(lost) ?? new Set();
      this.#repeated.set(lost, repeated.add(item));
      // What is open when the limit is reached still ends.
      const most = this.#expectations.maxUnacknowledged + lost.mostOpen;
      if (repeated.size === most + 1) {
        this.note("repetition", `more than ${most} items of invocation ${lost.number} ran again`);
      }
    }
  }

  workBegins(by: Invocation, branch: Branch | undefined): void {
    by.working++;
    by.idleSinceMs = undefined;
    if (branch === undefined) return;
    branch.count(1);
    const overfull = branch.overfull;
    if (overfull !== undefined) this.note("too-many-at-work", `${overfull.atWork} of ${overfull.site}`);
  }

  workEnds(by: Invocation, branch: Branch | undefined): void {
    by.working--;
    branch?.count(-1);
  }

  /** What an operation gave to user code. */
  saw(by: Invocation, site: string, value: unknown): void {
    // What happens in an earlier invocation beside a newer one is recorded nowhere.
    if (by.superseded) return;
    const text = JSON.stringify(value) ?? "undefined";
    const before = this.#firm.get(site);
    if (before === undefined) by.seen.set(site, text);
    else if (before !== text) {
      const kind = text.includes(CHANGED) ? "changed-record" : "contradiction";
      this.note(kind, `${site} was ${before.slice(0, 200)} and is ${text.slice(0, 200)}`);
    }
  }

  itemBegins(by: Invocation): void {
    by.open++;
    by.mostOpen = Math.max(by.mostOpen, by.open);
  }

  itemSettled(by: Invocation, site: string): void {
    by.open--;
    by.settled.add(site);
  }

  /** The service has recorded the end of an operation; steps are named by their place in the program. */
  recorded(operation: Operation, latest: Invocation): void {
    if (operation.SubType !== "Step" && operation.SubType !== "WaitForCondition") return;
    const { Name: name } = operation;
    if (name !== undefined && !this.#recorded.has(name)) this.#recorded.set(name, latest.number);
  }

  /** An invocation is over. What ended and was seen in it is there for good, if nothing came in between. */
  ended(by: Invocation, isClean: boolean): void {
    if (isClean) {
      for (const name of by.ended) this.#ended.set(name, by.number);
      for (const [site, text] of by.seen) this.#firm.set(site, text);
    } else for (const item of by.settled) this.#lost.set(item, by);
  }
}
