import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { deliver } from "../../src/cli/callbacks/callback-delivery.ts";
import { RequestBox } from "../../src/cli/callbacks/request-box.ts";
import { LocalEngine, SqliteJournal } from "../../src/testing.ts";
import { type CliProcess, documentsOf, HANDLERS, runCli, shownBy, startCli, temporaryFolder } from "../support/cli.ts";
import { PENDING, RawInvocation } from "../support/raw-invocation.ts";

const RUN = ["run", HANDLERS, "--export"];

const refused = (exitCode: number, code: string, message: RegExp) => ({
  exitCode,
  documents: [{ type: "error", error: { code, message: expect.stringMatching(message) } }],
});

async function ask(args: string[], cwd: string, stdin = "") {
  const result = await runCli([...args, "--json"], { cwd, stdin });
  return { exitCode: result.exitCode, documents: documentsOf(result) };
}

interface ListedCallback {
  readonly callbackId: string;
  readonly startedAt: string;
  readonly places: readonly string[];
  readonly heartbeatDueAt?: string;
}

/** The open callbacks, once there is a journal. */
async function listCallbacks(cwd: string, ...target: string[]) {
  const documents = documentsOf(await runCli(["callbacks", ...target, "--json"], { cwd }));
  return documents.filter(({ type }) => type === "callback") as unknown as ListedCallback[];
}

describe.concurrent("callbacks of an execution that runs", () => {
  test("are told of, listed, kept alive, completed and failed by commands of other processes", async () => {
    const cwd = temporaryFolder();
    const run = startCli([...RUN, "asking", "--name", "friday"], { cwd });
    await run.said(/Waits for callback approval: node .*main\.ts complete approval --result …/);
    const listed = await runCli(["callbacks"], { cwd });
    expect(listed.stdout).toMatch(
      /^approval {2}friday {2}open for .* {2}times out in (1 h \d+|2 h 0) min {2}heartbeat due in/,
    );
    const callbacks = await listCallbacks(cwd, "friday");
    const startMs = Date.parse(callbacks[0]?.startedAt ?? "");
    expect(callbacks).toEqual([
      {
        type: "callback",
        callbackId: expect.any(String),
        name: "approval",
        executionName: "friday",
        executionArn: expect.stringContaining("/friday/"),
        operationId: expect.any(String),
        places: ["approval"],
        startedAt: expect.any(String),
        timeoutAt: new Date(startMs + 7_200_000).toISOString(),
        heartbeatDueAt: new Date(startMs + 3_600_000).toISOString(),
      },
    ]);
    const callbackId = callbacks[0]?.callbackId as string;
    expect(await ask(["heartbeat", "approval"], cwd)).toEqual({
      exitCode: 0,
      documents: [{ type: "callback-done", action: "heartbeat", callbackId, doneBy: "running process" }],
    });
    const [after] = await listCallbacks(cwd);
    expect(Date.parse(after?.heartbeatDueAt ?? "")).toBeGreaterThan(startMs + 3_600_000);
    const completed = await runCli(["complete", callbackId, "--result", "-"], { cwd, stdin: '{"by":"me"}\n' });
    expect([completed.exitCode, completed.stdout, completed.stderr]).toEqual([
      0,
      "",
      "Callback approval is completed.\n",
    ]);
    await run.said("Waits for callback answer");
    expect(await ask(["complete", callbackId], cwd)).toEqual(
      refused(9, "ERR_CALLBACK_CLOSED", /closed already \(SUCCEEDED\)/),
    );
    const failed = await runCli(["fail", "answer", "--error", '{"ErrorType":"Refused","ErrorMessage":"no"}'], { cwd });
    expect([failed.exitCode, failed.stderr]).toEqual([0, "Callback answer has failed.\n"]);
    const { exitCode, stdout } = await run.ended;
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ approval: '{"by":"me"}', answer: ["CallbackExternalError", "no", "Refused"] });
    // Nothing is left of the requests.
    expect(readdirSync(join(cwd, ".durable-fanout")).filter((name) => name.includes("requests"))).toEqual([]);
  });

  test("that share a name are completed by their ids, and a long list of them is told briefly", async () => {
    const cwd = temporaryFolder();
    const run = startCli([...RUN, "asksAll", "--event", '{"count":3}', "--json"], { cwd });
    while ((await listCallbacks(cwd)).length !== 3);
    expect(await ask(["complete", "everybody"], cwd)).toEqual(
      refused(2, "ERR_CALLBACK_AMBIGUOUS", /3 open callbacks are named "everybody"/),
    );
    const callbacks = await listCallbacks(cwd);
    for (const [n, { callbackId }] of callbacks.entries()) {
      expect((await ask(["complete", callbackId, "--result", `r${n}`], cwd)).exitCode).toBe(0);
    }
    const documents = documentsOf(await run.ended);
    expect(documents.at(-1)).toMatchObject({ type: "finished", result: ["r0", "r1", "r2"] });
    expect(documents.find(({ type }) => type === "waiting")).toMatchObject({
      callbacks: Array(3).fill({ name: "everybody", callbackId: expect.any(String) }),
    });
  });

  test.each([0, 2])("are told apart by their places, batch %s", async (batch) => {
    const cwd = temporaryFolder();
    const run = startCli([...RUN, "asksInside", "--event", `{"batch":${batch}}`], { cwd });
    const item = (index: number) => (batch === 0 ? `map-item-${index}` : `score[${index}]`);
    await run.said(`Waits for callback score › ${item(0)} › inner › ask: `);
    while ((await listCallbacks(cwd)).length !== 3);
    const { stdout } = await runCli(["callbacks"], { cwd });
    expect(stdout).toMatch(new RegExp(`^score › ${item(1).replace("[", "\\[")} › inner › ask {2}`, "m"));
    expect((await runCli(["show"], { cwd })).stdout).toContain(`waits   callback score › ${item(2)} › ask\n`);
    const callbacks = await listCallbacks(cwd);
    expect(callbacks.map(({ places }) => places).toSorted()).toEqual([
      ["score", item(0), "inner", "ask"],
      ["score", item(1), "inner", "ask"],
      ["score", item(2), "ask"],
    ]);
    for (const { callbackId, places } of callbacks) {
      await ask(["complete", callbackId, "--result", String(places.at(1))], cwd);
    }
    expect(JSON.parse((await run.ended).stdout)).toEqual([0, 1, 2].map(item));
  });

  test("keep a run in virtual time alive if they have no time-out, and are skipped to if they have", async () => {
    const cwd = temporaryFolder();
    const run = startCli([...RUN, "asksAll", "--event", '{"count":1}', "--virtual-time"], { cwd });
    await run.said(/Waits for callback .* › everybody/);
    await runCli(["complete", "everybody", "--result", "late"], { cwd });
    expect(JSON.parse((await run.ended).stdout)).toEqual(["late"]);
    const timedOut = await runCli([...RUN, "asking", "--virtual-time"], { cwd });
    expect([timedOut.exitCode, timedOut.stderr]).toEqual([1, expect.stringMatching(/CallbackTimeoutError/)]);
    expect(timedOut.stderr).not.toContain("Waits for callback");
  });
});

