/** One run of one scenario with one SDK, in a process of its own. Sends the sample, or why there is none, to its parent. */
import type { Mode, Sample, Scenario, SubjectName } from "./scenario.ts";
import { scenarios } from "./scenarios.ts";

export type ChildReport = { readonly sample: Sample } | { readonly error: string };

interface How {
  readonly items: number;
  readonly mode: Mode;
}

async function run(scenario: Scenario, subject: SubjectName, how: How): Promise<Sample> {
  switch (scenario.on) {
    case "engine":
      return (await import("./engine-run.ts")).runOnEngine(scenario, how.items);
    case "import":
      return (await import("./import-run.ts")).runImport(scenario, subject);
    default:
      return (await import("./bare-run.ts")).runBare(scenario, subject, how);
  }
}

async function report(name: string, subject: SubjectName, how: How): Promise<ChildReport> {
  const scenario = scenarios.find((one) => one.name === name);
  if (scenario === undefined) return { error: `There is no scenario "${name}".` };
  try {
    return { sample: await run(scenario, subject, how) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

const [name = "", subject = "ours", items = "1", mode = "warm"] = process.argv.slice(2);
process.send?.(await report(name, subject as SubjectName, { items: Number(items), mode: mode as Mode }));
process.disconnect?.();
