import pc from "picocolors";
import type { Operation } from "../../core/wire.ts";
import type { LogLine } from "../../journal/journal.ts";
import { isoMoment } from "../moment.ts";
import { type Place, Places } from "./places.ts";

export interface PlacedLine extends LogLine {
  /** From the outermost place to the context or step whose code logged the line. Empty for the handler itself. */
  readonly places: readonly Place[];
}

export class LogLines {
  readonly all: readonly PlacedLine[];

  constructor(lines: readonly LogLine[], operations: readonly Operation[]) {
    const places = new Places(operations);
    this.all = lines.map((line) => ({ ...line, places: places.around(line.path, line.name) }));
  }

  /** The lines of the operations or items with the name or id `wanted`, and of all operations inside them. */
  inside(wanted: string): readonly PlacedLine[] {
    return this.all.filter(({ places }) => places.some(({ id, names }) => id === wanted || names.includes(wanted)));
  }

  /** Without the lines of the operations inside this operation. Undefined means the handler. */
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
