import { Writable } from "node:stream";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type BatchProgress, Progress } from "../../src/cli/run/progress.ts";
import { createProgressView, describeBatch, type Moment } from "../../src/cli/run/progress-view.ts";
import type { FanOutAnnouncement } from "../../src/core/fan-out-announcement.ts";
import type { OperationAction, OperationStatus, OperationUpdate } from "../../src/core/wire.ts";

const MAP: OperationUpdate = { Id: "m", Type: "CONTEXT", SubType: "Map", Name: "cities", Action: "START" };

function item(id: string, action: OperationAction): OperationUpdate {
  return { Id: id, ParentId: "m", Type: "CONTEXT", SubType: "MapIteration", Action: action };
}

function flatStep(id: string, action: OperationAction): OperationUpdate {
  return { Id: id, ParentId: "m", Type: "STEP", SubType: "Step", Action: action };
}

function recorded(id: string, Status: OperationStatus) {
  return { ...flatStep(id, "START"), Status, StartTimestamp: new Date(0) };
}

describe("progress", () => {
  test("counts the items of a map by what is written", () => {
    const progress = new Progress();
    progress.apply([MAP, item("1", "START"), item("2", "START"), item("3", "START")]);
    progress.apply([item("1", "SUCCEED"), item("2", "FAIL")]);
    expect(progress.batches()).toEqual([
      {
        id: "m",
        name: "cities",
        unit: "items",
        done: 1,
        failed: 1,
        running: 1,
        waiting: 0,
        total: undefined,
        ended: false,
      },
    ]);
    expect(progress.endedHere).toBe(2);
  });

  test("counts the steps of a FLAT map, and those that wait for their next attempt", () => {
    const progress = new Progress();
    progress.apply([
      MAP,
      flatStep("1", "START"),
      flatStep("2", "START"),
      flatStep("1", "RETRY"),
      flatStep("2", "SUCCEED"),
    ]);
    expect(progress.batches()[0]).toMatchObject({ unit: "steps", done: 1, running: 0, waiting: 1 });
    progress.apply([flatStep("1", "START"), flatStep("1", "SUCCEED"), { ...MAP, Action: "SUCCEED" }]);
    expect(progress.batches()[0]).toMatchObject({ done: 2, running: 0, waiting: 0, ended: true });
  });

  test("counts the items of a FLAT map whose items have two steps, while the runtime tells them and afterwards", () => {
    const progress = new Progress();
    const counts = { succeeded: 0, failed: 0, running: 3 };
    progress.announce({
      ...{ executionArn: "arn", operationId: "m", name: "cities", kind: "map", nesting: "FLAT", batchItems: undefined },
      ...{ total: 3, isTotalKnown: true, counts: () => counts, beginAtMost: () => {} },
    });
    const steps = ["1", "2", "3", "4", "5"];
    progress.apply([MAP, ...steps.map((id) => flatStep(id, "START")), ...steps.map((id) => flatStep(id, "SUCCEED"))]);
    Object.assign(counts, { succeeded: 2, running: 1 });
    expect(progress.batches()[0]).toMatchObject({ unit: "items", done: 2, failed: 0, running: 1, total: 3 });
    Object.assign(counts, { succeeded: 2, failed: 1, running: 0 });
    progress.apply([flatStep("6", "START"), flatStep("6", "FAIL"), { ...MAP, Action: "SUCCEED" }]);
    expect(progress.batches()[0]).toMatchObject({ unit: "items", done: 2, failed: 1, total: 3, ended: true });
  });

  test("counts the items of a FLAT map whose items have two contexts and no step, also after earlier runs", () => {
    const inner = (id: string, Action: OperationAction): OperationUpdate => {
      return { Id: id, ParentId: "m", Type: "CONTEXT", SubType: "RunInChildContext", Action };
    };
    const announcement: FanOutAnnouncement = {
      ...{ executionArn: "arn", operationId: "m", name: "cities", kind: "map", nesting: "FLAT", batchItems: undefined },
      ...{ total: 3, isTotalKnown: true, beginAtMost: () => {} },
      counts: () => ({ succeeded: 3, failed: 0, running: 0 }),
    };
    const ids = ["1", "2", "3", "4", "5", "6"];
    const ended = { unit: "items", done: 3, failed: 0, running: 0, total: 3, ended: true };
    const progress = new Progress();
    progress.announce(announcement);
    progress.apply([MAP, ...ids.map((id) => inner(id, "START")), ...ids.map((id) => inner(id, "SUCCEED"))]);
    progress.apply([{ ...MAP, Action: "SUCCEED" }]);
    expect(progress.batches()).toMatchObject([ended]);

    const later = new Progress();
    const StartTimestamp = new Date(0);
    later.recall([
      { ...MAP, Status: "STARTED", StartTimestamp },
      ...ids.map((id) => ({ ...inner(id, "START"), Status: "SUCCEEDED" as const, StartTimestamp })),
    ]);
    later.announce(announcement);
    later.apply([{ ...MAP, Action: "SUCCEED" }]);
    expect(later.batches()).toMatchObject([ended]);
  });

  test("does not count what goes on inside an item", () => {
    const progress = new Progress();
    progress.apply([MAP, item("1", "START"), { ...flatStep("s", "START"), ParentId: "1" }]);
    expect(progress.batches()[0]).toMatchObject({ unit: "items", running: 1 });
  });

  test("recalls what earlier runs did, without counting it as done here", () => {
    const progress = new Progress();
    const map = { ...MAP, Status: "STARTED" as const, StartTimestamp: new Date(0) };
    progress.recall([map, recorded("1", "SUCCEEDED"), recorded("2", "STARTED"), recorded("3", "PENDING")]);
    expect(progress.batches()[0]).toMatchObject({ done: 1, running: 0, waiting: 1 });
    progress.apply([flatStep("2", "SUCCEED")]);
    expect(progress.batches()[0]).toMatchObject({ done: 2 });
    expect(progress.endedHere).toBe(1);
  });

  test("takes the total and the live counts from an announcement, whichever comes first", () => {
    const counts = { succeeded: 7, failed: 1, running: 2 };
    for (const first of ["announcement", "update"]) {
      const progress = new Progress();
      if (first === "update") progress.apply([MAP]);
      const map = { kind: "map", name: "cities", nesting: "NESTED", batchItems: undefined } as const;
      const totals = { total: 40, isTotalKnown: true, counts: () => counts, beginAtMost: () => {} };
      progress.announce({ executionArn: "arn", operationId: "m", ...map, ...totals });
      if (first === "announcement") progress.apply([MAP]);
      expect(progress.batches()[0]).toMatchObject({ unit: "items", done: 7, failed: 1, running: 2, total: 40 });
    }
  });
});

