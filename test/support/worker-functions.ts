/** What the tests of worker threads run on them. */
import { execFileSync } from "node:child_process";
import { appendFileSync, existsSync } from "node:fs";
import { inspect } from "node:util";
import { threadId } from "node:worker_threads";
import { transfer, workers, workerTask } from "../../src/workers.ts";

export function double(n: number): number {
  return n * 2;
}

export async function later(n: number, ms: number): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, ms));
  return n;
}

/** Computes for so many milliseconds of processor time of its thread. */
export function burn(ms: number): number {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
  return ms;
}

export function whichThread(): number {
  return threadId;
}

/**
 * Waits until two calls have been inside at once, however long a thread takes to start. `cells` are shared: how many
 * are inside, and how many were at most. Returns its thread.
 */
export function meet(cells: Int32Array): number {
  const inside = Atomics.add(cells, 0, 1) + 1;
  for (let most = Atomics.load(cells, 1); most < inside; most = Atomics.load(cells, 1)) {
    Atomics.compareExchange(cells, 1, most, inside);
  }
  Atomics.notify(cells, 1);
  while (Atomics.load(cells, 1) < 2) Atomics.wait(cells, 1, 1);
  Atomics.sub(cells, 0, 1);
  return threadId;
}

let calls = 0;

/** How often this thread has called it: the module is loaded once. */
export function countCalls(): number {
  return ++calls;
}

export class NotReadyError extends RangeError {
  readonly code = "ERR_NOT_READY";
  readonly details = { retryInMs: 5 };
  readonly helper = () => 1;
}

/** Adds a member whose getter throws. */
export function withGetter<T extends object>(object: T, name: string): T {
  return Object.defineProperty(object, name, {
    get() {
      throw new TypeError("not loaded");
    },
    enumerable: true,
  });
}

export function fail(kind: string): never {
  switch (kind) {
    case "own class":
      throw new NotReadyError("not ready", { cause: new TypeError("below", { cause: "text" }) });
    case "text":
      throw "a text";
    case "object":
      throw { name: "Custom", message: "an object" };
    case "uncloneable":
      throw () => 1;
    case "without text":
      throw Object.assign(Object.create(null) as object, { f() {} });
    case "custom text that throws":
      throw { f() {}, [inspect.custom]: () => fail("text") };
    case "revoked": {
      const { proxy, revoke } = Proxy.revocable({}, {});
      revoke();
      throw proxy;
    }
    case "getter":
      throw withGetter(new NotReadyError("not ready", { cause: withGetter(new TypeError("below"), "name") }), "value");
    case "getter in a member":
      throw Object.assign(new NotReadyError("not ready"), { value: { inner: withGetter({}, "value") } });
    case "getter of the cause":
      throw withGetter(new NotReadyError("not ready"), "cause");
    case "getter of the errors":
      throw withGetter(new AggregateError([], "not ready"), "errors");
    case "aggregate":
      throw new AggregateError([new TypeError("one"), new Error("two")], "both");
    case "abort":
      throw new DOMException("stopped", "AbortError");
    case "undefined":
      throw undefined;
    default: {
      const error = new Error("renamed");
      error.name = "Renamed";
      throw error;
    }
  }
}

export function exit(code: number): never {
  process.exit(code);
}

/** Leaves a rejection behind that nobody waits for. */
export async function leaveRejection(): Promise<string> {
  void Promise.reject(new TypeError("left behind"));
  return "done";
}

export function throwLater(): Promise<never> {
  setTimeout(() => {
    throw new TypeError("thrown by a timer");
  });
  return new Promise(() => {});
}

export function exhaustMemory(): number {
  const kept: unknown[] = [];
  for (;;) kept.push(Array.from({ length: 10_000 }, (_, index) => ({ index })));
}

export function spin(): never {
  for (;;);
}

/** Leaves work behind that never ends. */
export function spinLater(n: number): number {
  setImmediate(spin);
  return n;
}

/** Waits in native code, which cannot be interrupted, until the file exists; not for ever, so that a failed test ends. */
export function blockUntil(file: string): void {
  const code = "setInterval(() => fs.existsSync(process.argv[1]) && process.exit(), 5)";
  if (!existsSync(file)) execFileSync(process.execPath, ["-e", code, file], { timeout: 120_000 });
}

/** Computes until nobody wants its result. */
export function spinUntilUnwanted(): string {
  const { signal } = workerTask();
  while (!signal.aborted);
  return "stopped";
}

