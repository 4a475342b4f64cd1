import type { Said, Trial } from "./probe.ts";

/** Runs trials; gives what the probe returned. */
export interface Laboratory {
  /** `function`: which of the stack's functions runs it. Default: the one that may do everything. */
  run<T = Said>(trial: Trial, functionName?: "probe" | "no-state" | "no-checkpoint"): Promise<T>;
  /** How many executions of that function a list has, at most a page; all of them began on the alias `live`. */
  countListed(qualifier: string | undefined): Promise<number>;
  /** The qualified name of the function that may do everything. */
  readonly target: string;
}

/** The service has ended the execution of a trial, which then had so many operations. */
export class TrialEnded extends Error {
  readonly operations: number;
  constructor(message: string, operations: number) {
    super(message);
    this.operations = operations;
  }
}

/** One thing that our documentation, or our code, takes for granted. */
export interface Fact {
  readonly id: string;
  readonly question: string;
  /** What we go by. */
  readonly assumed: string;
  /** What the service does, in words, and whether that is what we go by. */
  ask(laboratory: Laboratory): Promise<{ readonly answer: string; readonly isAsAssumed: boolean }>;
}

const KIB = 1_024;
const word = ({ accepted, name, status, message }: Said) =>
  accepted ? "accepted" : `refused (${[status, name, message].filter((part) => part !== undefined).join(" ")})`;
const listed = (entries: readonly (readonly [string, Said])[]) =>
  entries.map(([what, said]) => `${what}: ${word(said)}`).join("; ");

/** Tries each in turn, and says whether exactly the wanted ones were accepted. */
async function each(
  trials: readonly (readonly [string, Trial, boolean])[],
  { run }: Laboratory,
): Promise<{ answer: string; isAsAssumed: boolean }> {
  const said: [string, Said][] = [];
  for (const [what, trial] of trials) said.push([what, await run(trial)]);
  return { answer: listed(said), isAsAssumed: trials.every(([, , wanted], at) => said[at]?.[1].accepted === wanted) };
}

