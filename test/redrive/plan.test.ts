import { describe, expect, test } from "vitest";
import { type DurableContext, type MapConfig, withDurableExecution } from "../../src/index.ts";
import {
  LocalEngine,
  type LocalHandler,
  MemoryJournal,
  planRedrive,
  type RedriveOptions,
  VirtualClock,
} from "../../src/testing.ts";

const never = { retryStrategy: () => ({ shouldRetry: false }) };
const indexes = (count: number) => Array.from({ length: count }, (_, index) => index);

/** Where bodies count their runs, and those fail whose names are in `broken`. */
class Bodies {
  readonly runs = new Map<string, number>();
  readonly ended = new Set<string>();
  broken = new Set<string>();

  async run<T>(name: string, value: T): Promise<T> {
    this.runs.set(name, (this.runs.get(name) ?? 0) + 1);
    if (this.broken.has(name)) throw new RangeError(`no ${name}`);
    this.ended.add(name);
    return value;
  }

  step<T>(context: DurableContext, name: string, value: T): Promise<T> {
    return context.step(name, () => this.run(name, value), never);
  }
}

type Code = (context: DurableContext, bodies: Bodies, input: { scale?: number }) => Promise<unknown>;

class Lab {
  readonly bodies = new Bodies();
  readonly engine: LocalEngine;
  code: Code;

  constructor(code: Code) {
    this.code = code;
    this.engine = new LocalEngine({ clock: new VirtualClock() });
    const handler = withDurableExecution(
      (input: { scale?: number }, context) => this.code(context, this.bodies, input),
      {
        runtime: { suspension: { graceMs: 1 } },
      },
    );
    this.engine.register("f", handler as unknown as LocalHandler);
  }

  start(request: { input?: string; executionTimeoutSeconds?: number } = {}) {
    return this.engine.start({ functionName: "f", name: "first", ...request });
  }

  plan(options?: RedriveOptions) {
    return planRedrive(this.engine, this.engine.find("first")?.arn ?? "", options);
  }

  /** The outcome of the execution that takes over, and the bodies that ran in it. */
  async redrive(options: RedriveOptions = {}) {
    const before = new Map(this.bodies.runs);
    const plan = await this.plan(options);
    expect(this.bodies.runs).toEqual(before);
    const { input } = options;
    const request = { amend: () => plan, ...(input === undefined ? {} : { input }) };
    const outcome = await this.engine.redrive("first", request).result;
    const ran = [...this.bodies.runs].filter(([name, runs]) => runs !== before.get(name)).map(([name]) => name);
    return { plan, outcome, result: outcome.result && JSON.parse(outcome.result), ran };
  }
}

const configs: [string, MapConfig<number, unknown>][] = [
  ["without a batch", {}],
  ["in batches", { batch: 100 }],
];

describe.each(configs)("an execution with a map of 1,000 good items %s", (_name, config) => {
  const work: Code = async (context, bodies, { scale = 1 }) => {
    const batch = await context.map(
      "map",
      indexes(1_000),
      (item, n) => bodies.step(item, `item ${n}`, n * scale),
      config,
    );
    return bodies.step(context, "report", batch.successCount);
  };

  test("goes on at the step that failed last, and runs no item again", async () => {
    const lab = new Lab(work);
    lab.bodies.broken.add("report");
    expect((await lab.start().result).status).toBe("FAILED");
    lab.bodies.broken.clear();
    const { plan, result, ran } = await lab.redrive();
    expect(plan.again.map(({ Name }) => Name)).toEqual(["report"]);
    expect(plan).toMatchObject({ forgotten: [], next: [{ type: "STEP", name: "report" }] });
    expect(result).toBe(1_000);
    expect(ran).toEqual(["report"]);
  });

  test("goes on behind a throw of its own code that is mended", async () => {
    const lab = new Lab(async (context, bodies, input) => {
      await work(context, bodies, input);
      throw new TypeError("rows is undefined");
    });
    expect((await lab.start().result).status).toBe("FAILED");
    await expect(lab.plan()).rejects.toMatchObject({
      code: "ERR_REDRIVE_FAILS_AGAIN",
      message: expect.stringContaining("rows is undefined"),
    });
    lab.code = work;
    const { result, ran, plan } = await lab.redrive();
    expect(result).toBe(1_000);
    expect(ran).toEqual([]);
    expect(plan.next).toEqual([]);
  });
});

