const SMALLEST_DOLLARS = 1e-6;

/** For example `$12.30`, `$0.20`, `$0.0032`, `$0`, `under $0.000001`. */
export function formatDollars(dollars: number): string {
  if (dollars === 0) return "$0";
  if (dollars < SMALLEST_DOLLARS) return "under $0.000001";
  if (dollars >= 0.1) return `$${dollars.toFixed(2)}`;
  return `$${dollars.toFixed(1 - Math.floor(Math.log10(dollars)))}`;
}

/** Puts a text on one line of at most `maxLength` characters. A text that is cut ends with `…`. */
export function shorten(text: string, maxLength: number): string {
  const line = text.replaceAll(/\s+/g, " ");
  return line.length <= maxLength ? line : `${line.slice(0, maxLength - 1)}…`;
}
