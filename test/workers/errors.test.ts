import { describe, expect, test } from "vitest";
import { rejection, restarts, threads } from "../support/threads.ts";
import { NotReadyError } from "../support/worker-functions.ts";

describe("what a function throws", () => {
  test("arrives with class, message, stack, members and causes", async () => {
    const error = await rejection(threads().fail("own class"));
    expect(error).toBeInstanceOf(RangeError);
    expect(error).not.toBeInstanceOf(NotReadyError);
    expect(error.constructor.name).toBe("NotReadyError");
    expect([error.name, error.message]).toEqual(["RangeError", "not ready"]);
    expect(error.stack).toContain("worker-functions.ts");
    expect(error["code"]).toBe("ERR_NOT_READY");
    expect(error["details"]).toEqual({ retryInMs: 5 });
    expect("helper" in error).toBe(false);
    const cause = error.cause as Error;
    expect([cause.constructor, cause.message, cause.cause]).toEqual([TypeError, "below", "text"]);
  });

  test("is an instance of a class that the caller names", async () => {
    const error = await rejection(threads({ errors: [NotReadyError] }).fail("own class"));
    expect(error).toBeInstanceOf(NotReadyError);
    expect(error["code"]).toBe("ERR_NOT_READY");
  });

  test("keeps a name of its own", async () => {
    const error = await rejection(threads().fail("another"));
    expect([error.constructor, error.name]).toEqual([Error, "Renamed"]);
  });

  test("may hold several errors", async () => {
    const error = await rejection(threads().fail("aggregate"));
    expect(error).toBeInstanceOf(AggregateError);
    expect((error as unknown as AggregateError).errors.map(String)).toEqual(["TypeError: one", "Error: two"]);
  });

  test("may be one of the platform", async () => {
    const error = await rejection(threads().fail("abort"));
    expect(error).toBeInstanceOf(DOMException);
    expect([error.name, error.message]).toEqual(["AbortError", "stopped"]);
  });

  test.each([
    ["text", "a text"],
    ["object", { name: "Custom", message: "an object" }],
    ["undefined", undefined],
  ])("may be no error: %s", async (kind, thrown) => {
    expect(await rejection(threads().fail(kind))).toEqual(thrown);
  });

  test.each([
    ["uncloneable", "() => 1"],
    ["without text", "[Object: null prototype] { f: [Function: f] }"],
    ["custom text that throws", "object that cannot be shown"],
    ["revoked", "object that cannot be shown"],
  ])("and cannot be cloned is described: %s", async (kind, text) => {
    const before = restarts();
    expect((await rejection(threads().fail(kind))).message).toBe(`Thrown: ${text}`);
    expect(restarts()).toBe(before);
  });

  test.each([
    ["getter", "NotReadyError", "ERR_NOT_READY"],
    ["getter in a member", "NotReadyError", "ERR_NOT_READY"],
    ["getter of the cause", "NotReadyError", "ERR_NOT_READY"],
    ["getter of the errors", "AggregateError", undefined],
  ])("arrives without the member whose getter throws: %s", async (kind, type, code) => {
    const before = restarts();
    const error = await rejection(threads().fail(kind));
    expect([error.constructor.name, error.message, error["code"]]).toEqual([type, "not ready", code]);
    expect(error["value"]).toBe(undefined);
    if (kind === "getter") expect(error.cause).toMatchObject({ name: "TypeError", message: "below" });
    expect(restarts()).toBe(before);
  });

  test("is the same in place", async () => {
    const inline = threads({ mode: "inline" });
    for (const kind of ["own class", "another", "aggregate", "abort"]) {
      const [here, there] = [await rejection(inline.fail(kind)), await rejection(threads().fail(kind))];
      expect([there.constructor.name, there.name, there.message]).toEqual([
        here.constructor.name,
        here.name,
        here.message,
      ]);
    }
  });
});