/** Runs until the command line tells of an open callback, and then stops as with Ctrl-C. */
async function interruptedAt(callback: string, args: string[], cwd: string): Promise<void> {
  const run = startCli(args, { cwd });
  await run.said(new RegExp(`Waits for callback (.* › )?${callback}`));
  run.child.kill("SIGINT");
  expect((await run.ended).exitCode).toBe(130);
}

/** Settles when standard output has shown the text. */
function printed({ child, ended }: CliProcess, text: string): Promise<void> {
  let shown = "";
  return new Promise((settle, reject) => {
    child.stdout?.on("data", (chunk: string) => {
      shown += chunk;
      if (shown.includes(text)) settle();
    });
    ended.then(() => reject(new Error(`The process ended before it printed ${text}`)), reject);
  });
}

describe.concurrent("callbacks for which an execution waited before it was resumed", () => {
  test("are told of again, and the progress says what is waited for", async () => {
    const cwd = temporaryFolder();
    await interruptedAt("approval", [...RUN, "asking", "--name", "friday"], cwd);
    const resumed = startCli(["resume", "friday"], { cwd });
    await resumed.said(/Waits for callback approval: node .*main\.ts complete approval --result …/);
    await resumed.said(/ \| waits for callback approval \(times out .*\) \| /);
    resumed.child.kill("SIGINT");
    await resumed.ended;
    const again = startCli([...RUN, "asking", "--name", "friday", "--json"], { cwd });
    await printed(again, '"waitsFor":"waits for callback approval (times out');
    await runCli(["complete", "approval", "--result", "yes"], { cwd });
    await printed(again, '"name":"answer"');
    await runCli(["complete", "answer", "--result", "no"], { cwd });
    const documents = documentsOf(await again.ended);
    expect(documents.filter(({ type }) => type === "waiting")).toMatchObject([
      { callbacks: [{ name: "approval", callbackId: expect.any(String) }] },
      { callbacks: [{ name: "answer", callbackId: expect.any(String) }] },
    ]);
    expect(documents.at(-1)).toMatchObject({ type: "finished", result: { approval: "yes", answer: "no" } });
  });

  test("are told of again where a function that is invoked waits for them", async () => {
    const cwd = temporaryFolder();
    const functions = ["--plain-function", `double=${HANDLERS}#double`, "--function", `child=${HANDLERS}#child`];
    const run = [...RUN, "invoking", "--event", '{"n":1}', "--name", "sum"];
    await interruptedAt("more", [...run, ...functions], cwd);
    const resumed = startCli(["resume", "sum"], { cwd });
    await resumed.said("Waits for callback more");
    await runCli(["complete", "more", "--result", "4"], { cwd });
    expect(JSON.parse((await resumed.ended).stdout)).toEqual([2, 5]);
  });

  test("are told of again in virtual time, and keep the process alive", async () => {
    const cwd = temporaryFolder();
    const run = [...RUN, "asksAll", "--event", '{"count":1}', "--name", "friday", "--virtual-time"];
    await interruptedAt("everybody", run, cwd);
    const resumed = startCli(["resume", "friday"], { cwd });
    await resumed.said(/Waits for callback .* › everybody/);
    await runCli(["complete", "everybody", "--result", "late"], { cwd });
    expect(JSON.parse((await resumed.ended).stdout)).toEqual(["late"]);
  });
});

