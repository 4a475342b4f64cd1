#!/usr/bin/env node
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { environment } from "../core/environment.ts";
import { DEFAULT_JOURNAL } from "./command-hint.ts";
import { EXAMPLES, NOTES } from "./examples.ts";
import { EXIT_CODE_MEANINGS, ExitCode, exitCodeOf } from "./exit-code.ts";
import { type Action, addInspectCommands } from "./inspect/register.ts";
import { Output, withCode } from "./output.ts";
import { exitByItself } from "./own-exit.ts";
import { packageVersion } from "./package-version.ts";
import { PLAN_HELP } from "./plan/plan-help.ts";
import { type FunctionOption, parseFunctionOption } from "./run/function-option.ts";

// Each command is imported only when it is called, so that --help and messages about wrong arguments are fast.

interface CommonOptions {
  json?: true;
  verbose?: true;
}

interface ReplayFlags {
  db: string;
  export?: string;
  event?: string;
}

const byteUnits: Readonly<Record<string, number>> = { "": 1, k: 1e3, m: 1e6, g: 1e9 };

function parseBytes(text: string): number {
  if (text === "unlimited") return Number.POSITIVE_INFINITY;
  const found = /^(\d+(?:\.\d+)?)([kmg]?)b?$/i.exec(text);
  const bytes = found === null ? 0 : Math.floor(Number(found[1]) * (byteUnits[found[2]?.toLowerCase() ?? ""] ?? 1));
  if (bytes >= 1) return bytes;
  throw new InvalidArgumentError('Give bytes, as in 500000, 250MB or 2GB, or "unlimited".');
}

function parseDuration(text: string): number {
  const found = /^(\d+(?:\.\d+)?)(ms|s)?$/i.exec(text);
  if (found !== null) return Number(found[1]) * (found[2]?.toLowerCase() === "s" ? 1_000 : 1);
  throw new InvalidArgumentError("Give milliseconds, as in 20 or 20ms, or seconds, as in 0.5s.");
}

function countParser(word?: string): (text: string) => number {
  return (text) => {
    if (text === word) return Number.POSITIVE_INFINITY;
    if (/^\d+$/.test(text) && Number(text) >= 1) return Number(text);
    throw new InvalidArgumentError(`Give a whole number from 1 on${word === undefined ? "" : `, or "${word}"`}.`);
  };
}

function parseName(text: string): string {
  if (text === "last") throw new InvalidArgumentError('"last" means the latest execution; choose another name.');
  if (/^[\w-]{1,64}$/.test(text)) return text;
  throw new InvalidArgumentError("Give 1 to 64 letters, digits, hyphens and underscores.");
}

function collect(text: string, earlier: readonly string[] = []): string[] {
  return [...earlier, text];
}