test("an execution that has exceeded its quota of operations goes on under a higher one", async () => {
  const journal = new MemoryJournal();
  const bodies = new Bodies();
  const handler = withDurableExecution(
    async (_: unknown, context) => {
      for (const n of indexes(30)) await bodies.step(context, `step ${n}`, n);
      return "done";
    },
    { runtime: { quotas: { operations: Number.POSITIVE_INFINITY } } },
  );
  const engineOf = (operations: number) => {
    const engine = new LocalEngine({ journal, clock: new VirtualClock(), quotas: { operations } });
    engine.register("f", handler as unknown as LocalHandler);
    return engine;
  };
  const { status, error } = await engineOf(20).start({ functionName: "f", name: "first" }).result;
  expect(status).toBe("FAILED");
  expect(error?.ErrorMessage).toContain("the quota is 20");
  const ended = [...bodies.ended].filter((name) => bodies.runs.get(name) === 1).slice(0, 18);
  const engine = engineOf(1_000);
  const plan = await planRedrive(engine, "first");
  expect((await engine.redrive("first", { amend: () => plan }).result).status).toBe("SUCCEEDED");
  for (const name of ended) expect(bodies.runs.get(name)).toBe(1);
});

describe("an execution that ended without an outcome of its own", () => {
  const slow: Code = async (context, bodies) => {
    await bodies.step(context, "first", 1);
    const batch = await context.map("map", indexes(20), (item, n) => bodies.step(item, `item ${n}`, n), { batch: 5 });
    await context.wait("pause", { hours: 2 });
    return batch.successCount + (await bodies.step(context, "last", 1));
  };

  test("goes on where its time was over, with as much time as it had", async () => {
    const lab = new Lab(async (context, bodies) => {
      await bodies.step(context, "first", 1);
      await context.wait("pause", { minutes: 40 });
      const batch = await context.map("map", indexes(20), (item, n) => bodies.step(item, `item ${n}`, n), { batch: 5 });
      await context.wait("second pause", { minutes: 40 });
      return batch.successCount + (await bodies.step(context, "last", 1));
    });
    expect((await lab.start({ executionTimeoutSeconds: 3_600 }).result).status).toBe("TIMED_OUT");
    const { plan, ran, result } = await lab.redrive();
    expect(plan.next).toMatchObject([{ type: "WAIT", name: "second pause" }]);
    expect(ran).toEqual(["last"]);
    expect(result).toBe(21);
  });

  test("goes on where it was stopped", async () => {
    const lab = new Lab(slow);
    const running = lab.start();
    const waiting = new Promise<void>((resolve) =>
      lab.engine.subscribe((event) => {
        if (event.type === "invocation-ended") resolve();
      }),
    );
    await waiting;
    lab.engine.stop(running.arn);
    expect((await running.result).status).toBe("STOPPED");
    const { ran, result } = await lab.redrive();
    expect(result).toBe(21);
    expect(ran).toEqual(["last"]);
  });
});

