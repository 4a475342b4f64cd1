import { type Node, PLAIN_FAN_OUT } from "./workflow.ts";

const step = (size: number, failures = 0, atMostOnce = false): Node => ({ kind: "step", size, failures, atMostOnce });

const map = (items: Node[][], config: object = {}): Node =>
  ({ kind: "map", items, ...PLAIN_FAN_OUT, ...config }) as Node;
const parallel = (items: Node[][], config: object = {}): Node =>
  ({ kind: "parallel", items, ...PLAIN_FAN_OUT, ...config }) as Node;

/** A random workflow that once went wrong: what it is, where it is cut, and after how many looks its time is up. */
type Found = [nodes: Node[], graceMs: number, cuts: { after: number; recorded: boolean }[], looks: number];

export const FOUND: Found[] = [
  // An item whose result is made again had records left in the payload of its batch, which were read as if it had not ended.
  [
    [
      map([[step(0, 0, true), step(464, 1)], [step(0, 0, true), step(0)], [step(300)]], {
        ...{ maxConcurrency: 1, batch: 2, policy: { by: "toleratedFailurePercentage", value: 0 } },
      }),
    ],
    0,
    [],
    Number.POSITIVE_INFINITY,
  ],
  // A map ended early in another invocation than the one that recorded its second batch.
  [
    [
      map(
        [
          [
            { kind: "child", body: [step(0, 2), step(0, 2)], virtual: false },
            {
              kind: "child",
              body: [map([], { policy: { by: "custom", completeAt: 0, outcome: "SUCCEEDED" } })],
              virtual: false,
            },
          ],
          [step(488)],
          [map([], { batch: 1 })],
          [map([], { batch: 1 })],
        ],
        { maxConcurrency: 1, policy: { by: "minSuccessful", value: 1 }, batch: 3 },
      ),
    ],
    0,
    [],
    Number.POSITIVE_INFINITY,
  ],
  // A step began below a branch whose place was lent, and waited for it as if its code ran.
  [
    [
      step(300),
      parallel(
        [
          [
            map([
              [
                step(0, 1),
                parallel([[step(300)], [step(300, 0, true), step(0)], [step(300), step(0), step(0)]], {
                  maxConcurrency: 2,
                }),
                step(0),
              ],
            ]),
            step(0),
          ],
          [
            { kind: "wait", seconds: 1 },
            { kind: "child", body: [step(0, 1)], virtual: false },
          ],
          [step(0), step(0, 0, true)],
        ],
        { maxConcurrency: 2 },
      ),
      step(0, 1, true),
    ],
    0,
    [
      { after: 1, recorded: false },
      { after: 4, recorded: false },
    ],
    Number.POSITIVE_INFINITY,
  ],
  // The time was found to be up by the map, and its open batch was not told.
  [
    [
      map([[map([], { batch: 1 })], [step(0, 1, true)]], {
        ...{ maxConcurrency: 1, policy: { by: "minSuccessful", value: 1 }, batch: 2, source: "async iterable" },
      }),
      step(0),
    ],
    0,
    [],
    4,
  ],
  // The same, and the batch recorded itself twice.
  [
    [
      map([[step(300)], [map([])]], { maxConcurrency: 1, policy: { by: "minSuccessful", value: 0 }, batch: 2 }),
      map([]),
    ],
    0,
    [],
    0,
  ],
  // With each function in a turn of its own, what waited for its turn was taken for begun, and left to the next invocation.
  [
    [
      {
        kind: "child",
        body: [
          map([[parallel([[step(8)], [step(9)]])], [step(2, 1), step(18)]], { nesting: "FLAT", maxConcurrency: 2 }),
        ],
        virtual: true,
      },
    ],
    0,
    [{ after: 0, recorded: true }],
    0,
  ],
];
