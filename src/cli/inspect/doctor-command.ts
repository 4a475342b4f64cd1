import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import pc from "picocolors";
import { type Environment, environment, isLambda } from "../../core/environment.ts";
import { isDurableError, messageOf } from "../../core/errors.ts";
import { nearest } from "../../core/nearest.ts";
import { counted, formatBytes } from "../../core/quantity.ts";
import { PREFIX, type Row, readValue, rowsOf, type Table, variableOf } from "../../core/setting.ts";
import { RUNTIME_TABLE } from "../../core/settings.ts";
import { WORKER_VARIABLES } from "../../core/unknown-variables.ts";
import { SDK_VERSION } from "../../core/wire.ts";
import { JOURNAL_VERSION } from "../../journal/sqlite-file.ts";
import { isJournalInUse } from "../../journal/sqlite-lock.ts";
import { ENGINE_TABLE } from "../../service/settings.ts";
import { defaultThreads, workersTable } from "../../workers/settings.ts";
import { availableVcpus } from "../../workers/vcpus.ts";
import { ExitCode } from "../exit-code.ts";
import { codeOf, type Output, withCode } from "../output.ts";
import { packageVersion } from "../package-version.ts";
import { renderTable } from "../table.ts";
import { inspect } from "./journal-view.ts";

interface Problem {
  readonly problem: string;
  readonly code?: string;
  readonly advice: string;
}

interface SettingReport {
  readonly path: string;
  readonly value: unknown;
  /** The environment variable that sets the value. Undefined if the value is the default. */
  readonly variable: string | undefined;
}

interface JournalReport {
  readonly file: string;
  readonly exists: boolean;
  readonly readable?: boolean;
  readonly bytes?: number;
  readonly walBytes?: number;
  readonly inUse?: boolean | undefined;
  readonly executions?: Readonly<Record<string, number>>;
}

/** If the log file (-wal) is larger, a reader probably keeps SQLite from moving the content to the journal. */
const LARGE_WAL_BYTES = 256 * 1024 * 1024;

/** A variable with more wrong letters than this does not count as a mistyped name. */
const MISTYPED_LETTERS = 3;

export async function doctorCommand(output: Output, _target: string, { db }: { db: string }): Promise<ExitCode> {
  const problems: Problem[] = [];
  const variables = environment();
  const vcpus = availableVcpus(variables);
  const settings = readSettings(variables, vcpus, problems);
  findUnread(variables, problems);
  const journal = await lookAtJournal(db, problems);
  const versions = {
    node: process.version,
    durableFanout: packageVersion(),
    sdk: SDK_VERSION,
    journal: JOURNAL_VERSION,
  };
  if (output.json) {
    const documents = settings.map(({ path, value, variable }) => ({
      setting: path,
      value: value === Number.POSITIVE_INFINITY ? "unlimited" : (value ?? null),
      from: variable ?? "default",
    }));
    output.printJson({ type: "doctor", versions, vcpus, settings: documents, journal, problems });
  } else print(output, { versions, vcpus, settings, journal, problems });
  return problems.length === 0 ? ExitCode.OK : ExitCode.EXECUTION_FAILED;
}

/** The default number of threads depends on the machine, so it is not in the table. */
function defaultOf(path: string, vcpus: number): unknown {
  return path === "workers.threads" ? defaultThreads(vcpus) : undefined;
}

function readSettings(variables: Environment, vcpus: number, problems: Problem[]): SettingReport[] {
  const tables: readonly (readonly [path: string, table: Table])[] = [
    ["runtime", RUNTIME_TABLE],
    ["workers", workersTable(isLambda(variables))],
    ...Object.entries(ENGINE_TABLE),
  ];
  return tables
    .flatMap(([path, table]) => rowsOf(table, path))
    .map(([path, row]) => {
      const variable = variableOf(path, row as Row<unknown>);
      const text = variable && variables[variable];
      if (!text) return { path, value: row.fallback ?? defaultOf(path, vcpus), variable: undefined };
      try {
        return { path, value: readValue(row, text, `Environment variable ${variable}`, true), variable };
      } catch (error) {
        const advice = `Unset ${variable}, or give it an allowed value.`;
        problems.push({ problem: messageOf(error), code: codeOf(error), advice });
        return { path, value: text, variable };
      }
    });
}

