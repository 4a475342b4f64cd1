import type { ErrorObject, Operation, OperationUpdate } from "../../src/index.ts";
import type { VirtualClock } from "./clock.ts";
import { type Limits, objection } from "./request-rules.ts";

/** What the outside does to a callback or an invoke; it travels in the operation's name, as text. */
export interface Outside {
  readonly afterMs: number;
  readonly end: "succeed" | "fail" | "never";
  /** Once more, some time later: the second completion must be without effect. */
  readonly twice: boolean;
}

/** `site!afterMs,end,twice` */
export function nameOutside(site: string, { afterMs, end, twice }: Outside): string {
  return `${site}!${afterMs},${end},${twice ? 2 : 1}`;
}

function outsideOf(name: string | undefined): Outside | undefined {
  const [afterMs, end, times] = name?.split("!")[1]?.split(",") ?? [];
  if (afterMs === undefined) return undefined;
  return { afterMs: Number(afterMs), end: end as Outside["end"], twice: times === "2" };
}

export class Refusal extends Error {
  readonly $metadata: { readonly httpStatusCode: number };

  constructor(name: string, message: string, httpStatusCode: number) {
    super(message);
    this.name = name;
    this.$metadata = { httpStatusCode };
  }
}

/**
 * The service's side of one execution, as the protocol describes it.
 *
 * SS1  A request spends the latest token, and is applied as a whole or not at all.
 * SS2  A change is told once: in the answer to the next request, or in the next event.
 * SS3  What is below a context that has ended is not told any more, unless the context asked for that.
 * SS4  A callback or an invoke is completed once: by whoever comes first.
 */
export class SimulatedService {
  readonly operations = new Map<string, Operation>();
  /** Told when something has changed that was not asked for by a request. */
  onNews: () => void = () => {};
  /** Told of operations that are recorded as ended. */
  onRecorded: (operation: Operation) => void = () => {};
  /** What the runtime should not have sent. */
  onObjection: (what: string) => void = () => {};
  result: { readonly payload?: string; readonly error?: ErrorObject } | undefined;
  readonly #clock: VirtualClock;
  readonly #limits: Limits;
  #token = 0;
  #undelivered = new Set<string>();

  constructor(clock: VirtualClock, limits: Limits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  get hasNews(): boolean {
    return this.#undelivered.size > 0;
  }

  get hasPending(): boolean {
    for (const operation of this.operations.values()) if (isPending(operation)) return true;
    return false;
  }

  /** A new invocation begins; tokens given out before are stale from now on. */
  begin(): { token: string; operations: Operation[]; updatedIds: string[] } {
    const updatedIds = [...this.#undelivered];
    this.#undelivered = new Set();
    return { token: this.#nextToken(), operations: this.#delivered(), updatedIds };
  }

  // SS3
  #delivered(): Operation[] {
    const isPruned = (id: string | undefined): boolean => {
      const parent = id === undefined ? undefined : this.operations.get(id);
      if (parent === undefined) return false;
      const isOver = parent.Status === "SUCCEEDED" || parent.Status === "FAILED";
      return (isOver && parent.ContextDetails?.ReplayChildren !== true) || isPruned(parent.ParentId);
    };
    return [...this.operations.values()].filter(({ ParentId }) => !isPruned(ParentId)).map(copy);
  }

  /** @throws Refusal */
  checkpoint(token: string | undefined, updates: readonly OperationUpdate[]): { token: string; changed: Operation[] } {
    if (token !== String(this.#token)) {
      throw new Refusal("InvalidParameterValueException", "Invalid checkpoint token", 400); // SS1
    }
    const fault = objection(updates, this.operations, this.#limits);
    if (fault !== undefined) {
      this.onObjection(fault);
      throw new Refusal("InvalidParameterValueException", fault, 400);
    }
    const changed = this.#undelivered;
    this.#undelivered = new Set();
    for (const update of updates) {
      if (update.Type === "EXECUTION") {
        this.result = { ...(update.Payload === undefined ? {} : { payload: update.Payload }) };
        continue;
      }
      this.#apply(update);
      changed.add(update.Id as string);
    }
    // SS2
    const operations = Array.from(changed, (id) => copy(this.operations.get(id) as Operation));
    return { token: this.#nextToken(), changed: operations };
  }

  #nextToken(): string {
    return String(++this.#token);
  }

  #apply(update: OperationUpdate): void {
    const id = update.Id as string;
    const now = new Date(this.#clock.epochMs());
    const base: Operation = this.operations.get(id) ?? begun(update, now);
    const ended = { Status: update.Action === "FAIL" ? "FAILED" : "SUCCEEDED", EndTimestamp: now } as const;
    const { Payload: payload, Error: error } = update;
    const outcome = {
      ...(payload === undefined ? {} : { Result: payload }),
      ...(error === undefined ? {} : { Error: error }),
    };
    const put = (members: Partial<Operation>): void => {
      const operation = { ...base, ...members };
      this.operations.set(id, operation);
      if (operation.EndTimestamp !== undefined) this.onRecorded(operation);
    };
    switch (update.Type) {
      case "STEP": {
        const attempts = base.StepDetails?.Attempt ?? 0;
        if (update.Action === "START") return put({ Status: "STARTED", StepDetails: { ...base.StepDetails } });
        const details = { Attempt: attempts + 1, ...outcome };
        if (update.Action !== "RETRY") return put({ ...ended, StepDetails: details });
        const delayMs = (update.StepOptions?.NextAttemptDelaySeconds ?? 0) * 1_000;
        put({
          Status: "PENDING",
          StepDetails: { ...details, NextAttemptTimestamp: new Date(now.getTime() + delayMs) },
        });
        this.#later(id, "PENDING", delayMs, ({ StepDetails: { NextAttemptTimestamp: _, ...rest } = {} }) => {
          return { Status: "READY", StepDetails: rest };
        });
        return;
      }
      case "CONTEXT": {
        if (update.Action === "START") return put({ Status: "STARTED", ContextDetails: {} });
        const kept = update.ContextOptions?.ReplayChildren === true ? { ReplayChildren: true } : {};
        return put({ ...ended, ContextDetails: { ...outcome, ...kept } });
      }
      case "WAIT": {
        const delayMs = (update.WaitOptions?.WaitSeconds ?? 0) * 1_000;
        put({ Status: "STARTED", WaitDetails: { ScheduledEndTimestamp: new Date(now.getTime() + delayMs) } });
        this.#later(id, "STARTED", delayMs, () => ({ Status: "SUCCEEDED", EndTimestamp: this.#now() }));
        return;
      }
      case "CALLBACK": {
        put({ Status: "STARTED", CallbackDetails: { CallbackId: `callback-${id}` } });
        const timeoutMs = (update.CallbackOptions?.TimeoutSeconds ?? 0) * 1_000;
        const close = (status: "SUCCEEDED" | "FAILED" | "TIMED_OUT", end: object) => (open: Operation) => {
          const members = { ...open.CallbackDetails, ...end };
          return { Status: status, EndTimestamp: this.#now(), CallbackDetails: members };
        };
        if (timeoutMs > 0) {
          const late = { ErrorType: "Callback.Timeout", ErrorMessage: "Callback timed out" };
          this.#later(id, "STARTED", timeoutMs, close("TIMED_OUT", { Error: late }));
        }
        this.#fromOutside(base, (ok) =>
          ok ? close("SUCCEEDED", { Result: "done" }) : close("FAILED", { Error: REFUSED }),
        );
        return;
      }
      case "CHAINED_INVOKE":
        put({ Status: "STARTED", ChainedInvokeDetails: {} });
        this.#fromOutside(base, (ok) => () => ({
          Status: ok ? "SUCCEEDED" : "FAILED",
          EndTimestamp: this.#now(),
          ChainedInvokeDetails: ok ? { Result: '"answer"' } : { Error: REFUSED },
        }));
    }
  }

