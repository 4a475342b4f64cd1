/** Is given each line of what happens in a simulated execution. */
export type Trace = (line: string) => void;

export function traced(nowMs: number, invocation: number, what: string, detail?: unknown): string {
  const head = `${String(nowMs).padStart(8)} ms  #${invocation}  ${what}`;
  if (detail === undefined) return head;
  if (!Array.isArray(detail)) return `${head}: ${cut(JSON.stringify(detail))}`;
  return [head, ...detail.map((operation) => `${" ".repeat(16)}${brief(operation)}`)].join("\n");
}

/** One update or operation in a line. */
function brief(operation: Record<string, unknown>): string {
  const { Id, Type, Action, Status, SubType, Name, Payload, Error: error, ...rest } = operation;
  const { StartTimestamp: _, EndTimestamp: __, ParentId, ...details } = rest;
  const kind = SubType === undefined || SubType === Type ? Type : `${Type}/${SubType}`;
  const extra = Object.values(details).filter((value) => Object.keys(Object(value)).length > 0);
  return [
    `${kind} ${Action ?? Status} ${Name ?? ""} [${Id}${ParentId === undefined ? "" : ` in ${ParentId}`}]`,
    Payload === undefined ? "" : cut(String(Payload)),
    error === undefined ? "" : cut(JSON.stringify(error)),
    extra.length === 0 ? "" : cut(JSON.stringify(extra)),
  ]
    .filter((part) => part !== "")
    .join("  ");
}

const MAX_LENGTH = 300;

function cut(text: string): string {
  return text.length <= MAX_LENGTH ? text : `${text.slice(0, MAX_LENGTH)}… (${text.length})`;
}
