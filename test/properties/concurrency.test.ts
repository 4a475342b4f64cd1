import fc from "fast-check";
import { expect, test } from "vitest";
import type { DurableContext } from "../../src/index.ts";
import { exploring } from "../support/exploration.ts";
import { type Handler, replay, runOurs } from "../support/service.ts";

const RUNS = 30;

/** What one context does, one thing after the other, or all at once. */
interface Work {
  readonly parts: readonly Part[];
  readonly together: boolean;
}

type Part =
  | { readonly kind: "step"; readonly ms: number; readonly atMostOnce: boolean; readonly failures: number }
  /** Code of the context's function. */
  | { readonly kind: "code"; readonly ms: number }
  | { readonly kind: "child"; readonly work: Work }
  | { readonly kind: "fan-out"; readonly items: readonly Work[]; readonly maxConcurrency: number | undefined };

const pause = (ms: number) => (ms === 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, ms)));

/** Counts the branches of a fan-out in which any code is at work. */
class Branches {
  most = 0;
  #atWork = 0;

  branch(around: readonly Branch[]): readonly Branch[] {
    let depth = 0;
    const change = (by: 1 | -1) => {
      if (depth === 0) this.most = Math.max(this.most, ++this.#atWork);
      depth += by;
      if (depth === 0) this.#atWork--;
    };
    return [...around, change];
  }
}

type Branch = (by: 1 | -1) => void;

class Observer {
  readonly tooMany: string[] = [];

  async at(branches: readonly Branch[], ms: number): Promise<void> {
    for (const change of branches) change(1);
    await pause(ms);
    for (const change of branches) change(-1);
  }

  async run(context: DurableContext, { parts, together }: Work, around: readonly Branch[]): Promise<unknown[]> {
    if (!together) {
      const results: unknown[] = [];
      for (const part of parts) results.push(await this.#runPart(context, part, around));
      return results;
    }
    // Code beside an operation that is awaited is not seen; what begins together here is operations only.
    const operations = parts.filter(({ kind }) => kind !== "code");
    return Promise.all(operations.map((part) => this.#runPart(context, part, around)));
  }

  async #runPart(context: DurableContext, part: Part, around: readonly Branch[]): Promise<unknown> {
    switch (part.kind) {
      case "step":
        return context.step(
          async ({ attempt }) => {
            await this.at(around, part.ms);
            if (attempt <= part.failures) throw new Error(`attempt ${attempt}`);
            return attempt;
          },
          {
            retryStrategy: () => ({ shouldRetry: true, delay: { seconds: 1 } }),
            semantics: part.atMostOnce ? "AT_MOST_ONCE_PER_RETRY" : "AT_LEAST_ONCE_PER_RETRY",
          },
        );
      case "code":
        return this.at(around, part.ms);
      case "child":
        return context.runInChildContext((inner) => this.run(inner, part.work, around));
      case "fan-out": {
        const { maxConcurrency, items } = part;
        const branches = new Branches();
        const batch = await context.map(
          [...items],
          (inner, work) => this.run(inner, work, branches.branch(around)),
          maxConcurrency === undefined ? {} : { maxConcurrency },
        );
        const limit = maxConcurrency ?? items.length;
        if (branches.most > limit) this.tooMany.push(`${branches.most} of ${limit} branches were at work`);
        return batch.getResults();
      }
    }
  }
}

const { work } = fc.letrec<{ work: Work; part: Part }>((tie) => ({
  work: fc.record({ parts: fc.array(tie("part"), { minLength: 1, maxLength: 3 }), together: fc.boolean() }),
  part: fc.oneof(
    { maxDepth: 3, depthIdentifier: "work" },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant("step" as const),
        ms: fc.nat(2),
        atMostOnce: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
        failures: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constant(1) }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("code" as const), ms: fc.nat(2) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("child" as const), work: tie("work") }) },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant("fan-out" as const),
        items: fc.array(tie("work"), { maxLength: 6 }),
        maxConcurrency: fc.constantFrom(undefined, 1, 2, 3),
      }),
    },
  ),
}));

/** A large map around, so that there is always somebody to whom a place can be lent. */
const around = fc.record({
  kind: fc.constant("fan-out" as const),
  items: fc.array(work, { minLength: 4, maxLength: 8 }),
  maxConcurrency: fc.constantFrom(2, 3),
});

test("no more branches are at work at once than a fan-out allows, whoever lends his place to whom", async () => {
  await fc.assert(
    fc.asyncProperty(around, fc.nat(40), fc.array(fc.nat(3), { minLength: 1 }), async (part, max, delays) => {
      const execute = async (maxUnacknowledged: number) => {
        const observer = new Observer();
        const handler: Handler = (_, context) => observer.run(context, { parts: [part], together: false }, []);
        let request = 0;
        const run = await runOurs(handler, {
          runtime: { checkpoint: { maxUnacknowledged } },
          onCheckpoint: async ({ forward }) => {
            await pause(delays[request++ % delays.length] as number);
            return forward();
          },
        });
        expect(observer.tooMany).toEqual([]);
        expect(run.outcome.status).toBe("SUCCEEDED");
        expect(await replay(handler, run)).toMatchObject({ requests: [], output: { Result: run.outcome.result } });
        return run.result;
      };
      expect(await execute(max)).toEqual(await execute(0));
    }),
    exploring(RUNS),
  );
});
