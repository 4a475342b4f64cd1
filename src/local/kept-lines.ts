import { formatWithOptions } from "node:util";
import type { LineOrigin, LineWriter } from "../client/client.ts";
import { messageOf } from "../core/errors.ts";
import type { LogLine } from "../journal/journal.ts";

/** Without these limits, the log lines of one invocation could fill the journal. */
const MAX_LINES = 10_000;
const MAX_LINE_CHARACTERS = 8_000;
const LINES_NOT_KEPT = `(the journal keeps ${MAX_LINES} lines of an invocation: this line and later ones are not kept)`;

type Level = LogLine["level"];

export class KeptLines {
  readonly #keep: (line: Omit<LogLine, "atMs">) => void;
  #count = 0;

  /** `keep` must not throw. */
  constructor(keep: (line: Omit<LogLine, "atMs">) => void) {
    this.#keep = keep;
  }

  wrap(logger: LineWriter, origin: () => LineOrigin): LineWriter {
    const method =
      (level: Level, name: "error" | "warn" | "info" | "debug") =>
      (...params: unknown[]): void => {
        logger[name](...params);
        this.#add(level, params, origin());
      };
    const log = (level: Level, ...params: unknown[]): void => {
      logger.log?.(level, ...params);
      this.#add(level, params, origin());
    };
    return {
      // A user's logger may lack `log`, or may get the method later. So each access looks for the method again.
      get log() {
        return logger.log === undefined ? undefined : log;
      },
      error: method("ERROR", "error"),
      warn: method("WARN", "warn"),
      info: method("INFO", "info"),
      debug: method("DEBUG", "debug"),
    };
  }

  #add(level: Level, params: readonly unknown[], origin: LineOrigin): void {
    if (this.#count >= MAX_LINES) return;
    this.#count++;
    const text = this.#count === MAX_LINES ? LINES_NOT_KEPT : textOf(params);
    this.#keep({ level, ...origin, text });
  }
}

function textOf(params: readonly unknown[]): string {
  let text: string;
  try {
    text = formatWithOptions({ breakLength: Number.POSITIVE_INFINITY, depth: 6 }, ...params);
  } catch (error) {
    // A member of a logged object may throw when the member is read.
    text = `(the line cannot be shown: ${messageOf(error)})`;
  }
  return text.length <= MAX_LINE_CHARACTERS ? text : `${text.slice(0, MAX_LINE_CHARACTERS)}…`;
}
