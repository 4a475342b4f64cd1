import { afterEach, describe, expect, test } from "vitest";
import { type Journal, type JournalEntry, type LogLine, noCounters } from "../../src/journal/journal.ts";
import { checkpointEntry, executionHeader } from "../support/journal-entries.ts";

type Header = ReturnType<typeof executionHeader>;

/** What the engine relies on, for every implementation of the port. */
export function journalSuite(name: string, create: () => Journal): void {
  describe(`a journal (${name})`, () => {
    const opened: Journal[] = [];
    const open = (): Journal => {
      const journal = create();
      opened.push(journal);
      return journal;
    };
    afterEach(() => {
      for (const journal of opened.splice(0)) journal.close();
    });

    test("is empty at first", () => {
      const journal = open();
      expect(journal.executions()).toEqual([]);
      expect([...journal.entries("arn:unknown")]).toEqual([]);
      expect(journal.readOnly).toBe(false);
    });

    test("lists executions in the order of their creation, with everything that identifies them", () => {
      const journal = open();
      const headers = [executionHeader("z", '{"n":1}'), { ...executionHeader("a"), timeoutSeconds: 60 }];
      for (const header of headers) journal.create(header);
      expect(journal.executions()).toEqual(
        headers.map((header) => ({ header, status: "RUNNING", endMs: undefined, counters: noCounters() })),
      );
    });

    test("begins an execution with what it takes over from another one", () => {
      const journal = open();
      const header = { ...executionHeader("second"), redriveOf: executionHeader("first").arn };
      const counters = { ...noCounters(), operations: 5 };
      journal.create(header, { entries: [checkpointEntry(1), checkpointEntry(2)], counters });
      expect(journal.find("name", "second")).toEqual({ header, status: "RUNNING", counters });
      journal.append(header.arn, [checkpointEntry(3)], counters);
      expect([...journal.entries(header.arn)]).toEqual([1, 2, 3].map((token) => checkpointEntry(token)));
    });

    test("keeps each execution's entries apart and in order", () => {
      const journal = open();
      const [one, two] = [executionHeader("one"), executionHeader("two")];
      journal.create(one);
      journal.create(two);
      journal.append(one.arn, [checkpointEntry(1), { kind: "timers", atMs: 5, ids: ["w"] }], noCounters());
      journal.append(two.arn, [checkpointEntry(7)], noCounters());
      journal.append(one.arn, [checkpointEntry(2)], noCounters());
      const expected = [checkpointEntry(1), { kind: "timers", atMs: 5, ids: ["w"] }, checkpointEntry(2)];
      expect([...journal.entries(one.arn)]).toEqual(expected);
      expect([...journal.entries(two.arn)]).toEqual([checkpointEntry(7)]);
    });

    test("keeps every kind of entry as it was given", () => {
      const journal = open();
      const header = executionHeader("kinds");
      const error = { ErrorType: "RangeError", ErrorMessage: "no\0pe \u2028", ErrorData: "{}", StackTrace: ["at x"] };
      const entries: JournalEntry[] = [
        { ...checkpointEntry(1), clientToken: "c-1" } as JournalEntry,
        { kind: "begin", atMs: 2, token: 2, requestId: "r-1" },
        { kind: "timers", atMs: 2.5, ids: ["a", "b"] },
        { kind: "invocation", atMs: 3, startMs: 1, requestId: "r-1" },
        { kind: "invocation", atMs: 4, startMs: 3, requestId: "r-2", error },
        { kind: "end", atMs: 5, status: "FAILED", error },
      ];
      journal.create(header);
      journal.append(header.arn, entries, noCounters());
      expect([...journal.entries(header.arn)]).toEqual(entries);
    });

    test.for([
      ["empty", ""],
      ["of any character", "\0 \u{1F600} \u2028 é \\ \" '"],
      ["with lone surrogates", "a\uD800b\uDC00c"],
      ["of 300 kB", "ä".repeat(150_000)],
    ] as const)("keeps a payload %s", ([, payload]) => {
      const journal = open();
      const header = executionHeader("payload", JSON.stringify(payload));
      journal.create(header);
      journal.append(header.arn, [checkpointEntry(1, payload)], noCounters());
      expect([...journal.entries(header.arn)]).toEqual([checkpointEntry(1, payload)]);
      expect(journal.executions()[0]?.header.input).toBe(JSON.stringify(payload));
    });

    test("shows the latest counters, and the end", () => {
      const journal = open();
      const header = executionHeader("ended");
      journal.create(header);
      journal.append(header.arn, [checkpointEntry(1)], { ...noCounters(), updates: 2, checkpoints: 1 });
      expect(journal.executions()[0]).toMatchObject({ status: "RUNNING", counters: { updates: 2, checkpoints: 1 } });
      const counters = { ...noCounters(), updates: 4, checkpoints: 2 };
      journal.append(header.arn, [{ kind: "end", atMs: 99, status: "SUCCEEDED", result: "1" }], counters);
      expect(journal.executions()[0]).toMatchObject({ status: "SUCCEEDED", endMs: 99, counters });
      counters.updates = 1_000;
      expect(journal.executions()[0]?.counters.updates).toBe(4);
    });

    test("finds executions by their ARN, their name and the last part of their ARN", () => {
      const journal = open();
      const [one, two] = [
        executionHeader("one"),
        { ...executionHeader("tw\0\uD800o"), arn: "arn:b/durable/other/two-id" },
      ];
      expect(journal.last()).toBeUndefined();
      journal.create(one);
      journal.create(two);
      expect(journal.find("arn", one.arn)).toEqual({ header: one, status: "RUNNING", counters: noCounters() });
      expect(journal.find("name", "one")?.header).toEqual(one);
      expect(journal.find("name", two.name)?.header).toEqual(two);
      expect(journal.find("id", "two-id")?.header).toEqual(two);
      expect(journal.last()?.header).toEqual(two);
      for (const key of ["arn", "name", "id"] as const) {
        expect(journal.find(key, "nobody")).toBeUndefined();
        expect(journal.find(key, "")).toBeUndefined();
      }
    });

    test("knows when the last entry was written", () => {
      const journal = open();
      const header = executionHeader("last");
      expect(journal.lastMs(header.arn)).toBeUndefined();
      journal.create(header);
      expect(journal.lastMs(header.arn)).toBeUndefined();
      journal.append(header.arn, [checkpointEntry(1), { kind: "timers", atMs: 7.5, ids: [] }], noCounters());
      expect(journal.lastMs(header.arn)).toBe(7.5);
    });

    test("keeps what was thrown, apart from the entries", () => {
      const journal = open();
      const [one, two] = [executionHeader("one"), executionHeader("two")];
      for (const header of [one, two]) journal.create(header);
      const traces = [1, 2].map((atMs) => ({ operationId: "a", atMs, text: `Error: ${atMs}\0\uD800` }));
      for (const trace of traces) journal.addTrace(one.arn, trace);
      expect(journal.traces(one.arn)).toEqual(traces);
      expect(journal.traces(two.arn)).toEqual([]);
      expect(journal.traces("arn:unknown")).toEqual([]);
      expect([...journal.entries(one.arn)]).toEqual([]);
    });

    test("keeps what was logged, apart from the entries", () => {
      const journal = open();
      const [one, two] = [executionHeader("one"), executionHeader("two")];
      for (const header of [one, two]) journal.create(header);
      const step = { name: "charge", attempt: 2, path: "1-1" };
      const lines: LogLine[] = [
        { atMs: 1, level: "INFO", path: "root", text: "begins\0\uD800" },
        { atMs: 2, level: "WARN", ...step, text: "" },
      ];
      for (const line of lines) journal.addLog(one.arn, line);
      expect(journal.logs(one.arn)).toEqual(lines);
      expect(journal.logs(two.arn)).toEqual([]);
      expect(journal.logs("arn:unknown")).toEqual([]);
      expect([...journal.entries(one.arn)]).toEqual([]);
    });

    test("removes executions with all that it has of them, and no others", () => {
      const journal = open();
      const [one, two, three] = ["one", "two", "three"].map((name) => executionHeader(name)) as [
        Header,
        Header,
        Header,
      ];
      for (const header of [one, two, three]) {
        const { arn } = header;
        journal.create(header);
        journal.append(arn, [checkpointEntry(1)], noCounters());
        journal.addTrace(arn, { operationId: "a", atMs: 1, text: "Error" });
        journal.addLog(arn, { atMs: 1, level: "INFO", path: "root", text: "begins" });
      }
      journal.remove([one.arn, three.arn, "arn:unknown"]);
      expect(journal.executions().map(({ header }) => header)).toEqual([two]);
      expect(journal.find("name", "one")).toBeUndefined();
      expect(journal.find("arn", three.arn)).toBeUndefined();
      expect(journal.last()?.header).toEqual(two);
      expect([...journal.entries(one.arn)]).toEqual([]);
      expect(journal.traces(three.arn)).toEqual([]);
      expect(journal.logs(three.arn)).toEqual([]);
      expect([...journal.entries(two.arn)]).toEqual([checkpointEntry(1)]);
      expect(journal.traces(two.arn)).toHaveLength(1);
      expect(journal.logs(two.arn)).toHaveLength(1);
      journal.create(one);
      expect([...journal.entries(one.arn)]).toEqual([]);
    });

    test("finds the first of several executions with one name", () => {
      const journal = open();
      const first = executionHeader("same");
      journal.create(first);
      journal.create({ ...first, arn: `${first.arn}-b` });
      expect(journal.find("name", "same")?.header).toEqual(first);
    });

    test("counts as last what somebody started, not what another execution began", () => {
      const journal = open();
      const started = executionHeader("started");
      const begun = { ...executionHeader("begun"), parent: { arn: started.arn, operationId: "o" }, tenantId: "t" };
      journal.create(started);
      journal.create(begun);
      expect(journal.last()?.header).toEqual(started);
      expect(journal.find("name", "begun")?.header).toEqual(begun);
    });

    test("gives the outcome of an execution with the execution", () => {
      const journal = open();
      const error = { ErrorType: "RangeError", ErrorMessage: "no" };
      for (const name of ["good", "bad", "open"]) {
        const { arn } = executionHeader(name);
        journal.create(executionHeader(name));
        journal.append(arn, [checkpointEntry(1)], noCounters());
        if (name === "good")
          journal.append(arn, [{ kind: "end", atMs: 7, status: "SUCCEEDED", result: "1" }], noCounters());
        if (name === "bad") journal.append(arn, [{ kind: "end", atMs: 8, status: "FAILED", error }], noCounters());
      }
      const expected = [
        { status: "SUCCEEDED", endMs: 7, result: "1", error: undefined },
        { status: "FAILED", endMs: 8, result: undefined, error },
        { status: "RUNNING", endMs: undefined, result: undefined, error: undefined },
      ];
      expect(journal.executions()).toMatchObject(expected);
      expect(journal.find("name", "bad")).toMatchObject(expected[1] as object);
    });

    test("refuses entries of an execution that it does not have", () => {
      const journal = open();
      expect(() => journal.append("arn:unknown", [checkpointEntry(1)], noCounters())).toThrow(
        expect.objectContaining({ code: "ERR_EXECUTION_UNKNOWN", message: expect.stringContaining("arn:unknown") }),
      );
      expect(journal.executions()).toEqual([]);
    });

    test("can be read by several readers at once, one of them giving up", () => {
      const journal = open();
      const header = executionHeader("readers");
      journal.create(header);
      for (let token = 1; token <= 5; token++) journal.append(header.arn, [checkpointEntry(token)], noCounters());
      const first = journal.entries(header.arn)[Symbol.iterator]();
      const second = journal.entries(header.arn)[Symbol.iterator]();
      expect(first.next().value).toEqual(checkpointEntry(1));
      expect(second.next().value).toEqual(checkpointEntry(1));
      expect(first.next().value).toEqual(checkpointEntry(2));
      first.return?.();
      expect(second.next().value).toEqual(checkpointEntry(2));
      expect([...journal.entries(header.arn)]).toHaveLength(5);
    });
  });
}