describe("a plan for an execution whose code has changed", () => {
  const before: Code = async (context, bodies) => {
    await bodies.step(context, "load", 1);
    await bodies.step(context, "charge", 2);
    await bodies.step(context, "mail", 3);
    return bodies.step(context, "report", 4);
  };
  const renamed: Code = async (context, bodies) => {
    await bodies.step(context, "load", 1);
    await bodies.step(context, "bill", 2);
    await bodies.step(context, "mail", 3);
    return bodies.step(context, "report", 4);
  };

  async function changed(): Promise<Lab> {
    const lab = new Lab(before);
    lab.bodies.broken.add("report");
    await lab.start().result;
    lab.bodies.broken.clear();
    lab.code = renamed;
    return lab;
  }

  test("is refused with the first difference and what would begin anew, and nothing runs", async () => {
    const lab = await changed();
    const runs = new Map(lab.bodies.runs);
    await expect(lab.plan()).rejects.toMatchObject({
      code: "ERR_REDRIVE_DIVERGED",
      message: expect.stringMatching(
        /asks for Step "bill" \(.*plan\.test\.ts:\d+\) where Step "charge" is recorded\. Nothing was run\..*"from": "charge".*Step "charge", Step "mail", Step "report" would begin anew/,
      ),
    });
    expect(lab.bodies.runs).toEqual(runs);
    expect(lab.engine.list()).toHaveLength(1);
  });

  test("goes back as far as is asked for", async () => {
    const lab = await changed();
    const { plan, ran, result } = await lab.redrive({ from: "charge" });
    expect(plan.forgotten.map(({ Name }) => Name)).toEqual(["charge", "mail", "report"]);
    expect(plan.kept).toBe(1);
    expect(ran).toEqual(["bill", "mail", "report"].sort((a, b) => ran.indexOf(a) - ran.indexOf(b)));
    expect(result).toBe(4);
    expect(lab.bodies.runs.get("load")).toBe(1);
  });

  test("goes back to an operation by its id, and refuses names that are not there or not one's own", async () => {
    const lab = new Lab(async (context, bodies) => {
      await bodies.step(context, "same", 1);
      await bodies.step(context, "other", 1);
      await context.step("same", () => bodies.run("second", 2), never);
      return bodies.step(context, "report", 4);
    });
    lab.bodies.broken.add("report");
    const { arn } = lab.start();
    await lab.engine.resume(arn).result;
    lab.bodies.broken.clear();
    await expect(lab.plan({ from: "same" })).rejects.toMatchObject({ code: "ERR_OPERATION_AMBIGUOUS" });
    await expect(lab.plan({ from: "nobody" })).rejects.toMatchObject({ code: "ERR_OPERATION_UNKNOWN" });
    const second = lab.engine.operations(arn).filter(({ Name }) => Name === "same")[1]?.Id as string;
    expect((await lab.redrive({ from: second })).ran.toSorted()).toEqual(["report", "second"]);
  });

  test("goes back to an item of a map, and keeps the others", async () => {
    const lab = new Lab(async (context, bodies) => {
      const batch = await context.map("map", indexes(4), async (item, n) => {
        await bodies.step(item, `first ${n}`, n);
        return bodies.step(item, `second ${n}`, n);
      });
      return bodies.step(context, "report", batch.getResults());
    });
    await lab.start().result;
    const { ran, result } = await lab.redrive({ from: "second 2" });
    expect(ran.toSorted()).toEqual(["report", "second 2"]);
    expect(result).toEqual([0, 1, 2, 3]);
  });
});

describe("a plan names what had ended inside an operation that had not, and begins anew", () => {
  const item = async (context: DurableContext, bodies: Bodies, n: number) => {
    await bodies.step(context, `step ${n}`, n);
    return n === 0 ? n : context.createCallback().then(([answer]) => answer);
  };
  const mapped =
    (name: string, config: MapConfig<number, unknown> = {}): Code =>
    (context, bodies) =>
      context.map(name, indexes(2), (inner, n) => item(inner, bodies, n), config);
  const child =
    (name: string): Code =>
    (context, bodies) =>
      context.runInChildContext(name, (inner) => item(inner, bodies, 1));
  const cases: [string, before: Code, changed: Code, forgotten: [subType: string, name?: string][]][] = [
    [
      "in a map",
      mapped("m", { itemNamer: (n) => `item ${n}` }),
      mapped("other"),
      [
        ["MapIteration", "item 0"],
        ["Step", "step 1"],
      ],
    ],
    [
      "in a flat map",
      mapped("m", { nesting: "FLAT" }),
      mapped("other", { nesting: "FLAT" }),
      [
        ["Step", "step 0"],
        ["Step", "step 1"],
      ],
    ],
    ["in a child context", child("m"), child("other"), [["Step", "step 1"]]],
  ];

  async function stopped(code: Code): Promise<Lab> {
    const lab = new Lab(code);
    const { arn, result } = lab.start();
    await lab.engine.rest();
    lab.engine.stop(arn);
    await result;
    return lab;
  }

  test.each(cases)("%s", async (_where, before, _changed, forgotten) => {
    const lab = await stopped(before);
    const plan = await lab.plan({ from: "m" });
    expect(plan.kept).toBe(0);
    expect(plan.forgotten.map(({ SubType, Name }) => [SubType, Name])).toEqual(forgotten);
  });

  test.each(cases)("%s, where the code has changed", async (_where, before, changed, forgotten) => {
    const lab = await stopped(before);
    lab.code = changed;
    const names = forgotten.map(([subType, name]) => `${subType} "${name}"`).join(", ");
    await expect(lab.plan()).rejects.toMatchObject({
      code: "ERR_REDRIVE_DIVERGED",
      message: expect.stringContaining(`then ${names} would begin anew.`),
    });
  });

  test("and that the submitter of a callback runs again", async () => {
    const lab = await stopped((context, bodies) =>
      context.waitForCallback("approval", () => bodies.run("submit", undefined)),
    );
    expect((await lab.plan()).forgotten.map(({ SubType, Name }) => [SubType, Name])).toEqual([["Step", undefined]]);
  });
});