describe.concurrent("callbacks of an execution that no process runs", () => {
  test("are completed in the journal, and delivered when it is resumed", async () => {
    const cwd = temporaryFolder();
    const run = startCli([...RUN, "asking", "--name", "friday"], { cwd });
    await run.said("Waits for callback approval");
    run.child.kill("SIGKILL");
    await run.ended;
    writeFileSync(join(cwd, "answer.txt"), "from a file");
    const completed = await runCli(["complete", "approval", "--result", "@answer.txt"], { cwd });
    expect(completed.exitCode).toBe(0);
    expect(completed.stderr).toMatch(
      /is completed\.\nNo process runs the execution\. .* node .*main\.ts resume friday\n/,
    );
    expect(await ask(["callbacks"], cwd)).toEqual({ exitCode: 0, documents: [] });
    const resumed = startCli(["resume", "friday"], { cwd });
    await resumed.said("Waits for callback answer");
    expect(await ask(["fail", "answer", "--error", "no time"], cwd)).toMatchObject({ exitCode: 0 });
    expect(JSON.parse((await resumed.ended).stdout)).toEqual({
      approval: "from a file",
      answer: ["CallbackExternalError", "no time", expect.any(String)],
    });
    expect(await ask(["complete", "answer"], cwd)).toEqual(
      refused(9, "ERR_CALLBACK_UNKNOWN", /id or name "answer"\. None is open/),
    );
  });

  test("are shown with the text of their answer, as the handler gets it", async () => {
    const cwd = temporaryFolder();
    await interruptedAt("approval", [...RUN, "asking", "--name", "friday"], cwd);
    await runCli(["complete", "approval", "--result", '"yes"'], { cwd });
    await interruptedAt("answer", ["resume", "friday"], cwd);
    const { stdout } = await runCli(["show", "friday"], { cwd });
    expect(stdout).toMatch(/ approval {2}WaitForCallback .* → "\\"yes\\""\n/);
    expect(stdout).toMatch(/ {2}Callback .* → "\\"yes\\""\n/);
    const { operations } = await shownBy(["friday"], { cwd });
    const ended = operations.filter(({ kind, status }) => kind.includes("Callback") && status === "SUCCEEDED");
    expect(ended.map(({ kind, result }) => [kind, result])).toEqual([
      ["WaitForCallback", '"yes"'],
      ["Callback", '"yes"'],
    ]);
    const { id = "" } = ended[1] ?? {};
    const whole = await runCli(["show", "friday", "--operation", id], { cwd });
    expect(whole.stdout).toMatch(/\n {2}result {4}"yes"\n/);
    const history = documentsOf(await runCli(["history", "friday", "--json"], { cwd }));
    const told = history.find(({ event }) => event === "CallbackSucceeded");
    expect(told).toMatchObject({ details: { result: '"yes"' } });
  });

  test("are not taken for others, and errors and results are checked first", async () => {
    const cwd = temporaryFolder();
    expect(await ask(["callbacks"], cwd)).toEqual(refused(4, "ERR_JOURNAL_MISSING", /There is no journal/));
    await runCli([...RUN, "formatted"], { cwd });
    const none = await runCli(["callbacks"], { cwd });
    expect([none.exitCode, none.stdout, none.stderr]).toEqual([0, "", "No callback is open.\n"]);
    expect(await ask(["callbacks", "monday"], cwd)).toEqual(refused(6, "ERR_EXECUTION_UNKNOWN", /"monday"/));
    const foreign = Buffer.from(JSON.stringify({ arn: "arn:x", operationId: "a".repeat(30) })).toString("base64");
    expect(await ask(["complete", foreign], cwd)).toEqual(refused(9, "ERR_CALLBACK_UNKNOWN", /does not have: arn:x/));
    expect(await ask(["fail", foreign, "--error", '{"message":"no"}'], cwd)).toEqual(
      refused(2, "ERR_ERROR_INVALID", /it has "message": "no"\. Give a message, or JSON with ErrorMessage/),
    );
    expect(await ask(["fail", foreign, "--error", '{"ErrorMessage"'], cwd)).toEqual(
      refused(2, "ERR_ERROR_INVALID", /it is not JSON/),
    );
    expect(await ask(["complete", foreign, "--result", "@nowhere.txt"], cwd)).toEqual(
      refused(2, "ERR_RESULT_UNREADABLE", /The result file nowhere\.txt cannot be read: there is no such file/),
    );
    expect((await ask(["complete"], cwd)).exitCode).toBe(2);
  });
});

