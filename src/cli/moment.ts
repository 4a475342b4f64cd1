/** Converts epoch milliseconds to ISO 8601 in UTC, with milliseconds. */
export function isoMoment(ms: number): string;
export function isoMoment(ms: number | undefined): string | undefined;
export function isoMoment(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString();
}

/** Converts epoch milliseconds to ISO 8601 in UTC, without fractions of a second. */
export function formatMoment(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}
