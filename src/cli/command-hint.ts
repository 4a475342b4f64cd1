import { basename, relative } from "node:path";
import { type Environment, environment } from "../core/environment.ts";

export const DEFAULT_JOURNAL = ".durable-fanout/journal.db";

/**
 * Returns the command that continues an execution. If the user has named the execution, and `npm start` or `npm run`
 * started this process, the same npm command continues the execution. Otherwise the command is `resume`.
 */
export function resumeHint(execution: { name: string; named: boolean; db: string }): string {
  const npm = execution.named ? npmScript(environment()) : undefined;
  if (npm !== undefined) return npm;
  return commandHint(["resume", execution.name], execution.db);
}

/** Returns `node <script>` or `npx durable-fanout`, then `args`, then `--db` unless `db` is the default journal. */
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