function findUnread(variables: Environment, problems: Problem[]): void {
  const known = new Set<string | undefined>([
    ...rowsOf(RUNTIME_TABLE, "runtime").map(([path, row]) => variableOf(path, row as Row<unknown>)),
    ...WORKER_VARIABLES,
  ]);
  for (const name of Object.keys(variables)) {
    if (!name.startsWith(PREFIX) || known.has(name)) continue;
    const near = nearest(
      name,
      [...known].filter((one) => one !== undefined),
      MISTYPED_LETTERS,
    );
    const advice = near === undefined ? `Unset ${name}.` : `Unset it, or call it ${near}.`;
    problems.push({ problem: `Nothing reads the variable ${name}.`, advice });
  }
}

async function lookAtJournal(db: string, problems: Problem[]): Promise<JournalReport> {
  const file = resolve(db);
  if (!existsSync(file)) return { file, exists: false };
  const walBytes = sizeOf(`${file}-wal`);
  const seen = { file, exists: true, bytes: sizeOf(file), walBytes, inUse: isJournalInUse(file) };
  if (walBytes > LARGE_WAL_BYTES && seen.inUse !== true) {
    const advice = "Run a command that writes to the journal, such as resume, while nothing else reads the journal.";
    problems.push({ problem: `The journal's log file (-wal) has ${formatBytes(walBytes)}.`, advice });
  }
  const executions: Record<string, number> = {};
  try {
    await inspect(db, ({ engine, stateOf }) => {
      for (const record of engine.list()) {
        const { status } = stateOf(record);
        executions[status] = (executions[status] ?? 0) + 1;
      }
    });
    return { ...seen, readable: true, executions };
  } catch (error) {
    if (!isDurableError(error)) throw error;
    problems.push({
      problem: error.message,
      code: error.code,
      advice: "Other commands fail on this journal until this problem is fixed.",
    });
    return { ...seen, readable: false };
  }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

function print(
  output: Output,
  found: {
    readonly versions: { readonly node: string; readonly durableFanout: string; readonly sdk: string };
    readonly vcpus: number;
    readonly settings: readonly SettingReport[];
    readonly journal: JournalReport;
    readonly problems: readonly Problem[];
  },
): void {
  const { versions, vcpus, settings, journal, problems } = found;
  output.print(`durable-fanout ${versions.durableFanout}, API of @aws/durable-execution-sdk-js ${versions.sdk}`);
  output.print(`Node ${versions.node}, ${counted(vcpus, "vCPU")}`);
  output.print("");
  const rows = settings.map(({ path, value, variable }) => [path, showValue(value), variable ?? "default"]);
  const [head = "", ...lines] = renderTable(["setting", "value", "from"], rows);
  output.print(pc.dim(head));
  for (const [at, line] of lines.entries()) {
    const heading = HEADINGS[groupOf(settings[at])];
    if (groupOf(settings[at]) !== groupOf(settings[at - 1]) && heading !== undefined) output.print(pc.dim(heading));
    output.print(line);
  }
  output.print("");
  output.print(`journal ${journal.file}: ${describeJournal(journal)}`);
  for (const [status, count] of Object.entries(journal.executions ?? {})) output.print(`  ${status}: ${count}`);
  output.print("");
  if (problems.length === 0) output.print(pc.green("Nothing is wrong."));
  for (const { problem, code, advice } of problems) {
    output.print(pc.red(`✖ ${code === undefined ? problem : withCode(problem, code)}`));
    output.print(`  ${advice}`);
  }
}

function describeJournal({ exists, readable, bytes = 0, walBytes = 0, inUse }: JournalReport): string {
  if (!exists) return "does not exist yet; the command run creates it";
  const use = inUse === true ? "a process runs on it" : "no process runs on it";
  const state = readable === true ? "readable" : "not readable";
  return `${state}, ${formatBytes(bytes)} and ${formatBytes(walBytes)} in its log; ${use}`;
}

const HEADINGS: Readonly<Record<string, string>> = {
  runtime: "of the runtime, in each handler:",
  workers: "of worker threads, in each call of workers():",
  engine: "of the embedded engine, which runs handlers on this machine and in tests (the options of run change them):",
};

function groupOf(setting: SettingReport | undefined): string {
  const [first = ""] = setting?.path.split(".") ?? [];
  return first in ENGINE_TABLE ? "engine" : first;
}

function showValue(value: unknown): string {
  if (value === undefined) return "not set";
  if (value === Number.POSITIVE_INFINITY) return "unlimited";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