describe("a plan finds what made the handler fail", () => {
  const cases: [string, Code, broken: string[], ran: string[]][] = [
    [
      "of two steps at once the failed one",
      (context, bodies) => Promise.all([bodies.step(context, "a", 1), bodies.step(context, "b", 2)]),
      ["a"],
      ["a"],
    ],
    [
      "those of several settled steps that failed",
      async (context, bodies) => {
        const step = (name: string) => context.step(name, () => bodies.run(name, 1), never);
        for (const one of await context.promise.allSettled([step("a"), step("b"), step("c")])) {
          if (one.status === "rejected") throw one.reason;
        }
      },
      ["a", "b"],
      ["a", "b"],
    ],
    [
      "inside child contexts",
      (context, bodies) =>
        context.runInChildContext("outer", async (outer) => {
          await bodies.step(outer, "kept", 0);
          return outer.runInChildContext("inner", (inner) => bodies.step(inner, "deep", 1));
        }),
      ["deep"],
      ["deep"],
    ],
    [
      "behind a failure that the code has caught",
      async (context, bodies) => {
        await bodies.step(context, "optional", 0).catch(() => bodies.step(context, "instead", 1));
        return bodies.step(context, "report", 2);
      },
      ["optional", "report"],
      ["report"],
    ],
    [
      "the failed items of a map, whose error the code throws on",
      async (context, bodies) => {
        const batch = await context.map("map", indexes(9), (item, n) => bodies.step(item, `item ${n}`, n), {
          completionConfig: { toleratedFailurePercentage: 100 },
        });
        batch.throwIfError();
        return bodies.step(context, "report", 1);
      },
      ["item 3", "item 7"],
      ["item 3", "item 7", "report"],
    ],
    [
      "the failed items of a map in batches, of which the code says so in its own words",
      async (context, bodies) => {
        const batch = await context.map("map", indexes(9), (item, n) => bodies.step(item, `item ${n}`, n), {
          batch: 4,
          completionConfig: { toleratedFailurePercentage: 100 },
        });
        if (batch.failureCount > 0) throw new Error(`${batch.failureCount} orders are lost`);
        return bodies.step(context, "report", 1);
      },
      ["item 3", "item 7"],
      ["item 3", "item 7", "report"],
    ],
    [
      "the failed items of a flat map",
      async (context, bodies) => {
        const batch = await context.map("map", indexes(9), (item, n) => bodies.step(item, `item ${n}`, n), {
          nesting: "FLAT",
          completionConfig: { toleratedFailurePercentage: 100 },
        });
        batch.throwIfError();
        return bodies.step(context, "report", 1);
      },
      ["item 3"],
      ["item 3", "report"],
    ],
    [
      "a submitter of a callback that failed",
      async (context, bodies) => {
        await bodies.step(context, "kept", 0);
        return context.waitForCallback("approval", () => bodies.run("submit", undefined), {
          ...never,
          timeout: { minutes: 1 },
        });
      },
      ["submit"],
      ["submit"],
    ],
    [
      "a condition that failed",
      async (context, bodies) => {
        await bodies.step(context, "kept", 0);
        return context.waitForCondition("ready", () => bodies.run("check", 1), {
          initialState: 0,
          waitStrategy: () => ({ shouldContinue: false }),
        });
      },
      ["check"],
      ["check"],
    ],
  ];

  test.each(cases)("%s", async (_name, code, broken, expected) => {
    const lab = new Lab(code);
    lab.bodies.broken = new Set(broken);
    expect((await lab.start().result).status).toBe("FAILED");
    lab.bodies.broken.clear();
    const { ran, outcome } = await lab.redrive();
    expect(ran.toSorted()).toEqual(expected);
    expect(outcome.status).toBe(expected.includes("submit") ? "FAILED" : "SUCCEEDED");
  });

  test("the failed items of a flat map whose invokes failed, beside a step that succeeded", async () => {
    const lab = new Lab(async (context, bodies) => {
      const map = context.map("map", indexes(3), (item, n) => item.invoke(n === 1 ? "broken" : "good", n), {
        nesting: "FLAT",
        completionConfig: { toleratedFailurePercentage: 100 },
      });
      const [batch] = await Promise.all([map, bodies.step(context, "kept", 0)]);
      batch.throwIfError();
      return batch.getResults();
    });
    lab.engine.registerFunction("good", async () => "good");
    lab.engine.registerFunction("broken", async () => {
      throw new RangeError("no stock");
    });
    expect((await lab.start().result).status).toBe("FAILED");
    lab.engine.registerFunction("broken", async () => "mended");
    const { plan, result, ran } = await lab.redrive();
    expect(plan.again.map(({ Name }) => Name)).toEqual(["map"]);
    expect(result).toEqual(["good", "mended", "good"]);
    expect(ran).toEqual([]);
  });

  test("unless it is told both to go back and to run failed items", async () => {
    const lab = new Lab((context, bodies) => bodies.step(context, "a", 1));
    await lab.start().result;
    await expect(lab.plan({ failed: true, from: "a" })).rejects.toMatchObject({ code: "ERR_ARGUMENT_INVALID" });
  });

  test("and asks where something ended after it because of it", async () => {
    const lab = new Lab(async (context, bodies) => {
      try {
        await bodies.step(context, "charge", 1);
      } catch (error) {
        await bodies.step(context, "refund", 2);
        throw error;
      }
      return bodies.step(context, "ship", 3);
    });
    lab.bodies.broken.add("charge");
    await lab.start().result;
    lab.bodies.broken.clear();
    await expect(lab.plan()).rejects.toMatchObject({
      code: "ERR_REDRIVE_LEAVES_ENDED",
      message: expect.stringMatching(
        /Step "charge" failed and would run again\. These operations have ended.*Step "refund".*"from": "charge"/,
      ),
    });
    const { ran, plan } = await lab.redrive({ from: "charge" });
    expect(ran.toSorted()).toEqual(["charge", "ship"]);
    expect(plan.forgotten.map(({ Name }) => Name)).toEqual(["charge", "refund"]);
  });
});

