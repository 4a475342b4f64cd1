/** Writes numbers for people. The locale is fixed, because scripts and tests read the numbers too. */

/** Formats a number as `2,101`. A fraction is cut off. */
export function formatCount(value: number): string {
  // Intl is not used, because loading a locale takes tens of milliseconds and 8 MB of memory.
  return String(Math.trunc(value)).replaceAll(/\B(?=(\d{3})+$)/g, ",");
}

/** Formats a number with its noun: `1 request`, `2,101 requests`, `3 batches`. */
export function counted(value: number, noun: string): string {
  const plural = noun.endsWith("ch") ? "es" : "s";
  return `${formatCount(value)} ${noun}${value === 1 ? "" : plural}`;
}

/** Formats bytes: `832 B`, `12.4 kB`, `1.9 MB`. A kB is 1,000 bytes. */
export function formatBytes(bytes: number): string {
  if (bytes < 1_000) return `${Math.round(bytes)} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = bytes / 1_000;
  let unit = 0;
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1_000;
    unit++;
  }
  return `${value.toFixed(1)} ${units[unit]}`;
}

/** Formats a duration: `7 ms`, `1.25 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 1_000) return `${Math.round(durationMs)} ms`;
  if (durationMs < 60_000) return `${(durationMs / 1_000).toFixed(durationMs < 10_000 ? 2 : 1)} s`;
  const seconds = Math.round(durationMs / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 1_440) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  const hours = Math.round(minutes / 60);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}
