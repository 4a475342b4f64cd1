import { basename, relative } from "node:path";
import { type Environment, environment } from "../core/environment.ts";

export const DEFAULT_JOURNAL = ".durable-fanout/journal.db";

/**
 * Returns the npm command that started this process if the user has named the execution, because the same npm command
 * then continues the execution. Otherwise returns `resume`. The arguments after `--` are missing, because npm does not
 * report them. If `--name` is one of them, the command begins another execution.
 */
export function resumeHint(execution: { name: string; named: boolean; db: string }): string {
  const npm = execution.named ? npmScript(environment()) : undefined;
  if (npm !== undefined) return npm;
  return commandHint(["resume", execution.name], execution.db);
}

export function commandHint(args: readonly string[], db: string): string {
  const parts = [...program(process.argv[1] ?? ""), ...args.map(quote)];
  if (db !== DEFAULT_JOURNAL) parts.push("--db", quote(db));
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
