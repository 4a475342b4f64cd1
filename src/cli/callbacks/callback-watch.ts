import pc from "picocolors";
import { messageOf } from "../../core/errors.ts";
import type { LocalEngine } from "../../local/engine.ts";
import type { OpenCallback } from "../../service/open-callbacks.ts";
import { commandHint } from "../command-hint.ts";
import { callbackDocument } from "../documents.ts";
import { CallbackPlaces, describePlaces } from "../inspect/callback-places.ts";
import { codeOf, type Output } from "../output.ts";
import { applyRequest, type JournalRequest } from "./callback-request.ts";
import { type RequestAnswer, RequestBox } from "./request-box.ts";

const POLL_MS = 200;
const MAX_TOLD = 3;

/** Prints for which callbacks the engine's executions wait. Also applies the requests of other processes. */
export class CallbackWatch {
  readonly #output: Output;
  readonly #engine: LocalEngine;
  readonly #db: string;
  readonly #virtualTime: boolean;
  readonly #told = new Set<string>();
  /** The ARNs of executions that may have suspended, and that `#look` has not looked at since then. */
  readonly #suspended = new Set<string>();
  #box: RequestBox | undefined;
  #poll: NodeJS.Timeout | undefined;
  #unsubscribe: () => void = () => {};

  constructor(options: { output: Output; engine: LocalEngine; db: string; virtualTime: boolean }) {
    this.#output = options.output;
    this.#engine = options.engine;
    this.#db = options.db;
    this.#virtualTime = options.virtualTime;
  }

  start(): void {
    const box = new RequestBox(this.#db);
    this.#box = box;
    this.#poll = setInterval(() => {
      this.#serve(box);
      this.#look();
    }, POLL_MS).unref();
    this.#unsubscribe = this.#engine.subscribe((event) => {
      if (event.type === "invocation-ended" && event.error === undefined) this.#note(event.arn);
    });
  }

  /** Call this after a resume: an execution that an earlier process has suspended may send no event in this process. */
  recall(): void {
    for (const arn of this.#engine.suspended()) this.#note(arn);
  }

  stop(): void {
    clearInterval(this.#poll);
    this.#unsubscribe();
    this.#box?.tidy();
  }

  #note(arn: string): void {
    this.#suspended.add(arn);
    this.#poll?.ref();
  }

  #serve(box: RequestBox): void {
    for (const { id, request } of box.takeRequests(Date.now())) box.answer(id, this.#apply(request));
  }

  #apply(request: JournalRequest): RequestAnswer {
    try {
      applyRequest(this.#engine, request);
      return {};
    } catch (error) {
      return { error: { code: codeOf(error), message: messageOf(error) } };
    }
  }

  #look(): void {
    if (this.#suspended.size === 0) return;
    const open = Array.from(this.#suspended, (arn) => this.#engine.openCallbacks(arn)).flat();
    this.#suspended.clear();
    // While callbacks are open, this timer must keep the process running. In virtual time, no other timer does.
    if (open.length === 0) this.#poll?.unref();
    const fresh = open.filter((callback) => !this.#told.has(callback.callbackId) && this.#mayBeCompleted(callback));
    if (fresh.length === 0) return;
    for (const { callbackId } of fresh) this.#told.add(callbackId);
    const placed = this.#placed(this.#output.json ? fresh : fresh.slice(0, MAX_TOLD));
    if (this.#output.json) return this.#output.printJson({ type: "waiting", callbacks: placed.map(callbackDocument) });
    for (const callback of placed) {
      const { callbackId, name } = callback;
      const isUnique = name !== undefined && open.filter((other) => other.name === name).length === 1;
      const command = commandHint(["complete", isUnique ? name : callbackId], this.#db);
      this.#output.say(`Waits for callback ${describePlaces(callback)}: ${pc.cyan(`${command} --result …`)}`);
    }
    const more = fresh.length - MAX_TOLD;
    if (more > 0) this.#output.say(`… and for ${more} more: ${pc.cyan(commandHint(["callbacks"], this.#db))}`);
  }

  #placed(callbacks: readonly OpenCallback[]) {
    const placesIn = new Map<string, CallbackPlaces>();
    return callbacks.map((callback) => {
      const arn = callback.executionArn;
      const places = placesIn.get(arn) ?? new CallbackPlaces(this.#engine.operations(arn));
      placesIn.set(arn, places);
      return { ...callback, places: places.of(callback) };
    });
  }

  /** In virtual time, time-outs pass as soon as no code runs. So a user has no time to complete the callback. */
  #mayBeCompleted({ timeoutTimestamp, heartbeatTimestamp }: OpenCallback): boolean {
    return !this.#virtualTime || (timeoutTimestamp === undefined && heartbeatTimestamp === undefined);
  }
}
