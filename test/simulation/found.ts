import { type Case, PLAIN, type Surroundings } from "./case.ts";
import type { Fault } from "./faults.ts";
import type { FanOut, Node, Step } from "./program.ts";

const step = (members: Partial<Step> = {}): Step => ({
  ...{ kind: "step", ms: 0, size: 0, failures: 0, attempts: 3, delay: 1, atMostOnce: false },
  ...members,
});

const map = (items: readonly (readonly Node[])[], members: Partial<FanOut> = {}): FanOut => ({
  ...{ kind: "map", items, nesting: "NESTED", maxConcurrency: undefined, concurrency: undefined },
  ...{ policy: { by: "default" }, batch: undefined, source: "array", collect: "all" },
  ...members,
});

const fails = (members: Partial<Step> = {}): Step => step({ failures: 1, ...members });
const failing = (members: Partial<Step>): Step => step({ failures: 2, attempts: 2, ...members });
const until = (minSuccessful: number): Partial<FanOut> => ({ policy: { by: "minSuccessful", value: minSuccessful } });
const answered: Node = { kind: "waitForCallback", afterMs: 0, end: "succeed", twice: false, timeout: 0 };
const limited = (...body: Node[]): Node => ({ kind: "limited", body });

function found(
  program: readonly Node[],
  surroundings: Partial<Surroundings> = {},
  faults: readonly Fault[] = [],
): Case {
  return { program, surroundings: { ...PLAIN, ...surroundings }, faults };
}