class Screen extends Writable {
  readonly isTTY: boolean;
  readonly columns = 120;
  text = "";

  constructor(isTTY: boolean) {
    super();
    this.isTTY = isTTY;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

function momentOf(batch: Partial<BatchProgress>): Moment {
  const cities = {
    id: "m",
    name: "cities",
    unit: "items",
    done: 0,
    failed: 0,
    running: 0,
    waiting: 0,
    ended: false,
  } as const;
  return {
    elapsedMs: 2_000,
    batches: [{ ...cities, total: undefined, ...batch }],
    endedHere: 5_000,
    operations: 5_001,
    maxOperations: Number.POSITIVE_INFINITY,
    dataBytes: 1_234_567,
    waitsFor: undefined,
    requests: 70,
  };
}

async function drawn(isTTY: boolean, moment: Moment): Promise<string> {
  const screen = new Screen(isTTY);
  const view = createProgressView(screen as unknown as NodeJS.WriteStream);
  view.start(() => moment);
  await vi.waitUntil(() => screen.text !== "", { timeout: 5_000, interval: 10 });
  view.stop();
  return screen.text;
}

describe("the progress view", () => {
  // These tests are about text, and a developer's TERM or NO_COLOR is not to change it.
  const { TERM } = process.env;
  beforeEach(() => {
    process.env["TERM"] = "xterm";
  });
  afterEach(() => {
    if (TERM === undefined) delete process.env["TERM"];
    else process.env["TERM"] = TERM;
  });

  test("is a bar with rate and time left on a terminal, and takes itself away at the end", async () => {
    const drawing = await drawn(true, momentOf({ done: 5_000, failed: 3, running: 250, total: 25_000 }));
    // Colours are on or off by the environment: on where CI is set.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is how colours begin.
    const text = drawing.replace(/\u001b\[\d+m/g, "");
    expect(text).toContain("━━━━────");
    expect(text).toMatch(/20 %, 8 s left {2}cities: 5,000\/25,000 items done, 3 failed, 250 running, 2,500\/s/);
    expect(text).toContain("2.00 s  5,001 operations, 1.2 MB written, 70 requests");
    expect(text.endsWith("\u001b[2F\u001b[J")).toBe(true);
  });

  test("is a plain line elsewhere", async () => {
    const text = await drawn(false, momentOf({ done: 5_000, waiting: 12 }));
    expect(text).toBe(
      "2.00 s | cities: 5,000 items done, 12 waiting | 5,001 operations, 1.2 MB written, 70 requests\n",
    );
  });

  test("tells a batch with a known total from one without", () => {
    const [unknown] = momentOf({ done: 2 }).batches;
    const [known] = momentOf({ done: 2, total: 3 }).batches;
    expect([unknown, known].map((batch) => describeBatch(batch as BatchProgress))).toEqual([
      "cities: 2 items done",
      "cities: 2/3 items done",
    ]);
  });
});