function collectFunctions(kind: FunctionOption["kind"]) {
  return (text: string, earlier: readonly FunctionOption[] = []): FunctionOption[] => {
    const option = parseFunctionOption(text, kind);
    if (option !== undefined) return [...earlier, option];
    throw new InvalidArgumentError("Give <name>=<file> or <name>=<file>#<export>.");
  };
}

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: a list of declarations that do not depend on one another.
function buildProgram(done: (code: ExitCode) => void): Command {
  const program = new Command("durable-fanout")
    .description("Runs durable functions on this machine, with a journal on disk: kill it at any time and resume.")
    .version(packageVersion(), "-V, --version", "print the version")
    .configureOutput({ outputError: (text, write) => write(`${withCode(text.trimEnd(), "ERR_USAGE")}\n`) })
    .addHelpText("after", `\nExit codes:\n${EXIT_CODE_MEANINGS.map(describeExitCode).join("\n")}`);

  const perform =
    <Options extends object>(load: () => Promise<Action<Options>>) =>
    async (target: string, options: Options & CommonOptions): Promise<void> => {
      const output = new Output({ json: options.json === true, verbose: isVerbose(options.verbose) });
      try {
        const action = await load();
        done(await action(output, target, options));
      } catch (error) {
        output.fail(error);
        done(exitCodeOf(error));
      }
      await output.flush();
    };

  const withCommonOptions = (command: Command): Command =>
    command
      .option("--db <file>", "the journal", DEFAULT_JOURNAL)
      .option("--json", "JSON on standard output, one document a line")
      .option("--verbose", "stack traces with errors");

  const withTrialOptions = (command: Command): Command => {
    command
      .option("--event <json|@file|->", "the input, as JSON, from a file or from standard input", "{}")
      .option("--export <name>", 'the handler\'s export (default: "handler", or else the default export)')
      .addOption(
        new Option("--latency <duration>", "how long a request to the service takes")
          .argParser(parseDuration)
          .default(20, "20ms"),
      )
      .addOption(
        new Option("--sample <items|all>", "items of each map to run")
          .argParser(countParser("all"))
          .default(1_000, "1000"),
      )
      .addOption(
        new Option("--items <n>", "compute for so many items of each map that is not inside another map").argParser(
          countParser(),
        ),
      )
      .option("--try <setting=values>", "run the sample again with each value, as in batch=50,200", collect)
      .option("--yes", "do not ask before the steps are run")
      .option("--json", "JSON on standard output, one document a line")
      .option("--verbose", "stack traces with errors")
      .addHelpText("after", PLAN_HELP);
    // Options of `run` that change nothing in a plan. They are accepted, because users replace `run` by `plan`.
    const others = [
      "--db <file>",
      "--name <name>",
      "--fresh",
      "--failures <file>",
      "--virtual-time",
      "--max-operations <n>",
      "--max-data <n>",
    ];
    for (const flags of others) command.addOption(new Option(flags).hideHelp());
    return withFunctionOptions(command);
  };

  const withFunctionOptions = (command: Command): Command =>
    command
      .addOption(
        new Option(
          "--function <name=file#export>",
          "a durable function that the handler invokes; may be given several times",
        ).argParser(collectFunctions("durable")),
      )
      .addOption(
        new Option("--plain-function <name=file#export>", "the same for a function that is not durable").argParser(
          collectFunctions("plain"),
        ),
      );

  const withEngineOptions = (command: Command): Command =>
    withFunctionOptions(command)
      .option("--failures <file>", "write the failed items of maps there, a line of JSON each")
      .option("--virtual-time", "skip waits and retry delays: the clock jumps when nothing else is to do")
      .addOption(
        new Option(
          "--max-operations <n|unlimited>",
          "operations of the execution (default: 3000, as on AWS)",
        ).argParser(countParser("unlimited")),
      )
      .addOption(
        new Option("--max-data <bytes|unlimited>", "data that it may write (default: 100 MiB, as on AWS)").argParser(
          parseBytes,
        ),
      );

  withEngineOptions(
    withCommonOptions(
      program
        .command("run")
        .description("run a durable handler; with the --name of an earlier execution, continue that one")
        .argument("<handler file>", "a .ts, .mts, .js, .mjs or .cjs file that exports the handler")
        .option("--event <json|@file|->", "the input, as JSON, from a file or from standard input", "{}")
        .addOption(
          new Option("--name <name>", "name of the execution (default: a new one each time)").argParser(parseName),
        )
        .option("--export <name>", 'the handler\'s export (default: "handler", or else the default export)')
        .option("--fresh", "run anew if the name is taken, as <name>-2, <name>-3 and so on"),
    ),
  ).action(perform(async () => (await import("./run/run-command.ts")).runCommand));

  withEngineOptions(
    withCommonOptions(
      program
        .command("resume")
        .description("continue an execution where it was")
        .argument("[id|name|last]", "which one", "last")
        .option("--handler <file>", "the handler file, if it has moved")
        .option("--export <name>", "the handler's export, if it has another name now"),
    ),
  ).action(perform(async () => (await import("./run/run-command.ts")).resumeCommand));

  withEngineOptions(
    withCommonOptions(
      program
        .command("retry")
        .description("let an ended execution go on from where it failed, in a new execution that takes over the rest")
        .argument("[id|name|last]", "which one", "last")
        .option("--failed", "the items of maps and parallels that failed, and what follows them")
        .option("--from <operation>", "go back to this operation (name or id): it begins anew, and all that follows it")
        .option("--dry-run", "say what would run and what is kept, and run nothing")
        .option("--event <json|@file|->", "another input (default: that of the execution)")
        .option("--again", "retry although a retry exists already: what succeeded in that retry runs once more")
        .addOption(
          new Option("--name <name>", "name of the new execution (default: <name>-retry, -retry-2 …)").argParser(
            parseName,
          ),
        )
        .option("--handler <file>", "the handler file, if it has moved")
        .option("--export <name>", "the handler's export, if it has another name now"),
    ),
  ).action(perform(async () => (await import("./run/retry-command.ts")).retryCommand));

  withCommonOptions(
    program
      .command("replay")
      .description("run today's code against a recording, without any step, and say where they differ")
      .argument("<id|name|last|file>", "an execution of the journal, an export, or a history of AWS with data (JSON)")
      .argument("<handler file>", "a file that exports the handler")
      .option("--export <name>", 'the handler\'s export (default: "handler", or else the default export)')
      .option("--event <json|@file|->", "the input, where the recording does not have it"),
  ).action((target: string, handlerFile: string, options: ReplayFlags & CommonOptions) =>
    perform(async () => (await import("./replay/replay-command.ts")).replayCommand)(target, {
      ...options,
      handlerFile,
    }),
  );

  withTrialOptions(
    program
      .command("plan")
      .description(
        "compute operations, requests, data and cost of the whole input, as it is and in other settings, from a sample that really runs",
      )
      .argument("<handler file>", "a file that exports the handler"),
  ).action(perform(async () => (await import("./plan/plan-command.ts")).planCommand));

  withTrialOptions(
    program
      .command("tune")
      .description("the same as plan --try, kept for one version; without settings: --try batch=10,100,1000")
      .argument("<handler file>", "a file that exports the handler")
      .option("--vary <setting=values>", "the former name of --try", collect)
      .addOption(new Option("--svg <file>").hideHelp()),
  ).action(perform(async () => (await import("./plan/plan-command.ts")).tuneCommand));

  addInspectCommands(program, { perform, withCommonOptions, parseCount: countParser() });

  withCommonOptions(
    program
      .command("callbacks")
      .description("list the callbacks that executions wait for: names, ids, time-outs")
      .argument("[id|name|last]", "of which execution (default: of all that have not ended)"),
  ).action(perform(async () => (await import("./callbacks/callback-commands.ts")).callbacksCommand));

  withCommonOptions(
    program
      .command("complete")
      .description("complete a callback, of an execution that runs or of one that is to be resumed")
      .argument("<callback>", "its id, or its name if no other open callback has it")
      .option("--result <text|@file|->", "what the handler gets, as this text (default: nothing)"),
  ).action(perform(async () => (await import("./callbacks/callback-commands.ts")).completeCommand));

  withCommonOptions(
    program
      .command("fail")
      .description("fail a callback")
      .argument("<callback>", "its id, or its name if no other open callback has it")
      .option("--error <message|json|@file|->", "what it fails with: a message, or an error object as JSON"),
  ).action(perform(async () => (await import("./callbacks/callback-commands.ts")).failCommand));

  withCommonOptions(
    program
      .command("heartbeat")
      .description("say that a callback is still worked on: its heartbeat time-out begins anew")
      .argument("<callback>", "its id, or its name if no other open callback has it"),
  ).action(perform(async () => (await import("./callbacks/callback-commands.ts")).heartbeatCommand));

  for (const command of [program, ...program.commands]) command.exitOverride();
  for (const command of program.commands) command.addHelpText("after", () => describeUse(command.name()));
  return program;
}

