import { formatDuration } from "../core/quantity.ts";
import type { Operation } from "../core/wire.ts";

/** The columns of the table of operations. */
export interface PrintConfig {
  /** The name of the operation, indented by two spaces for each context around it. Default true. */
  name?: boolean;
  /** Default true. */
  type?: boolean;
  /** Default true. */
  subType?: boolean;
  /** Default true. */
  status?: boolean;
  /** The number of attempts that have ended, for operations of the type STEP. Default true. */
  attempts?: boolean;
  /** The time from the start to the end, by the runner's clock; `-` until the end. Default true. */
  duration?: boolean;
  /** Default false. */
  id?: boolean;
  /** Default false. */
  parentId?: boolean;
  /** Default false. */
  startTime?: boolean;
  /** Default false. */
  endTime?: boolean;
}

interface Column {
  readonly key: keyof PrintConfig;
  readonly title: string;
  readonly shown: boolean;
  readonly cell: (operation: Operation, depth: number) => string | undefined;
}

const COLUMNS: readonly Column[] = [
  {
    key: "name",
    title: "name",
    shown: true,
    cell: ({ Name: name }, depth) => `${"  ".repeat(depth)}${name?.replaceAll(/\s+/g, " ") ?? "-"}`,
  },
  { key: "id", title: "id", shown: false, cell: ({ Id: id }) => id },
  { key: "parentId", title: "parent id", shown: false, cell: ({ ParentId: id }) => id },
  { key: "type", title: "type", shown: true, cell: ({ Type: type }) => type },
  { key: "subType", title: "subtype", shown: true, cell: ({ SubType: subType }) => subType },
  { key: "status", title: "status", shown: true, cell: ({ Status: status }) => status },
  { key: "attempts", title: "attempts", shown: true, cell: ({ StepDetails: step }) => step?.Attempt?.toString() },
  { key: "duration", title: "duration", shown: true, cell: durationOf },
  { key: "startTime", title: "start", shown: false, cell: ({ StartTimestamp: start }) => start?.toISOString() },
  { key: "endTime", title: "end", shown: false, cell: ({ EndTimestamp: end }) => end?.toISOString() },
];

export function formatOperations(operations: readonly Operation[], config: PrintConfig = {}): string {
  const columns = COLUMNS.filter(({ key, shown }) => config[key] ?? shown);
  const rows = [columns.map(({ title }) => title)];
  for (const { operation, depth } of inTree(operations)) {
    rows.push(columns.map(({ cell }) => cell(operation, depth) ?? "-"));
  }
  const widths = columns.map((_, at) => Math.max(...rows.map((row) => (row[at] as string).length)));
  return rows
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] as number))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function durationOf({ StartTimestamp: start, EndTimestamp: end }: Operation): string | undefined {
  return start && end && formatDuration(Math.max(0, end.getTime() - start.getTime()));
}

function* inTree(operations: readonly Operation[]): Generator<{ operation: Operation; depth: number }> {
  const childrenOf = new Map<string | undefined, Operation[]>();
  for (const operation of operations) {
    const siblings = childrenOf.get(operation.ParentId);
    if (siblings === undefined) childrenOf.set(operation.ParentId, [operation]);
    else siblings.push(operation);
  }
  const walk = function* (
    parentId: string | undefined,
    depth: number,
  ): Generator<{ operation: Operation; depth: number }> {
    for (const operation of childrenOf.get(parentId) ?? []) {
      yield { operation, depth };
      yield* walk(operation.Id, depth + 1);
    }
  };
  yield* walk(undefined, 0);
}