describe("a plan for a handler that throws one of several failures with the same message", () => {
  const fails = (context: DurableContext, bodies: Bodies, name: string, message = "timeout") =>
    context.step(
      name,
      async () => {
        await bodies.run(name, 1).catch(() => {
          throw new Error(message);
        });
        return 1;
      },
      never,
    );
  const caught = (promise: Promise<unknown>): Promise<Error | undefined> =>
    promise.then(
      () => undefined,
      (error: Error) => error,
    );
  const tolerant = (context: DurableContext, bodies: Bodies, name: string, config: MapConfig<number, unknown>) =>
    context.map(
      name,
      indexes(6),
      (item, n) => (n % 3 === 2 ? fails(item, bodies, `${name} ${n}`) : item.step(async () => n)),
      {
        ...config,
        completionConfig: { toleratedFailurePercentage: 100 },
      },
    );
  const maps =
    (config: MapConfig<number, unknown>): Code =>
    async (context, bodies) => {
      const a = await tolerant(context, bodies, "a", config);
      await tolerant(context, bodies, "b", config);
      a.throwIfError();
    };
  const payAndMail =
    (end: (pay: Error, mail: Error | undefined) => void): Code =>
    async (context, bodies) => {
      const pay = await caught(fails(context, bodies, "pay"));
      const mail = await caught(fails(context, bodies, "mail"));
      if (pay !== undefined) end(pay, mail);
    };
  const cases: [string, Code, again: string][] = [
    [
      "the error itself",
      payAndMail((pay) => {
        throw pay;
      }),
      "pay",
    ],
    [
      "the error as the cause of another one",
      payAndMail((pay) => {
        throw new Error("no order", { cause: pay });
      }),
      "pay",
    ],
    [
      "its message in words of its own",
      payAndMail((pay) => {
        throw new TypeError(`no order: ${pay.message}`);
      }),
      "pay",
    ],
    [
      "both errors",
      payAndMail((pay, mail) => {
        if (mail !== undefined) throw new AggregateError([pay, mail], "no order");
      }),
      "pay, mail",
    ],
    [
      "out of a child context",
      (context, bodies) =>
        context.runInChildContext("order", async (order) => {
          const pay = await caught(fails(order, bodies, "pay"));
          await caught(fails(order, bodies, "mail"));
          if (pay !== undefined) throw pay;
        }),
      "pay",
    ],
    ["of a map", maps({}), "a"],
    ["of a flat map", maps({ nesting: "FLAT" }), "a"],
    ["of a map in batches", maps({ batch: 3 }), "a"],
    [
      "of a map in batches whose result is too large to keep",
      async (context, bodies) => {
        const run = (name: string) =>
          context.map(
            name,
            indexes(40),
            async (item, n) => (n === 2 ? fails(item, bodies, `${name} 2`) : `${n}`.repeat(10_000)),
            { batch: 10, completionConfig: { toleratedFailurePercentage: 100 } },
          );
        const a = await run("a");
        await run("b");
        a.throwIfError();
      },
      "a",
    ],
  ];

  test.each(cases)("lets what it throws run again: %s", async (_name, code, again) => {
    const lab = new Lab(code);
    lab.bodies.broken = new Set(["pay", "mail", ...["a", "b"].flatMap((map) => [`${map} 2`, `${map} 5`])]);
    expect((await lab.start().result).status).toBe("FAILED");
    lab.bodies.broken.clear();
    if (again !== "a") {
      const { plan, ran, outcome } = await lab.redrive();
      expect(plan.again.map(({ Name }) => Name).join(", ")).toBe(again);
      expect(ran).toEqual(["pay", "mail"]);
      expect(outcome.status).toBe("SUCCEEDED");
      return;
    }
    // The second map has items that succeeded: these do not begin anew unasked.
    await expect(lab.plan()).rejects.toMatchObject({
      code: "ERR_REDRIVE_LEAVES_ENDED",
      message: expect.stringMatching(/^Map "a" failed and would run again\..*: Map "b"\./),
    });
  });

  test("asks where the handler itself compares the messages, and goes back to the one that is given", async () => {
    const lab = new Lab(
      payAndMail((pay, mail) => {
        throw mail?.message === "timeout" ? pay : (mail ?? pay);
      }),
    );
    lab.bodies.broken = new Set(["pay", "mail"]);
    await lab.start().result;
    lab.bodies.broken.clear();
    await expect(lab.plan()).rejects.toMatchObject({
      code: "ERR_REDRIVE_AMBIGUOUS",
      message: expect.stringMatching(/fails with "timeout".*Step "pay", Step "mail"\..*"from": "pay" or "mail"/),
    });
    const { ran, outcome } = await lab.redrive({ from: "pay" });
    expect(ran).toEqual(["pay", "mail"]);
    expect(outcome.status).toBe("SUCCEEDED");
  });
});