export async function waitUntilUnwanted(): Promise<string> {
  const { signal } = workerTask();
  await new Promise((resolve) => signal.addEventListener("abort", resolve));
  return "stopped";
}

/** Waits until the call is unwanted, and stores this in shared memory. */
export async function markWhenUnwanted(cells: Int32Array): Promise<void> {
  await waitUntilUnwanted();
  Atomics.store(cells, 0, 1);
}

/** Looks only after so many milliseconds whether the call is unwanted. */
export async function markLaterWhenUnwanted(cells: Int32Array, ms: number): Promise<void> {
  await later(0, ms);
  Atomics.store(cells, 0, workerTask().signal.aborted ? 1 : 2);
}

export function uncloneable(): unknown {
  return { rows: [{ ok: 1 }, { onClick: () => 1 }] };
}

export function returnGetter(): unknown {
  return { rows: [withGetter({ id: 1 }, "lazy")] };
}

export function logGetter(): void {
  workerTask().logger.info("a getter", withGetter({ id: 1 }, "lazy"));
}

export function rows(count: number): { id: number; name: string }[] {
  return Array.from({ length: count }, (_, id) => ({ id, name: `row ${id}` }));
}

/** Adds one to each byte, and moves the buffer back. */
export function increment(bytes: Uint8Array): Uint8Array {
  for (let at = 0; at < bytes.length; at++) bytes[at] = ((bytes[at] as number) + 1) & 255;
  return transfer(bytes);
}

export function log(...params: unknown[]): void {
  const { logger } = workerTask();
  logger.info(...params);
}

export function logThenExit(): never {
  workerTask().logger.warn("about to exit");
  process.exit(9);
}

export function logAll(): void {
  const { logger } = workerTask();
  logger.debug("d");
  logger.info("i", { id: 1 });
  logger.warn("w");
  logger.error("e", new NotReadyError("not ready"));
  logger.log("WARN", "by level");
}

/** Does what the item says. */
export async function obey(item: { do: "double" | "exit" | "throw" | "spin" | "reject"; n: number }): Promise<number> {
  switch (item.do) {
    case "double":
      return item.n * 2;
    case "exit":
      return process.exit(item.n);
    case "throw":
      throw new RangeError(`no ${item.n}`);
    case "spin":
      for (;;);
    case "reject":
      void Promise.reject(new TypeError(`left behind by ${item.n}`));
      return item.n;
  }
}

export const constant = 42;

let reused: { n: number; row: { n: number }; onClick?: () => void } = { n: 0, row: { n: 0 } };

/** Changes the object that the calls since that of 1 have returned or thrown. That of 3 makes it impossible to clone. */
export function reuse([n, end]: readonly [n: number, end: "return" | "throw" | "throw an error"]): typeof reused {
  if (n === 1) reused = { n, row: { n } };
  reused.n = n;
  reused.row.n = n;
  if (n === 3) reused.onClick = () => {};
  if (end === "throw") throw reused;
  if (end === "throw an error") throw Object.assign(new Error("in use"), { reused });
  return reused;
}

/** A plain object that a careless copy would change. */
export function plainButOdd(_: number) {
  const shared = { n: 1n };
  const bare = Object.assign(Object.create(null) as object, { when: new Date(5), nothing: undefined });
  const loop: { self?: object } = {};
  loop.self = loop;
  const proto = JSON.parse('{"__proto__":{"a":1}}') as object;
  const sparse: number[] = [];
  sparse[2] = 3;
  return { twice: [shared, shared], bare, loop, proto, sparse };
}

/** Calls a function of this module through `workers`, from a thread. */
export function callDouble(n: number): Promise<number> {
  const options = { mode: "threads", threads: 1 } as const;
  return workers<{ double(n: number): number }>(new URL(import.meta.url), options).double(n);
}

/** Fails until the attempt of this number. */
export function succeedAt(attempt: number): number {
  if (workerTask().attempt < attempt) throw new Error("not yet");
  return workerTask().attempt;
}

/** Notes in a file that it has run, and then does what it is told. */
export function note(file: string, n: number, then: "exit" | "reject" | "spin" | "nothing" = "nothing"): number {
  appendFileSync(file, `${n}\n`);
  if (then === "exit") process.exit(n);
  if (then === "reject") void Promise.reject(new TypeError("left behind"));
  while (then === "spin");
  return n;
}

/** An array with a member that is no element and cannot be cloned. */
export function arrayWithFunction(): number[] {
  return Object.assign([1], { f: () => 1 });
}
