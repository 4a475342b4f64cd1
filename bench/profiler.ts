import { Session } from "node:inspector/promises";

const INTERVAL_MICROS = 100;
const ROOT = new URL("../", import.meta.url).href;

/** The returned function ends the profile, and gives each function's microseconds without its called functions. */
export async function startProfiling(): Promise<() => Promise<Record<string, number>>> {
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.setSamplingInterval", { interval: INTERVAL_MICROS });
  await session.post("Profiler.start");
  return async () => {
    const { profile } = await session.post("Profiler.stop");
    const places = new Map(profile.nodes.map(({ id, callFrame }) => [id, placeOf(callFrame)]));
    const times: Record<string, number> = {};
    for (const [index, id] of (profile.samples ?? []).entries()) {
      const place = places.get(id) ?? "";
      times[place] = (times[place] ?? 0) + (profile.timeDeltas?.[index] ?? 0);
    }
    return times;
  };
}

interface Frame {
  readonly functionName: string;
  readonly url: string;
  /** From 0 on. */
  readonly lineNumber: number;
}

function placeOf({ functionName, url, lineNumber }: Frame): string {
  const file = url.slice(Math.max(0, url.lastIndexOf("node_modules/"))).replace(ROOT, "");
  return `${functionName || "(anonymous)"}${file === "" ? "" : ` ${file}:${lineNumber + 1}`}`;
}
