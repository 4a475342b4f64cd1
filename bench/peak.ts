/** Runs one scenario once for one subject, and prints its peak memory over the idle process in megabytes. */
import type { SubjectName } from "./harness.ts";
import { scenarios } from "./scenarios.ts";
import { subjects } from "./subjects.ts";

const [name, subjectName] = process.argv.slice(2);
const scenario = scenarios.find((one) => one.name === name);
if (scenario === undefined) throw new Error(`There is no scenario "${name}".`);
const subject = subjects[subjectName as SubjectName];
const service = await scenario.prepare(subject, { countBytes: false });
const idleKilobytes = process.memoryUsage().rss / 1024;
await subject(scenario.handler, service, scenario.settings);
console.log(((process.resourceUsage().maxRSS - idleKilobytes) / 1024).toFixed(1));
