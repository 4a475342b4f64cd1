import pc from "picocolors";
import type { Operation } from "../../core/wire.ts";
import type { LogLine } from "../../journal/journal.ts";
import { isoMoment } from "../moment.ts";
import { type Place, Places } from "./places.ts";

export interface PlacedLine extends LogLine {
  /** The operations around the code that logged the line, the outermost first. Empty for the handler itself. */
  readonly places: readonly Place[];
}

export class LogLines {
  readonly all: readonly PlacedLine[];

  constructor(lines: readonly LogLine[], operations: readonly Operation[]) {
    const places = new Places(operations);
    this.all = lines.map((line) => ({ ...line, places: places.around(line.path, line.name) }));
  }

  /** The lines that the operations or items with this name or id logged, and the lines of all operations inside. */
  inside(wanted: string): readonly PlacedLine[] {
    return this.all.filter(({ places }) => places.some(({ id, names }) => id === wanted || names.includes(wanted)));
  }

  /** The lines that one operation logged, without the lines of operations inside. Undefined means the handler. */
  of(operationId: string | undefined): readonly PlacedLine[] {
    return this.all.filter(({ places }) => places.at(-1)?.id === operationId);
  }
}

export function renderLine({ atMs, level, places, attempt = 1, text }: PlacedLine): string {
  const labels = places.map(({ label }) => label);
  const where = labels.length === 0 ? "(handler)" : labels.join(" › ");
  const tries = attempt > 1 ? pc.yellow(`  attempt ${attempt}`) : "";
  const paint = level === "ERROR" ? pc.red : level === "WARN" ? pc.yellow : pc.dim;
  return `${pc.dim(isoMoment(atMs))}  ${paint(level.padEnd(5))}  ${where}${tries}  ${text}`;
}

export function logDocument({ atMs, level, places, attempt, text }: PlacedLine): object {
  const own = places.at(-1);
  return {
    type: "log",
    at: isoMoment(atMs),
    level,
    ...(own === undefined ? {} : { operationId: own.id, name: own.label, places: places.map(({ label }) => label) }),
    ...(attempt === undefined ? {} : { attempt }),
    message: text,
  };
}
