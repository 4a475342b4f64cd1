import { basename, relative } from "node:path";
import { type Environment, environment } from "../core/environment.ts";

/**
 * The command that continues an execution, for a hint to the user. If an npm script started this process, and the
 * execution has a name given by the user, the same script continues it. Otherwise the command is `resume`.
 */
export function resumeHint(execution: { name: string; named: boolean; db: string }): string {
  const npm = execution.named ? npmScript(environment()) : undefined;
  if (npm !== undefined) return npm;
  return commandHint(["resume", execution.name], execution.db);
}

/** A command on this journal, for a hint to the user. It calls the program in the way this process was called. */
export function commandHint(args: readonly string[], db: string): string {
  const parts = [...program(process.argv[1] ?? ""), ...args.map(quote)];
  if (db !== ".durable-fanout/journal.db") parts.push("--db", quote(db));
  return parts.join(" ");
}

function npmScript(variables: Environment): string | undefined {
  const script = variables.npm_lifecycle_event;
  switch (variables.npm_command) {
    case "start":
      return "npm start";
    case "run":
    case "run-script":
      return script === undefined ? undefined : `npm run ${script}`;
    default:
      return undefined;
  }
}

function program(entry: string): string[] {
  return /\.[cm]?[jt]s$/.test(basename(entry))
    ? ["node", quote(relative(process.cwd(), entry))]
    : ["npx durable-fanout"];
}

function quote(argument: string): string {
  return /^[\w./:@+-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}