describe("a request to the process that runs on a journal", () => {
  /** An engine on a file with an execution that waits for a callback. */
  async function waiting() {
    const folder = temporaryFolder();
    mkdirSync(folder, { recursive: true });
    const db = join(folder, "journal.db");
    const journal = new SqliteJournal(db);
    const engine = new LocalEngine({ journal });
    engine.register("f", async (event) => {
      const start = { Id: "c", Type: "CALLBACK", SubType: "Callback", Action: "START", CallbackOptions: {} } as const;
      await new RawInvocation(event).checkpoint([start]);
      return PENDING;
    });
    const { arn, result } = engine.start({ functionName: "f" });
    result.catch(() => {});
    await engine.rest();
    const callbackId = engine.openCallbacks(arn)[0]?.callbackId as string;
    const statusLater = async () => {
      const later = new LocalEngine({ journal: new SqliteJournal(db, { readOnly: true }) });
      const operation = later.operation(arn, "c");
      await later.close();
      return [operation?.Status, operation?.CallbackDetails?.Result];
    };
    return { db, engine, request: { action: "complete", callbackId, result: "r" } as const, statusLater };
  }

  async function taken(box: RequestBox): Promise<string> {
    for (;;) {
      const [posted] = box.takeRequests(Date.now());
      if (posted !== undefined) return posted.id;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  test("that it does not answer is taken back, and refused with what may be the matter", async () => {
    const { db, engine, request, statusLater } = await waiting();
    await expect(deliver(db, request, 200)).rejects.toThrow(
      expect.objectContaining({ code: "ERR_REQUEST_UNANSWERED", message: expect.stringMatching(/0\.2 seconds/) }),
    );
    expect(existsSync(`${db}-requests`)).toBe(false);
    await engine.close();
    expect(await statusLater()).toEqual(["STARTED", undefined]);
  });

  test("that it took with it into its grave is done by the process that asked", async () => {
    const { db, engine, request, statusLater } = await waiting();
    const delivered = deliver(db, request);
    await taken(new RequestBox(db));
    await engine.close();
    expect(await delivered).toBe("this process");
    expect(await statusLater()).toEqual(["SUCCEEDED", "r"]);
  });

  test("that it answered with its last breath is not done again", async () => {
    const { db, engine, request, statusLater } = await waiting();
    const delivered = deliver(db, request);
    const box = new RequestBox(db);
    const id = await taken(box);
    engine.completeCallback(request.callbackId, "r");
    const closed = engine.close();
    box.answer(id, {});
    expect(await delivered).toBe("running process");
    await closed;
    expect(await statusLater()).toEqual(["SUCCEEDED", "r"]);
  });

  test("whose asker has gone away is not done", async () => {
    const { db, engine, request } = await waiting();
    const box = new RequestBox(db);
    box.post(request, Date.now() - 1);
    expect(box.takeRequests(Date.now())).toEqual([]);
    box.tidy();
    expect(existsSync(`${db}-requests`)).toBe(false);
    await engine.close();
  });
});
