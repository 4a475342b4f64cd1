/** Cells must have no control sequences, for example for colours, because the sequences would count as width. */
export function renderTable(heads: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const cell = (row: readonly string[], column: number): string => row[column] ?? "";
  const widths = heads.map((head, column) => Math.max(head.length, ...rows.map((row) => cell(row, column).length)));
  const right = heads.map((_, column) => column > 0 && rows.every((row) => /^[\d$~–]|^$/.test(cell(row, column))));
  const line = (row: readonly string[]): string =>
    heads
      .map((_, column) => {
        const text = cell(row, column);
        const width = widths[column] ?? 0;
        return right[column] ? text.padStart(width) : text.padEnd(width);
      })
      .join("  ")
      .trimEnd();
  return [heads, ...rows].map(line);
}