/** Small cases, by what once went wrong with them. */
export const FOUND: Readonly<Record<string, Case>> = {
  "batched items that are retried, one at a time, stood still": found([
    map([[fails()], [fails()], [fails()]], { batch: 2, maxConcurrency: 1 }),
  ]),
  "items of several batches that are retried, few at a time, stood still": found([
    map([[], [fails()], [], [fails()], [], [], [fails()], [fails({ ms: 980, delay: 2 })]], {
      ...{ batch: 7, maxConcurrency: 1 },
    }),
  ]),
  "an attempt beside another one that waits longer ran again after the suspension": found([
    map([[{ kind: "combine", how: "all", of: [fails({ delay: 2 }), fails()] }]], { batch: 3 }),
  ]),
  "steps with large results ran again after the suspension": found(
    [
      map(
        [
          [step({ size: 1_200 }), fails()],
          [step({ size: 2_859 }), fails({ delay: 2 })],
        ],
        { batch: 100 },
      ),
    ],
    { payloadBytes: 4_096 },
  ),
  "batched items with a shared limiter stood still": found([
    map([[limited(fails())], [limited({ kind: "code", ms: 0 })]], { batch: 10 }),
  ]),
  "an item that awaits what a retried neighbour does stood still": found([
    map([[{ kind: "pass", gate: 0 }], [fails(), { kind: "open", gate: 0 }]], { batch: 10 }),
  ]),
  "a retry came late beside a neighbour at work": found([map([[step({ ms: 8_000 })], [fails()]], { batch: 2 })]),
  "batched items that await a wait from before the map never suspended": found([
    { kind: "begin", slot: 0, node: { kind: "wait", seconds: 3 } },
    map([[{ kind: "await", slot: 0 }]], { batch: 3 }),
  ]),
  "a race in a batched item had another winner after the suspension": found([
    map([[{ kind: "combine", how: "race", of: [fails({ delay: 2 }), fails()] }]], { batch: 3 }),
  ]),
  "any in a batched item had another winner after the suspension": found([
    map([[{ kind: "combine", how: "any", of: [step(), { kind: "child", body: [], virtual: false }] }, fails()]], {
      batch: 2,
    }),
  ]),
  "batched items began after the invocation had answered": found(
    [map([[step({ ms: 1 })], [], [step()]], { batch: 10, maxConcurrency: 1 })],
    {},
    [{ kind: "second invocation", at: 0 }],
  ),
  "batched items began after a request had failed": found(
    [map([[step({ ms: 1 })], [step({ ms: 9 })], [step()], [step()]], { batch: 10, maxConcurrency: 1 })],
    { latencyMs: [5, 5] },
    [{ kind: "throttled", at: 0, ms: 1 }],
  ),
  "what user code did to a result was recorded": found([map([[step(), fails()]], { batch: 2 })], {
    changesResults: true,
  }),
  "a large result of a batched item failed it": found([map([[step({ size: 473 })]], { batch: 7 })], {
    payloadBytes: 1_024,
  }),
  "the invocation was suspended in the middle of code that awaits nothing": found([
    { kind: "begin", slot: 0, node: { kind: "wait", seconds: 1 } },
    { kind: "code", ms: 200 },
  ]),
  "more branches were open than maxConcurrency, while acknowledgements were on their way": found([
    { ...map([[step()], [step()], []], { maxConcurrency: 2 }), kind: "parallel" },
  ]),
  "a branch began in the async context of another one": found(
    [map([[{ kind: "code", ms: 1 }], [step(), step()], [step({ ms: 1 })], []], { maxConcurrency: 2 })],
    { runtime: { checkpoint: { elideStarts: true } } },
  ),
  "an attempt began although the answer to its START had closed the invocation": found(
    [step({ atMostOnce: true })],
    {},
    [{ kind: "no token", at: 0, ms: 1 }],
  ),
  "code after a race was cut off while the loser waited, which is as it should be": found([
    { kind: "combine", how: "race", of: [{ kind: "wait", seconds: 2 }, step()] },
    { kind: "code", ms: 50 },
  ]),
  "branches that wanted a place were let go on all at once": found(
    [
      map([
        [map([[fails()], [fails()], [fails()]])],
        [fails(), limited(map([]))],
        [step({ ms: 1_000 }), limited(fails())],
      ]),
    ],
    { runtime: { concurrency: 1 } },
  ),
  "a branch that wanted an inner and an outer place gave the one up for the other, for ever": found(
    [
      { kind: "begin", slot: 0, node: step({ ms: 1_500 }) },
      map([
        [map([[map([[limited({ kind: "wait", seconds: 1 })], [{ kind: "wait", seconds: 60 }]])], [limited()]])],
        [limited()],
      ]),
    ],
    { runtime: { concurrency: 1 } },
  ),
  "an item began while the large result of another one was made again": found(
    [
      {
        ...map([
          [{ kind: "wait", seconds: 2 }, limited(step({ ms: 500 }))],
          [
            map([[step({ size: 2_400 }), step({ size: 2_400 }), limited()], [{ kind: "wait", seconds: 2 }]], {
              ...{ batch: 3, maxConcurrency: 1 },
            }),
          ],
          [{ kind: "wait", seconds: 2 }, map([[step({ ms: 10 })]], { batch: 1 }), { kind: "wait", seconds: 1 }],
        ]),
        kind: "parallel",
      },
    ],
    { payloadBytes: 4_096 },
  ),
  "a batch began again right before the deadline, and PENDING was answered with nothing pending": found(
    [
      map(
        [
          ...[[fails({ ms: 4_838 })], [fails({ ms: 6_183 })], [fails({ ms: 12, delay: 2 })], [fails({ ms: 6_183 })]],
          ...[[fails({ ms: 6_183 })], [fails({ ms: 2_784 })], [], [], [fails({ ms: 6_183, delay: 3 })]],
          [fails({ ms: 6_183 })],
        ],
        { batch: 3, maxConcurrency: 1 },
      ),
    ],
    { latencyMs: [5, 5], invocationMs: 39_426, skewMs: [-56, -72] },
  ),
  "what an ended map had left behind went on without places, more at once than concurrency": found(
    [
      map(
        [
          [],
          [step()],
          [
            map([[{ kind: "wait", seconds: 1 }, step({ ms: 1 })], [{ kind: "wait", seconds: 1 }, step()], []], {
              concurrency: 1,
            }),
          ],
        ],
        until(2),
      ),
      map([[], [step({ ms: 989 }), { kind: "wait", seconds: 1 }]]),
    ],
    { runtime: { suspension: { graceMs: 1 }, tickMs: 5 }, computeMs: 10 },
  ),
  "items that waited for the next tick began after the answer": found(
    [
      map(
        Array.from({ length: 100 }, () => [step({ size: 5 })]),
        { batch: 100 },
      ),
    ],
    { runtime: { tickMs: 5 }, computeMs: 1 },
    [{ kind: "stale token", at: 0, ms: 1 }],
  ),
};

