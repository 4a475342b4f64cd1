import { describe, expect, test } from "vitest";
import type { DurableExecutionClient, WireOperation } from "../../src/index.ts";
import { type Handler, invokeOver, withRuntime } from "../support/service.ts";

const WAITS = 40;
const PAGE = 5;

/** A service whose waits end at once, and whose answers have room for a few operations. */
class PagingService {
  readonly reads: { marker: string | undefined; token: string | undefined }[] = [];
  readonly #pages = new Map<string, WireOperation[]>();
  readonly #failure: unknown;
  #requests = 0;
  #waits: WireOperation[] = [];

  constructor(failure?: unknown) {
    this.#failure = failure;
  }

  readonly client: DurableExecutionClient = {
    checkpoint: async ({ Updates = [] }) => {
      const begun = Updates.map(({ Id, Type, Name, SubType }) => {
        const due = new Date();
        const operation: WireOperation = { Id, Type, Name, SubType, Status: "STARTED", StartTimestamp: due };
        return { ...operation, WaitDetails: { ScheduledEndTimestamp: due } };
      });
      const ended = this.#waits.map((wait): WireOperation => ({ ...wait, Status: "SUCCEEDED" }));
      this.#waits = begun.filter(({ Type }) => Type === "WAIT");
      const token = `token-${++this.#requests}`;
      return { CheckpointToken: token, NewExecutionState: this.#page([...begun, ...ended], token) };
    },
    getExecutionState: async ({ Marker, CheckpointToken }) => {
      this.reads.push({ marker: Marker, token: CheckpointToken });
      if (this.#failure !== undefined) throw this.#failure;
      const { Operations, NextMarker } = this.#page(this.#pages.get(Marker as string) ?? [], Marker as string);
      return { Operations, NextMarker };
    },
  };

  #page(operations: WireOperation[], name: string) {
    const rest = operations.slice(PAGE);
    if (rest.length === 0) return { Operations: operations };
    const marker = `${name}+`;
    this.#pages.set(marker, rest);
    return { Operations: operations.slice(0, PAGE), NextMarker: marker };
  }
}

const waits: Handler = async (_, context) => {
  const all = Array.from({ length: WAITS }, (_value, n) => context.wait(`w${n}`, { seconds: 1 }));
  await Promise.all(all);
  return "all";
};

describe("an answer to a checkpoint that has a part of what changed", () => {
  // C8
  test("is completed by the pages that follow", async () => {
    const service = new PagingService();
    const { output } = await invokeOver(withRuntime(waits, { runtime: { suspension: { graceMs: 2_000 } } }), [], {
      client: service.client,
    });
    expect(output).toEqual({ Status: "SUCCEEDED", Result: '"all"' });
    // 40 waits that begin, then as many that end: seven further pages each, by the token that the answer gave.
    expect(service.reads.map(({ token }) => token)).toEqual([...Array(7).fill("token-1"), ...Array(7).fill("token-2")]);
  });

  test("ends the invocation, not the execution, when a page cannot be read", async () => {
    const failure = Object.assign(new Error("throttled"), { $metadata: { httpStatusCode: 429 } });
    const invocation = invokeOver(withRuntime(waits), [], { client: new PagingService(failure).client });
    await expect(invocation).rejects.toThrow("throttled");
  });
});
