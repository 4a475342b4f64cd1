/** Numbers as people read them. The locale is fixed, since scripts and tests read them too. */

/** `2,101`. A fraction is cut off. */
export function formatCount(value: number): string {
  // Intl would do, but loading a locale takes tens of milliseconds and 8 MB.
  return String(Math.trunc(value)).replaceAll(/\B(?=(\d{3})+$)/g, ",");
}

/** `1 request`, `2,101 requests`, `3 batches`. */
export function counted(value: number, noun: string): string {
  const plural = noun.endsWith("ch") ? "es" : "s";
  return `${formatCount(value)} ${noun}${value === 1 ? "" : plural}`;
}

/** `832 B`, `12.4 kB`, `1.9 MB`: decimal units, as quotas and prices are given in. */
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
