/** Times, money and text, formatted for people. Functions for counts and bytes are in `core/quantity.ts`. */
export { formatDuration } from "../core/quantity.ts";

const SMALLEST_DOLLARS = 1e-6;

/** US dollars. Small amounts get more digits, so that they can be compared: `$0.20`, `$0.0032`. */
export function formatDollars(dollars: number): string {
  if (dollars === 0) return "$0";
  if (dollars < SMALLEST_DOLLARS) return "under $0.000001";
  if (dollars >= 0.1) return `$${dollars.toFixed(2)}`;
  return `$${dollars.toFixed(1 - Math.floor(Math.log10(dollars)))}`;
}

/** The text on one line, shortened to at most `maxLength` characters. */
export function shorten(text: string, maxLength: number): string {
  const line = text.replaceAll(/\s+/g, " ");
  return line.length <= maxLength ? line : `${line.slice(0, maxLength - 1)}…`;
}
