import { MAX_NAME_LENGTH } from "../../core/limits.ts";

/** The name of a batch: `score[200..299]`. */
export function rangeName(mapName: string | undefined, first: number, last: number): string {
  const range = `[${first}..${last}]`;
  return `${(mapName ?? "map").slice(0, MAX_NAME_LENGTH - range.length)}${range}`;
}

/** Reads the range of a batch back from its recorded name. */
export function recordedRange(name: string | undefined): { first: number; last: number } | undefined {
  const match = /\[(\d+)\.\.(\d+)\]$/.exec(name ?? "");
  return match === null ? undefined : { first: Number(match[1]), last: Number(match[2]) };
}
