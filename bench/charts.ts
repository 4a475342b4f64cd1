/** Charts as SVG text: they follow the reader's light or dark scheme, and need no script. */

export interface Series {
  readonly name: string;
  /** One value for each label; undefined leaves a gap. */
  readonly values: readonly (number | undefined)[];
}

interface Chart {
  readonly title: string;
  readonly unit: string;
  readonly labels: readonly string[];
  readonly series: readonly Series[];
}

const WIDTH = 760;
const FONT = "12px system-ui, sans-serif";
const COLOURS = ["#d9822b", "#2b7bd9", "#2ba36b", "#9b51c9"];
const DARK_COLOURS = ["#f0a860", "#6cb0ff", "#63d19c", "#c58ff0"];

const style = `<style>
  text { font: ${FONT}; fill: #1f2328 } .title { font-weight: 600; font-size: 14px } .faint { fill: #59636e }
  .grid { stroke: #d1d9e0 } .mark { stroke: #cf222e; stroke-width: 2 } .line { fill: none; stroke-width: 2 }
  ${COLOURS.map((colour, at) => `.s${at} { fill: ${colour} } .line.s${at} { fill: none; stroke: ${colour} }`).join(" ")}
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .faint { fill: #9198a1 } .grid { stroke: #3d444d } .mark { stroke: #ff7b72 }
    ${DARK_COLOURS.map((colour, at) => `.s${at} { fill: ${colour} } .line.s${at} { fill: none; stroke: ${colour} }`).join(" ")}
  }
</style>`;

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("`", "");

function svg(title: string, height: number, body: readonly string[]): string {
  const size = `width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}"`;
  const open = `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img" aria-label="${escaped(title)}">`;
  return `${[open, style, `<text class="title" x="0" y="16">${escaped(title)}</text>`, ...body, "</svg>"].join("\n")}\n`;
}

function legend(series: readonly { readonly name: string }[], y: number): string[] {
  let x = 0;
  return series.map(({ name }, at) => {
    const item = `<rect class="s${at}" x="${x}" y="${y - 10}" width="10" height="10"/><text x="${x + 15}" y="${y}">${escaped(name)}</text>`;
    x += 35 + name.length * 7;
    return item;
  });
}

const round = (value: number): string => value.toFixed(1);

/** Powers of ten that hold all values. */
function decades(values: readonly number[]): readonly [number, number] {
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.ceil(Math.log10(Math.max(...values)));
  return [low, Math.max(high, low + 1)];
}

const shown = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString("en-GB") : Number(value.toPrecision(2)).toString();

/** Lines over labels at equal distances, on a logarithmic scale. */
export function lineChart({ title, unit, labels, series }: Chart): string {
  const [left, top, right, bottom] = [60, 60, 20, 300];
  const values = series.flatMap((one) => one.values.filter((value) => value !== undefined && value > 0) as number[]);
  const [low, high] = values.length === 0 ? [0, 1] : decades(values);
  const x = (at: number) => left + (at * (WIDTH - left - right)) / Math.max(1, labels.length - 1);
  const y = (value: number) => bottom - ((Math.log10(value) - low) / (high - low)) * (bottom - top);
  const grid = Array.from({ length: high - low + 1 }, (_, step) => {
    const value = 10 ** (low + step);
    const line = `<line class="grid" x1="${left}" x2="${WIDTH - right}" y1="${round(y(value))}" y2="${round(y(value))}"/>`;
    return `${line}<text class="faint" x="${left - 8}" y="${round(y(value) + 4)}" text-anchor="end">${shown(value)}</text>`;
  });
  const ticks = labels.map(
    (label, at) =>
      `<text class="faint" x="${round(x(at))}" y="${bottom + 18}" text-anchor="${at === labels.length - 1 ? "end" : "middle"}">${escaped(label)}</text>`,
  );
  const lines = series.map((one, at) => {
    const points = one.values.flatMap((value, index) =>
      value === undefined || value <= 0 ? [] : [[x(index), y(value)] as const],
    );
    const path = points.map(([px, py]) => `${round(px)},${round(py)}`).join(" ");
    const dots = points.map(([px, py]) => `<circle class="s${at}" cx="${round(px)}" cy="${round(py)}" r="3.5"/>`);
    return `<polyline class="line s${at}" points="${path}"/>${dots.join("")}`;
  });
  const head = [
    ...legend(series, 38),
    `<text class="faint" x="${WIDTH}" y="38" text-anchor="end">${escaped(unit)}, log scale</text>`,
  ];
  return svg(title, bottom + 30, [...head, ...grid, ...ticks, ...lines]);
}

/** Horizontal bars, a group for each label. */
export function barChart({ title, unit, labels, series }: Chart): string {
  const [left, bar, gap] = [280, 14, 10];
  const values = series.flatMap((one) => one.values.filter((value) => value !== undefined) as number[]);
  const most = Math.max(...values, Number.MIN_VALUE);
  const width = (value: number) => Math.max(1, (value / most) * (WIDTH - left - 70));
  let y = 52;
  const groups = labels.map((label, index) => {
    const top = y;
    const bars = series.flatMap((one, at) => {
      const value = one.values[index];
      if (value === undefined) return [];
      const rect = `<rect class="s${at}" x="${left}" y="${y}" width="${round(width(value))}" height="${bar - 2}"/>`;
      const text = `<text x="${round(left + width(value) + 5)}" y="${y + bar - 3}">${shown(value)}</text>`;
      y += bar;
      return [rect + text];
    });
    const name = `<text x="${left - 8}" y="${round((top + y) / 2 + 3)}" text-anchor="end">${escaped(label)}</text>`;
    y += gap;
    return name + bars.join("");
  });
  const head = [
    ...legend(series, 38),
    `<text class="faint" x="${WIDTH}" y="38" text-anchor="end">${escaped(unit)}</text>`,
  ];
  return svg(title, y + 6, [...head, ...groups]);
}

/** Takes what is too long out of the middle: the end tells neighbours apart. */
function shortened(label: string): string {
  return label.length > 60 ? `${label.slice(0, 24)}…${label.slice(-35)}` : label;
}

export interface Ratio {
  readonly label: string;
  readonly measured: number;
  readonly limit: number;
}

/** What was measured as a share of what the target allows: a bar that passes the mark missed it. */
export function targetChart(title: string, ratios: readonly Ratio[]): string {
  const [left, row] = [420, 20];
  const most = Math.max(1.2, ...ratios.map(({ measured, limit }) => Math.min(2, measured / limit)));
  const scale = (value: number) => left + (Math.min(value, most) / most) * (WIDTH - left - 50);
  const bars = ratios.map(({ label, measured, limit }, at) => {
    const y = 52 + at * row;
    const end = scale(measured / limit);
    return [
      `<text x="${left - 8}" y="${y + 11}" text-anchor="end">${escaped(shortened(label))}</text>`,
      `<rect class="s${measured <= limit ? 1 : 0}" x="${left}" y="${y}" width="${round(Math.max(1, end - left))}" height="14"/>`,
      `<text x="${round(end + 5)}" y="${y + 11}">${shown(measured)}</text>`,
    ].join("");
  });
  const height = 60 + ratios.length * row;
  const mark = `<line class="mark" x1="${round(scale(1))}" x2="${round(scale(1))}" y1="46" y2="${height - 6}"/>`;
  const names = [{ name: "missed" }, { name: "met" }];
  const head = [
    ...legend(names, 38),
    `<text class="faint" x="${WIDTH}" y="38" text-anchor="end">ours / official; the mark is the target</text>`,
  ];
  return svg(title, height, [...head, ...bars, mark]);
}
