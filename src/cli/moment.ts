/** A moment as every command writes it: ISO 8601 in UTC, to the millisecond. */
export function isoMoment(ms: number): string;
export function isoMoment(ms: number | undefined): string | undefined;
export function isoMoment(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString();
}

/** The same for people, who need no fractions of a second. */
export function formatMoment(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}