export const facts: readonly Fact[] = [
  {
    id: "names",
    question: "Which names may operations have?",
    assumed: "1 to 256 printable ASCII characters; all others are refused",
    ask: (laboratory) =>
      each(
        [
          ["José", { trial: "name", name: "José" }, false],
          ["an emoji", { trial: "name", name: "order 🙂" }, false],
          ["a line break", { trial: "name", name: "two\nlines" }, false],
          ["nothing", { trial: "name", name: "" }, false],
          ["256 characters", { trial: "name", name: "n".repeat(256) }, true],
          ["257 characters", { trial: "name", name: "n".repeat(257) }, false],
        ],
        laboratory,
      ),
  },
  {
    id: "payload",
    question: "How large may the payload of an operation be?",
    assumed: "256 KiB",
    ask: (laboratory) =>
      each(
        [
          ["256 KiB", { trial: "payload", bytes: 256 * KIB }, true],
          ["256 KiB and a byte", { trial: "payload", bytes: 256 * KIB + 1 }, false],
          ["1,000,000 bytes", { trial: "payload", bytes: 1_000_000 }, false],
          ["1 MiB", { trial: "payload", bytes: KIB * KIB }, false],
        ],
        laboratory,
      ),
  },
  {
    id: "error",
    question: "How large may an error be?",
    assumed: "less than 32 KiB",
    ask: (laboratory) =>
      each(
        [
          ["31 KiB", { trial: "error", bytes: 31 * KIB }, true],
          ["33 KiB", { trial: "error", bytes: 33 * KIB }, false],
          ["250 KiB", { trial: "error", bytes: 250 * KIB }, false],
        ],
        laboratory,
      ),
  },
  {
    id: "request",
    question: "How large may a checkpoint request be?",
    assumed: "250 updates and 750 KiB are safe",
    ask: async (laboratory) => {
      const { answer } = await each(
        [
          ["250 updates", { trial: "request", updates: 250, bytes: 2_500 }, true],
          ["251 updates", { trial: "request", updates: 251, bytes: 2_510 }, true],
          ["750 KiB", { trial: "request", updates: 10, bytes: 740 * KIB }, true],
          ["1.5 MiB", { trial: "request", updates: 10, bytes: 1_536 * KIB }, true],
        ],
        laboratory,
      );
      const isSafe = !/250 updates: refused|750 KiB: refused/.test(answer);
      return { answer, isAsAssumed: isSafe };
    },
  },
  {
    id: "operations",
    question: "What counts for the 3,000 operations of an execution?",
    assumed: "each operation once, retries and the execution itself not",
    ask: async ({ run }) => {
      type Count = { readonly count: number; readonly said: Said };
      const count = (retried: number): Promise<Count> =>
        run<Count>({ trial: "operations", retried }).catch((error: unknown) => {
          if (!(error instanceof TrialEnded)) throw error;
          return {
            count: error.operations,
            said: { accepted: false, message: `the execution ended, ${error.message}` },
          };
        });
      const plain = await count(0);
      const retried = await count(100);
      const answer = `${plain.count} were taken, then ${word(plain.said)}; with 100 of them tried twice ${retried.count}`;
      return { answer, isAsAssumed: plain.count === 3_000 && retried.count === 3_000 };
    },
  },
  {
    id: "invoke",
    question: "How large may payload and result of a chained invoke be?",
    assumed: "256 KiB each",
    ask: (laboratory) => {
      const { target } = laboratory;
      const invoke = (bytes: number, resultBytes: number): Trial => ({ trial: "invoke", target, bytes, resultBytes });
      return each(
        [
          ["a payload of 255 KiB", invoke(255 * KIB, 10), true],
          ["a payload of 300 KiB", invoke(300 * KIB, 10), false],
          ["a payload of 1,100 KiB", invoke(1_100 * KIB, 10), false],
          ["a result of 256 KiB", invoke(100, 256 * KIB), true],
          ["a result of 300 KiB", invoke(100, 300 * KIB), false],
          ["a result of 1,100 KiB", invoke(100, 1_100 * KIB), false],
        ],
        laboratory,
      );
    },
  },
  {
    id: "stale-token",
    question: "How does the service refuse a token that is not the latest?",
    assumed: "400 InvalidParameterValueException, Invalid checkpoint token",
    ask: async ({ run }) => {
      const said = await run({ trial: "stale" });
      const isAsAssumed = said.status === 400 && /invalid checkpoint token/i.test(said.message ?? "");
      return { answer: word(said), isAsAssumed: isAsAssumed && said.name === "InvalidParameterValueException" };
    },
  },
  {
    id: "lost-answer",
    question: "May a checkpoint whose answer was lost be sent again, with its ClientToken?",
    assumed: "yes, though its token is spent",
    ask: async ({ run }) => {
      const said = await run({ trial: "repeated" });
      return { answer: word(said), isAsAssumed: said.accepted };
    },
  },
  {
    id: "recursion",
    question: "Does recursion detection stop a function that invokes itself, 20 deep, by chained invokes?",
    assumed: "no",
    ask: async ({ run, target }) => {
      const said = await run({ trial: "recursion", target, depth: 20 });
      return { answer: said.accepted ? "no: the bottom was reached" : word(said), isAsAssumed: said.accepted };
    },
  },
  {
    id: "permissions",
    question: "Which actions does the execution role need?",
    assumed: "lambda:CheckpointDurableExecution to write and lambda:GetDurableExecutionState to read, and nothing else",
    ask: async ({ run }) => {
      type Both = { readonly checkpoint: Said; readonly state: Said };
      const all = await run<Both>({ trial: "permissions" });
      const noState = await run<Both>({ trial: "permissions" }, "no-state");
      const noCheckpoint = await run<Both>({ trial: "permissions" }, "no-checkpoint");
      const entries = { "with both": all, "without the second": noState, "without the first": noCheckpoint };
      const answer = Object.entries(entries)
        .map(([role, both]) => `${role}: writing ${word(both.checkpoint)}, reading ${word(both.state)}`)
        .join("; ");
      const isAsAssumed =
        all.checkpoint.accepted && all.state.accepted && !noState.state.accepted && !noCheckpoint.checkpoint.accepted;
      return { answer, isAsAssumed };
    },
  },
  {
    id: "elided-starts",
    question: "May an operation end that was never started?",
    assumed: "steps and contexts may; a step may also be retried",
    ask: (laboratory) =>
      each(
        [
          ["a step succeeds", { trial: "elided", type: "STEP", action: "SUCCEED" }, true],
          ["a step fails", { trial: "elided", type: "STEP", action: "FAIL" }, true],
          ["a context succeeds", { trial: "elided", type: "CONTEXT", action: "SUCCEED" }, true],
          ["a context fails", { trial: "elided", type: "CONTEXT", action: "FAIL" }, true],
        ],
        laboratory,
      ),
  },
  {
    id: "event",
    question: "What does the invocation event look like?",
    assumed: "timestamps are ISO 8601 text or epoch milliseconds",
    ask: async ({ run }) => {
      const seen = await run<{ startType: string; start: unknown; members: string[] }>({ trial: "event" });
      const time = new Date(seen.start as string).getTime();
      const isRecent = Math.abs(Date.now() - time) < 3_600_000;
      return { answer: `${seen.startType} ${seen.start}; ${seen.members.join(", ")}`, isAsAssumed: isRecent };
    },
  },
  {
    id: "listing",
    question: "Which executions does ListDurableExecutionsByFunction have?",
    assumed: "by the alias those that began on it; by the bare name those of $LATEST only",
    ask: async ({ run, countListed }) => {
      await run({ trial: "event" });
      const [byAlias, byName] = [await countListed("live"), await countListed(undefined)];
      return {
        answer: `${byAlias} by the alias, ${byName} by the bare name`,
        isAsAssumed: byAlias > 0 && byName === 0,
      };
    },
  },
];