test("a redrive may have another input: what had ended keeps its results", async () => {
  const lab = new Lab(async (context, bodies, { scale = 1 }) => {
    const first = await bodies.step(context, "first", scale);
    return bodies.step(context, `times ${first}`, scale * 10);
  });
  lab.bodies.broken.add("times 1");
  await lab.start({ input: '{"scale":1}' }).result;
  lab.bodies.broken.clear();
  const { result, ran } = await lab.redrive({ input: '{"scale":5}' });
  expect(result).toBe(50);
  expect(ran).toEqual(["times 1"]);
});

describe("an answer to a callback that has come, and was not read", () => {
  test.each([
    ["in a map", {}],
    ["in a batch", { batch: 2 }],
  ])("is taken over, and its submitter does not run again: %s", async (_where, config) => {
    const ids: string[] = [];
    const lab: Lab = new Lab(async (context, bodies) => {
      const both = await context.map(
        "both",
        ["ask", "answer"],
        async (item, what) => {
          if (what === "ask") {
            const submit = async (id: string) => {
              ids.push(id);
              await bodies.run("submit", undefined);
            };
            return item.waitForCallback("approval", submit);
          }
          await item.wait({ seconds: 1 });
          if (bodies.broken.has("answer")) {
            lab.engine.completeCallback(ids.at(-1) ?? "", "yes");
            throw new Error("broken");
          }
          return bodies.step(item, "answer", "sent");
        },
        config,
      );
      both.throwIfError();
      return both.getResults();
    });
    lab.bodies.broken.add("answer");
    expect((await lab.start().result).status).toBe("FAILED");
    const callback = lab.engine.operations("first").find(({ Type }) => Type === "CALLBACK");
    expect(callback?.Status).toBe("SUCCEEDED");
    lab.bodies.broken.clear();
    const { outcome, result, ran } = await lab.redrive();
    expect([outcome.status, result, ran]).toEqual(["SUCCEEDED", ["yes", "sent"], ["answer"]]);
    expect(ids).toHaveLength(1);
  });
});
