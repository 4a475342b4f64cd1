/** Writes epoch milliseconds as ISO 8601 in UTC, with milliseconds: the form in all JSON documents. */
export function isoMoment(ms: number): string;
export function isoMoment(ms: number | undefined): string | undefined;
export function isoMoment(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString();
}

/** Writes epoch milliseconds for people: ISO 8601 in UTC, without fractions of a second. */
export function formatMoment(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}