  #now(): Date {
    return new Date(this.#clock.epochMs());
  }

  #fromOutside(operation: Operation, end: (ok: boolean) => (open: Operation) => Partial<Operation>): void {
    const outside = outsideOf(operation.Name);
    if (outside !== undefined) this.#endFromOutside(operation.Id as string, outside, end);
  }

  /** Somebody outside was handed a callback's id. */
  submitted(callbackId: string, outside: Outside): void {
    const end = (ok: boolean) => (operation: Operation) => ({
      Status: ok ? ("SUCCEEDED" as const) : ("FAILED" as const),
      EndTimestamp: this.#now(),
      CallbackDetails: { ...operation.CallbackDetails, ...(ok ? { Result: "done" } : { Error: REFUSED }) },
    });
    this.#endFromOutside(callbackId.replace("callback-", ""), outside, end);
  }

  #endFromOutside(id: string, outside: Outside, end: (ok: boolean) => (open: Operation) => Partial<Operation>): void {
    if (outside.end === "never") return;
    const { afterMs, twice } = outside;
    this.#later(id, "STARTED", afterMs, end(outside.end === "succeed"));
    if (twice) this.#later(id, "STARTED", afterMs + 700, end(outside.end !== "succeed")); // SS4
  }

  /** What the service does later to an operation, if it is in that status then. */
  #later(id: string, status: string, delayMs: number, change: (operation: Operation) => Partial<Operation>): void {
    const at = this.operations.get(id);
    this.#clock.after(delayMs, () => {
      const operation = this.operations.get(id) as Operation;
      if (operation.Status !== status || this.result !== undefined) return;
      // A step may have been retried since, and wait for another time.
      if (status === "PENDING" && operation.StepDetails?.Attempt !== at?.StepDetails?.Attempt) return;
      this.operations.set(id, { ...operation, ...change(operation) });
      this.#undelivered.add(id);
      this.onNews();
    });
  }
}

const REFUSED: ErrorObject = { ErrorType: "Refused", ErrorMessage: "no" };

function begun({ Id, Type, ParentId, Name, SubType }: OperationUpdate, now: Date): Operation {
  const optional = { ParentId, Name, SubType };
  const operation: Operation = { Id, Type, StartTimestamp: now, Status: "STARTED" };
  for (const [member, value] of Object.entries(optional)) {
    if (value !== undefined) Object.assign(operation, { [member]: value });
  }
  return operation;
}

function isPending({ Type, Status }: Operation): boolean {
  if (Type === "STEP") return Status === "PENDING";
  return Status === "STARTED" && (Type === "WAIT" || Type === "CALLBACK" || Type === "CHAINED_INVOKE");
}

/** The runtime must not be able to change what is recorded. */
function copy(operation: Operation): Operation {
  const copied = { ...operation };
  for (const member of [
    "StepDetails",
    "ContextDetails",
    "WaitDetails",
    "CallbackDetails",
    "ChainedInvokeDetails",
  ] as const) {
    if (operation[member] !== undefined) Object.assign(copied, { [member]: { ...operation[member] } });
  }
  return copied;
}
