/**
 * What may have come late for a result to be as it is, and what not: sites, and of each whether it is late, with all that
 * stands inside unless that is named itself. Null where nothing shows it.
 */
export type Hints = Readonly<Record<string, boolean | null>>;

interface FanOutResult {
  readonly items: readonly { readonly index: number; readonly status: string; readonly result?: unknown }[];
  readonly counts: readonly number[];
}

/** Late is what had not ended, and what has lost a race. `result` is that of a program. */
export function hintsOf(result: unknown): Hints {
  const hints: Record<string, boolean | null> = {};
  const look = (value: unknown, site: string): void => {
    if (Array.isArray(value)) {
      for (const [at, one] of value.entries()) look(one, site === "" ? String(at) : `${site}.${at}`);
    } else if (isFanOut(value)) {
      const isKept = value.items.filter(({ status }) => status === "SUCCEEDED").length === value.counts[0];
      // What is not there may not have begun, or is not collected.
      hints[site] = isKept;
      for (const { index, status, result: inner } of value.items) {
        hints[`${site}.${index}`] = status === "FAILED" ? null : status === "STARTED";
        look(inner, `${site}.${index}`);
      }
    } else if (hasSite(value) && value.site !== site) {
      hints[site] = true;
      hints[value.site] = false;
    }
  };
  look(result, "");
  return hints;
}

export function isLate(hints: Hints, site: string): boolean | null {
  for (let at = site; at !== ""; at = at.slice(0, Math.max(0, at.lastIndexOf(".")))) {
    const hint = hints[at];
    if (hint !== undefined) return hint;
  }
  return false;
}

function isFanOut(value: unknown): value is FanOutResult {
  return typeof value === "object" && value !== null && "items" in value && "counts" in value;
}

function hasSite(value: unknown): value is { readonly site: string } {
  return typeof value === "object" && value !== null && "site" in value;
}
