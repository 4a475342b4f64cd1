import type {
  CheckpointDurableExecutionRequest,
  CheckpointDurableExecutionResponse,
  DurableExecutionClient,
  GetDurableExecutionStateRequest,
  GetDurableExecutionStateResponse,
  WireOperation,
} from "../../src/index.ts";
import type { Case } from "./case.ts";
import type { VirtualClock } from "./clock.ts";
import type { Fault } from "./faults.ts";
import type { Invocation } from "./invocation.ts";
import type { Random } from "./random.ts";
import { Refusal, type SimulatedService } from "./service.ts";
import type { Tally } from "./tally.ts";

/** What stands between the function and the service: requests take time, and some of them go wrong. */
export class Network {
  readonly #case: Case;
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #service: SimulatedService;
  readonly #tally: Tally;
  readonly #log: (by: Invocation, what: string, detail?: unknown) => void;
  #requests = 0;
  #pages = 0;

  constructor(
    given: Case,
    clock: VirtualClock,
    random: Random,
    service: SimulatedService,
    tally: Tally,
    log: (by: Invocation, what: string, detail?: unknown) => void,
  ) {
    this.#case = given;
    this.#clock = clock;
    this.#random = random;
    this.#service = service;
    this.#tally = tally;
    this.#log = log;
  }

  client(by: Invocation, state: readonly WireOperation[]): DurableExecutionClient {
    return {
      checkpoint: (params) => this.#request(by, params),
      getExecutionState: (params) => this.#page(by, state, params),
    };
  }

  #latency(): number {
    const [least, most] = this.#case.surroundings.latencyMs;
    return this.#random.int(least, most);
  }

  #request(by: Invocation, params: CheckpointDurableExecutionRequest): Promise<CheckpointDurableExecutionResponse> {
    const number = this.#requests++;
    const fault = this.#case.faults.find((one) => one.at === number && "ms" in one);
    if (fault !== undefined) this.#tally.fault(fault.kind);
    const updates = (params.Updates ?? []).map((update) => JSON.parse(JSON.stringify(update)));
    this.#tally.request(updates);
    this.#log(by, `request ${number}${fault === undefined ? "" : ` (${fault.kind})`}`, updates);
    by.requests++;
    const totalMs = this.#latency();
    const thereMs = Math.floor(totalMs / 2);
    const ms = fault !== undefined && "ms" in fault ? fault.ms : 0;
    return new Promise((resolve, reject) => {
      const answer = (response: CheckpointDurableExecutionResponse | Error, afterMs: number): void => {
        this.#clock.after(
          afterMs,
          () => {
            by.requests--;
            const isError = response instanceof Error;
            if (isError || response.CheckpointToken === undefined) by.closed = true;
            this.#log(by, `answer to ${number}`, isError ? response.message : response.NewExecutionState?.Operations);
            if (isError) reject(response);
            else resolve(response);
          },
          by,
        );
      };
      this.#clock.after(thereMs, () => {
        const backMs = totalMs - thereMs;
        const refused = refusalOf(fault);
        if (refused !== undefined) return answer(refused, backMs);
        try {
          if (by.closed || by.superseded)
            throw new Refusal("InvalidParameterValueException", "Invalid checkpoint token", 400);
          const { token, changed } = this.#service.checkpoint(params.CheckpointToken, updates);
          const response = { CheckpointToken: token, NewExecutionState: { Operations: changed } };
          if (fault?.kind === "lost after") return answer(new Error("socket hang up"), backMs);
          if (fault?.kind === "timeout") return answer(timedOut(), backMs + ms);
          if (fault?.kind === "no token") return answer({ NewExecutionState: response.NewExecutionState }, backMs);
          answer(response, backMs + (fault?.kind === "late" ? ms : 0));
        } catch (error) {
          answer(error as Error, backMs);
        }
      });
    });
  }

  #page(
    by: Invocation,
    state: readonly WireOperation[],
    { Marker, MaxItems = 100 }: GetDurableExecutionStateRequest,
  ): Promise<GetDurableExecutionStateResponse> {
    const number = this.#pages++;
    const isLost = this.#case.faults.some(({ kind, at }) => kind === "page lost" && at === number);
    if (isLost) this.#tally.fault("page lost");
    this.#tally.pages++;
    by.requests++;
    const from = Number(Marker ?? 0);
    const to = from + Math.min(MaxItems, this.#case.surroundings.pageSize);
    this.#log(by, `page from ${from}${isLost ? " (lost)" : ""}`);
    return new Promise((resolve, reject) => {
      this.#clock.after(
        this.#latency(),
        () => {
          by.requests--;
          if (isLost) return reject(new Refusal("ServiceException", "try again", 500));
          const more = to < state.length ? { NextMarker: String(to) } : {};
          resolve({ Operations: state.slice(from, to), ...more });
        },
        by,
      );
    });
  }
}

function timedOut(): Error {
  return Object.assign(new Error("The request timed out."), { name: "TimeoutError" });
}

/** How a request is answered that is not applied. */
function refusalOf(fault: Fault | undefined): Error | undefined {
  switch (fault?.kind) {
    case "lost before":
      return new Error("connect ECONNRESET");
    case "throttled":
      return new Refusal("TooManyRequestsException", "Rate exceeded", 429);
    case "server error":
      return new Refusal("ServiceException", "An error occurred.", 500);
    case "stale token":
      return new Refusal("InvalidParameterValueException", "Invalid checkpoint token", 400);
    default:
      return undefined;
  }
}