function describeUse(command: string): string {
  const { [command]: examples = [] } = EXAMPLES;
  const note = NOTES[command] === undefined ? "" : `\n${NOTES[command]}\n`;
  return `${note}\nExamples:\n${examples.map((example) => `  ${example}`).join("\n")}`;
}

function describeExitCode([code, meaning]: readonly [ExitCode, string]): string {
  return `  ${String(code).padStart(3)}  ${meaning}`;
}

function isVerbose(option: true | undefined): boolean {
  return option === true || (environment().DEBUG ?? "") !== "";
}

/** The journal needs `node:sqlite`, which Node provides without a flag from 22.13 and from 23.4 on. */
function lacksSqlite(): boolean {
  return process.getBuiltinModule("node:sqlite") === undefined;
}

async function main(args: readonly string[]): Promise<ExitCode> {
  if (lacksSqlite()) {
    console.error(`durable-fanout needs Node 22.13 or 23.4 or later for its journal; this is Node ${process.version}.`);
    return ExitCode.USAGE;
  }
  // In `list | head`, `head` closes the pipe before all is written. A closed pipe (EPIPE) is not an error.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => exitByItself(error.code === "EPIPE" ? ExitCode.OK : 1));
  let exitCode: ExitCode = ExitCode.OK;
  try {
    await buildProgram((code) => {
      exitCode = code;
    }).parseAsync(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return ExitCode.OK;
    // Commander has already printed the message to standard error. With --json, standard output needs it too.
    const message = error.message.replace(/^error: /, "");
    const output = new Output({ json: args.includes("--json"), verbose: false });
    if (output.json) output.printJson({ type: "error", error: { code: "ERR_USAGE", message } });
    await output.flush();
    return ExitCode.USAGE;
  }
  return exitCode;
}

// Open timers or sockets of a handler would keep the process from ending. So `exitByItself` ends the process.
exitByItself(await main(process.argv.slice(2)));
