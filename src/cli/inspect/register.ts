import { type Command, InvalidArgumentError, Option } from "commander";
import { SHOWN_STATUSES, type ShownStatus } from "../execution-state.ts";
import type { ExitCode } from "../exit-code.ts";
import type { Output } from "../output.ts";

export type Action<Options> = (output: Output, target: string, options: Options) => Promise<ExitCode>;

/** Functions of `main.ts` that the commands need. `perform` imports an action only when its command is called. */
export interface Registration {
  readonly perform: <Options extends object>(
    load: () => Promise<Action<Options>>,
  ) => (target: string, options: Options) => Promise<void>;
  readonly withCommonOptions: (command: Command) => Command;
  readonly parseCount: (text: string) => number;
}

const DAY_MS = 86_400_000;
const AGES: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: DAY_MS, w: 7 * DAY_MS };

function parseAge(text: string): number {
  const [, amount, unit = ""] = /^(\d+)(m|h|d|w)$/.exec(text) ?? [];
  const unitMs = AGES[unit];
  if (amount !== undefined && unitMs !== undefined) return Number(amount) * unitMs;
  throw new InvalidArgumentError("Give minutes, hours, days or weeks, as in 30m, 12h, 7d or 2w.");
}

function parseStatus(text: string): ShownStatus {
  const status = text.toUpperCase().replace("-", "_");
  const found = SHOWN_STATUSES.find((known) => known === status);
  if (found !== undefined) return found;
  throw new InvalidArgumentError(`Give one of ${SHOWN_STATUSES.join(", ").toLowerCase()}.`);
}

export function addInspectCommands(program: Command, registration: Registration): void {
  addLookingCommands(program, registration);
  addTidyingCommands(program, registration);
}

function withoutTarget<Options extends object>(
  { perform }: Registration,
  load: () => Promise<Action<Options>>,
): (options: Options) => Promise<void> {
  return (options) => perform(load)("", options);
}

function addLookingCommands(program: Command, registration: Registration): void {
  const { perform, withCommonOptions, parseCount } = registration;
  const withTarget = (command: Command): Command => command.argument("[id|name|last]", "which execution", "last");

  withCommonOptions(program.command("list").description("list the executions of the journal, newest first"))
    .addOption(new Option("--status <status>", SHOWN_STATUSES.join(", ").toLowerCase()).argParser(parseStatus))
    .option("--function <name>", "only executions of this function; its name is the file name without ending")
    .addOption(new Option("--limit <n>", "show at most this many executions").argParser(parseCount))
    .action(withoutTarget(registration, async () => (await import("./inspect-command.ts")).listCommand));

  withCommonOptions(
    withTarget(
      program
        .command("show")
        .description("show an execution: its operations as a tree, with durations, attempts, results and errors"),
    )
      .option("--all", "every operation, however long a list is")
      .option("--full", "results and stacks as they are, however long")
      .option(
        "--operation <name|id>",
        "all that is recorded of the operations with this name or id, or of one item, as in score[3]",
      ),
  ).action(perform(async () => (await import("./inspect-command.ts")).showCommand));

  withCommonOptions(
    withTarget(program.command("history").description("print the events of an execution in the service's order"))
      .option("--data", "with inputs, results and errors, decoded; long ones are cut")
      .option("--full", "the same, not cut")
      .option(
        "--operation <name|id>",
        "only events of the operations with this name, or of the operation with this id; not cut",
      ),
  ).action(perform(async () => (await import("./inspect-command.ts")).historyCommand));

  withCommonOptions(
    withTarget(
      program.command("logs").description("print what a handler logged, with the operations that logged it"),
    ).option(
      "--operation <name|id>",
      "only lines of the operations with this name or id, or of the item score[3], and of everything inside",
    ),
  ).action(perform(async () => (await import("./logs-command.ts")).logsCommand));

  program
    .command("decode")
    .description("print the value of a payload that was copied from a console, a log or a history")
    .argument("<payload|@file|->", "the text, a file with it, or - for standard input")
    .option("--json", "JSON on standard output, one document a line")
    .option("--verbose", "stack traces with errors")
    .action(perform(async () => (await import("./decode-command.ts")).decodeCommand));

  withCommonOptions(
    withTarget(
      program
        .command("export")
        .description("print one execution as one JSON document: input, operations with raw payloads, history"),
    ),
  ).action(perform(async () => (await import("./export-command.ts")).exportCommand));
}

function addTidyingCommands(program: Command, registration: Registration): void {
  const { perform, withCommonOptions } = registration;

  withCommonOptions(
    program
      .command("stop")
      .description("end an execution that has not ended, as STOPPED")
      .argument("<id|name|last>", "which execution"),
  ).action(perform(async () => (await import("../callbacks/stop-command.ts")).stopCommand));

  withCommonOptions(
    program
      .command("delete")
      .description("delete an execution that has ended, and those that it invoked, from the journal")
      .argument("<id|name|last>", "which execution"),
  ).action(perform(async () => (await import("./remove-command.ts")).deleteCommand));

  withCommonOptions(program.command("prune").description("delete the executions that ended long ago"))
    .addOption(
      new Option("--older-than <age>", "minutes, hours, days or weeks since they ended, as in 12h or 7d")
        .argParser(parseAge)
        .makeOptionMandatory(),
    )
    .action(withoutTarget(registration, async () => (await import("./remove-command.ts")).pruneCommand));

  withCommonOptions(
    program.command("doctor").description("say what this installation is made of, and what is wrong with it"),
  ).action(withoutTarget(registration, async () => (await import("./doctor-command.ts")).doctorCommand));
}