/** Programs of which it was said that batches change the outcome. */
export const EQUIVALENT: Readonly<Record<string, Case>> = {
  "an item of a source ends before the next one is read, or after": found([
    map([[], []], { ...until(0), source: "async iterable" }),
  ]),
  "many items of a source end before the next one is read, or after": found([
    map(
      Array.from({ length: 9 }, () => [{ kind: "code", ms: 0 }] as const),
      { ...until(3), source: "iterable" },
    ),
  ]),
  "a branch that was under way at a suspension begins anew in its turn, or the map is over before that": found(
    [map([[failing({})], [], [{ kind: "code", ms: 3 }]], { concurrency: 1 })],
    { runtime: { suspension: { graceMs: 1 } } },
  ),
  "what needs no acknowledgement overtakes what began before the map and needs several": found(
    [
      { kind: "begin", slot: 0, node: { kind: "child", body: [failing({ atMostOnce: true })], virtual: false } },
      map([[{ kind: "await", slot: 0 }], [step({ ms: 138 }), failing({ ms: 204 })]], { nesting: "FLAT" }),
      { kind: "await", slot: 0 },
    ],
    { seed: 17 },
  ),
  "an answer from outside comes with the next request, or later where no request is due": found(
    [
      map([[{ kind: "wait", seconds: 2 }], [answered], [step({ ms: 112 })], [step(), step({ ms: 241 })]], {
        ...{ ...until(2), maxConcurrency: 3 },
      }),
    ],
    { runtime: { concurrency: 1 } },
  ),
  "answers from outside lose in each of several maps, which hardly happens by chance": found([
    map(Array(4).fill([map([[answered], [step({ ms: 112 })], [step(), step({ ms: 241 })]], until(2))])),
  ]),
  "two of many items are the first to end": found([
    map(
      [
        ...[[step({ ms: 1 })], [answered, step()], [{ kind: "code", ms: 30 }], [fails({ ms: 43, failures: 2 })]],
        ...[[{ kind: "code", ms: 1 }], [step({ ms: 6_000 })], [{ kind: "code", ms: 0 }, fails({ ms: 40 })]],
        ...[[step(), { kind: "code", ms: 0 }], [step({ ms: 45 })]],
      ] as Node[][],
      { ...until(2), source: "iterable" },
    ),
  ]),
  "a chained invoke in a race begins later in a batch than its rival": found([
    map([
      [{ kind: "combine", how: "race", of: [fails(), { kind: "invoke", afterMs: 300, end: "succeed", twice: false }] }],
    ]),
  ]),
  "plain code of an item that takes a while, in a map that is rebuilt with a lost race inside, failed the execution":
    found(
      [
        {
          ...map([
            [
              {
                kind: "combine",
                how: "any",
                of: [{ kind: "condition", polls: 1, delay: 1, ms: 792 }, step({ size: 20 })],
              },
            ],
            [{ kind: "code", ms: 200 }],
            [step({ size: 4_096 }), step({ size: 4_915 })],
          ]),
          ...{ kind: "parallel", nesting: "FLAT" },
        },
        fails(),
      ],
      { payloadBytes: 8_192, runtime: { suspension: { graceMs: 0 } }, computeMs: 50 },
    ),
  "delays of a batch became shorter when machines whose clocks differ took turns": found(
    [
      map(
        [
          [fails({ delay: 7 })],
          [limited(step({ failures: 2 }))],
          [limited({ kind: "wait", seconds: 1 }), fails({ attempts: 2 })],
        ],
        { source: "iterable" },
      ),
    ],
    { skewMs: [1_648, -558] },
  ),
  "a retry was late by the sum of what each invocation before it began late": found(
    [map([[{ kind: "condition", polls: 30, delay: 2, ms: 0 }], [fails({ delay: 60 })]], { batch: 2 })],
    { startMs: [4_000, 4_000] },
  ),
  "an invocation did not suspend for seconds, because an operation of a lost race had looked stuck": found(
    [
      map(
        [
          [
            step({ size: 2_048 }),
            {
              kind: "combine",
              how: "any",
              of: [step({ size: 20 }), { kind: "invoke", afterMs: 300, end: "succeed", twice: false }],
            },
            step({ size: 2_457 }),
          ],
          [{ kind: "child", body: [fails({ size: 20, delay: 3 })], virtual: false }],
          [{ kind: "invoke", afterMs: 300, end: "succeed", twice: false }],
        ],
        { batch: 1, source: "async iterable" },
      ),
    ],
    { payloadBytes: 4_096 },
  ),
};
