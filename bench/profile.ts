/**
 * Prints in which functions one work of a package spends its time, without the time of called functions:
 * `node bench/profile.ts "map of 10" [--state warm] [--subject official] [--processes 20]`. Only the execution is
 * profiled. The times of several new processes are added. The build is profiled, so run `npm run build` first.
 */
import { parseArgs } from "node:util";
import { runInProcess, withRecord } from "./process.ts";
import { DIST } from "./subjects.ts";
import { STATES, type State, SUBJECTS, type Subject, type Work, workNamed } from "./works.ts";

/** A function, and its share in percent of the time in which the thread was not idle. */
export type ProfileRow = readonly [place: string, percent: number];

/** Work of at most `SHORT_ITEMS` items takes only milliseconds, so it runs in `PROCESSES` processes by default. */
const PROCESSES = 20;
const SHORT_ITEMS = 1_000;
const LONGEST = 12;
/** Matches the idle thread and the profiler's own call. They are no work of the package. */
const NOT_WORK = /^(\(idle\)|post node:inspector)/;

interface ProfileOptions {
  readonly state: State;
  readonly subject?: Subject;
  readonly dist?: string;
  readonly processes?: number;
}

export function profile(work: Work, options: ProfileOptions): Promise<ProfileRow[]> {
  const { state, subject = "ours", dist = DIST, processes = work.items <= SHORT_ITEMS ? PROCESSES : 1 } = options;
  return withRecord({ work: work.name, subject, state, items: work.items, dist }, async (order) => {
    const times = new Map<string, number>();
    for (let run = 0; run < processes; run++) {
      const report = await runInProcess({ ...order, profiles: true });
      for (const [place, micros] of Object.entries(report.profile ?? {})) {
        if (!NOT_WORK.test(place)) times.set(place, (times.get(place) ?? 0) + micros);
      }
    }
    const total = [...times.values()].reduce((sum, micros) => sum + micros, 0);
    const rows = [...times].map(([place, micros]): ProfileRow => [place, (100 * micros) / total]);
    return rows.sort((a, b) => b[1] - a[1]).slice(0, LONGEST);
  });
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      state: { type: "string", default: "cold" },
      subject: { type: "string", default: "ours" },
      processes: { type: "string" },
    },
  });
  const state = STATES.find((one) => one === values.state);
  const subject = SUBJECTS.find((one) => one === values.subject);
  if (state === undefined || subject === undefined)
    throw new Error("A state is cold or warm, a subject official or ours.");
  const processes = values.processes === undefined ? {} : { processes: Number(values.processes) };
  for (const [place, percent] of await profile(workNamed(positionals[0] ?? ""), { state, subject, ...processes })) {
    console.log(`${percent.toFixed(1).padStart(5)} %  ${place}`);
  }
}
