import { basename, relative } from "node:path";
import { type Environment, environment } from "../core/environment.ts";

export const DEFAULT_JOURNAL = ".durable-fanout/journal.db";

/**
 * Returns the npm command that started this process if the user has named the execution, because the same npm command
 * then continues the execution. Otherwise, and if there were arguments after `--`, returns `resume`.
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
  const { npm_lifecycle_event: script, npm_lifecycle_script: text = "", npm_config_user_agent: agent = "" } = variables;
  // npm does not report the arguments after `--`, and its script does not have them. With other package managers, the
  // script does have them.
  const hasAllArguments = unquoted(text).includes(unquoted(process.argv.slice(2).join(" ")));
  if (!agent.startsWith("npm/") || !hasAllArguments) return undefined;
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

function unquoted(text: string): string {
  return text.replace(/["'\\]/g, "").replace(/\s+/g, " ");
}

function program(entry: string): string[] {
  return /\.[cm]?[jt]s$/.test(basename(entry))
    ? ["node", quote(relative(process.cwd(), entry))]
    : ["npx durable-fanout"];
}

function quote(argument: string): string {
  return /^[\w./:@+-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}
