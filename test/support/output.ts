import { vi } from "vitest";

/** A JSON log line without what differs from run to run. */
export type LogLine = Record<string, unknown>;

/** Collects the JSON lines that are written to standard output and standard error while `run` is at work. */
export async function captureLogs<T>(run: () => Promise<T>): Promise<{ value: T; out: LogLine[]; err: LogLine[] }> {
  const out: LogLine[] = [];
  const err: LogLine[] = [];
  const collect = (lines: LogLine[]) => (chunk: unknown) => {
    for (const line of String(chunk).split("\n")) if (line !== "") lines.push(stable(JSON.parse(line)));
    return true;
  };
  const spies = [
    vi.spyOn(process.stdout, "write").mockImplementation(collect(out)),
    vi.spyOn(process.stderr, "write").mockImplementation(collect(err)),
  ];
  try {
    return { value: await run(), out, err };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

/** Stack traces, times, and the names of this very execution and invocation are replaced by what they are. */
function stable(line: LogLine): LogLine {
  const entries = Object.entries(line).map(([key, value]): [string, unknown] => {
    if (key === "timestamp") return [key, new Date(String(value)).toISOString() === value ? "ISO 8601" : value];
    if (key === "requestId" || key === "executionArn") return [key, typeof value];
    if (key === "stackTrace") return [key, Array.isArray(value) ? "lines" : value];
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return [key, stable(value as LogLine)];
    return [key, value];
  });
  return Object.fromEntries(entries);
}
