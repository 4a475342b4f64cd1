import { DurableError, isDurableError } from "../../core/errors.ts";
import { ExitCode } from "../exit-code.ts";
import { lineStart } from "../line-start.ts";
import { withCode } from "../output.ts";
import { exitByItself, isExitOwn } from "../own-exit.ts";

/** Why a command ends before its execution has ended: a signal or an error. */
export type Interruption = { signal: "SIGINT" | "SIGTERM"; exitCode: ExitCode } | { error: unknown };

/** Signals within this time after the first are ignored: under npm, Ctrl-C arrives from the terminal and from npm. */
const SAME_SIGNAL_MS = 300;

/**
 * Until `stop`, `interrupted` resolves at the first of these events: SIGINT (Ctrl-C), SIGTERM, an uncaught exception,
 * an unhandled rejection, and the end of all work while the handler still waits. Otherwise it never settles. A second
 * signal ends the process at once (see `SAME_SIGNAL_MS`). While code computes without a pause, Node notices no signal.
 */
export class InterruptionWatch {
  readonly interrupted: Promise<Interruption>;
  readonly #undo: (() => void)[] = [];

  /** @param onExit called when the handler ends the process; it must write synchronously, because the process ends */
  constructor(onExit: (error: DurableError) => void = sayAtOnce) {
    let resolve: (interruption: Interruption) => void = () => {};
    this.interrupted = new Promise((settle) => {
      resolve = settle;
    });
    let firstAtMs: number | undefined;
    const onSignal = (signal: "SIGINT" | "SIGTERM", exitCode: ExitCode) => (): void => {
      firstAtMs ??= performance.now();
      if (performance.now() - firstAtMs > SAME_SIGNAL_MS) exitByItself(exitCode);
      resolve({ signal, exitCode });
    };
    const onCrash = (cause: unknown): void => {
      if (isDurableError(cause)) {
        resolve({ error: cause });
        return;
      }
      const reason = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
      const message = `An error escaped from the handler, outside of what it awaits: ${reason}. Nothing recorded is lost.`;
      resolve({ error: new DurableError("ERR_HANDLER_CRASHED", message, { cause }) });
    };
    const onIdle = (): void => {
      const message =
        "The handler waits for a promise that nothing can settle any more: no step, timer or request is left. " +
        "Nothing recorded is lost.";
      resolve({ error: new DurableError("ERR_HANDLER_STUCK", message) });
    };
    const onHandlersExit = (code: number): void => {
      if (isExitOwn()) return;
      process.exitCode = ExitCode.HANDLER;
      const message = `The handler has ended the process, by process.exit(${code}). Let it return or throw instead.`;
      onExit(new DurableError("ERR_HANDLER_EXITED", message));
    };
    this.#on("exit", onHandlersExit);
    this.#on("SIGINT", onSignal("SIGINT", ExitCode.INTERRUPTED));
    this.#on("SIGTERM", onSignal("SIGTERM", ExitCode.TERMINATED));
    this.#on("uncaughtException", onCrash);
    this.#on("unhandledRejection", onCrash);
    this.#on("beforeExit", onIdle);
  }

  stop(): void {
    for (const undo of this.#undo.splice(0)) undo();
  }

  #on(event: string, listener: (...args: never[]) => void): void {
    process.on(event, listener as () => void);
    this.#undo.push(() => process.off(event, listener as () => void));
  }
}

function sayAtOnce({ message, code }: DurableError): void {
  process.stderr.write(`${lineStart()}error: ${withCode(message, code)}\n`);
}
