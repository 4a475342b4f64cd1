import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const BODY = `
  const engine = new LocalEngine({ clock: new VirtualClock() });
  engine.register("squares", withDurableExecution(async (event, ctx) => {
    const one = await ctx.step("one", () => score.square(5));
    const all = await ctx.map("squares", event.numbers, score.square, { batch: 2 });
    return [one, ...all.getResults()];
  }));
  const { result } = await engine.start({ functionName: "squares", input: '{"numbers":[1,2,3]}' }).result;
  console.log(result, workerStatistics().tasks);
  await engine.close();
  await closeWorkers();
`;

/** What each of the programs prints: squares that were not made in the main thread, and how many calls were. */
export const PRINTED = '[[25,"thread"],[1,"thread"],[4,"thread"],[9,"thread"]] 4\n';

const SQUARE = (isTyped: boolean): string =>
  `export function square(n${isTyped ? ": number" : ""}) { return [n * n, isMainThread ? "main" : "thread"]; }`;

/** Writes programs that run a function on threads: ES modules, CommonJS, and TypeScript that is to be bundled. */
export function writeWorkerPrograms(folder: string): void {
  const imports = `
    import { withDurableExecution } from "durable-fanout";
    import { LocalEngine, VirtualClock } from "durable-fanout/testing";
    import { closeWorkers, workerStatistics, workers } from "durable-fanout/workers";`;
  const make = (url: string, type = ""): string => `const score = workers${type}(${url}, { mode: "threads" });`;
  const files = {
    "score.mjs": `import { isMainThread } from "node:worker_threads"; ${SQUARE(false)}`,
    "main.mjs": `${imports} ${make('new URL("./score.mjs", import.meta.url)')} ${BODY}`,
    "score.cjs": `const { isMainThread } = require("node:worker_threads"); ${SQUARE(false).replace("export function square", "exports.square = function")}`,
    "main.cjs": `
      const { withDurableExecution } = require("durable-fanout");
      const { LocalEngine, VirtualClock } = require("durable-fanout/testing");
      const { closeWorkers, workerStatistics, workers } = require("durable-fanout/workers");
      ${make('new URL("./score.cjs", require("node:url").pathToFileURL(__filename))')}
      (async () => {${BODY}})();`,
    "source/score.ts": `import { isMainThread } from "node:worker_threads"; ${SQUARE(true)}`,
    "source/main.ts": `${imports}
      ${make('new URL("./score.ts", import.meta.url)', '<typeof import("./score.ts")>')}
      void (async () => {${BODY}})();`,
  };
  mkdirSync(join(folder, "source"));
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
}
