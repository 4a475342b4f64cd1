import type { ExecutionHeader, JournalEntry } from "../../src/testing.ts";

export function executionHeader(name: string, input?: string): ExecutionHeader {
  return {
    arn: `arn:aws:lambda:local:000000000000:function:f:$LATEST/durable-execution/${name}/1`,
    name,
    functionName: "f",
    input,
    startMs: 1_767_225_600_000,
    timeoutSeconds: undefined,
    metadata: { file: "handler.ts" },
  };
}

export function checkpointEntry(token: number, payload = `"result ${token}"`): JournalEntry {
  return {
    kind: "checkpoint",
    atMs: 1_767_225_600_000 + token,
    token,
    updates: [
      { Id: `id-${token}`, Type: "STEP", Action: "START", SubType: "Step", Name: "s" },
      { Id: `id-${token}`, Type: "STEP", Action: "SUCCEED", SubType: "Step", Name: "s", Payload: payload },
    ],
  };
}
