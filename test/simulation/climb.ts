import type { Surroundings } from "./case.ts";
import { Random } from "./random.ts";
import type { Simulated } from "./simulation.ts";

/** So much later than others something may be, in milliseconds. */
const LATE_MS = [0, 5, 50, 300, 2_000, 9_000] as const;
/** Changes without a gain after which a neighbour that is worse is gone on from. */
const PATIENCE = 150;

/**
 * Looks for surroundings in which a program has an outcome: what came closest so far is changed a little. By chance alone
 * an outcome of many parts, each of which depends on an order, is rarely met as a whole.
 */
export class Climb {
  readonly #wanted: ReadonlyMap<string, unknown>;
  readonly #sites: readonly string[];
  readonly #random: Random;
  #best: { readonly surroundings: Surroundings; readonly distance: number } | undefined;
  #idle = 0;

  /** `sites` are those whose lateness is changed. */
  constructor(wanted: unknown, sites: readonly string[]) {
    this.#wanted = leaves(wanted);
    this.#sites = [...new Set(sites)].filter((site) => site !== "");
    this.#random = new Random(this.#sites.length + 1);
  }

  /** Tells what surroundings have led to. */
  learn(surroundings: Surroundings, { result }: Simulated): void {
    const distance = this.#distanceOf(result);
    const gain = (this.#best?.distance ?? Number.POSITIVE_INFINITY) - distance;
    this.#idle = gain > 0 ? 0 : this.#idle + 1;
    if (gain >= 0 || (this.#idle > PATIENCE && gain >= -4)) {
      this.#best = { surroundings, distance };
      if (gain < 0) this.#idle = 0;
    }
  }

  /** What to try next. Something must have been learned. */
  next(): Surroundings {
    const random = this.#random;
    const { surroundings } = this.#best as { surroundings: Surroundings };
    const sites = { ...surroundings.late?.sites };
    for (let changes = random.int(1, 3); changes > 0; changes--) sites[random.pick(this.#sites)] = random.pick(LATE_MS);
    const late = { ms: 0, isOutsideOnly: false, isUneven: false, hints: {}, ...surroundings.late, sites };
    const seed = random.chance(0.3) ? random.int(1, 1_000_000) : surroundings.seed;
    return { ...surroundings, seed, late };
  }

  #distanceOf(result: unknown): number {
    const found = leaves(result);
    let distance = 0;
    for (const [path, value] of this.#wanted) if (found.get(path) !== value) distance++;
    for (const path of found.keys()) if (!this.#wanted.has(path)) distance++;
    return distance;
  }
}

/** The values inside a result, each by its path. Items are told by their indexes, not by their positions. */
function leaves(value: unknown, path = "", found = new Map<string, unknown>()): Map<string, unknown> {
  if (typeof value !== "object" || value === null) return found.set(path, value);
  for (const [name, inner] of Object.entries(value)) {
    const index = Array.isArray(value) ? (inner as { readonly index?: number } | null)?.index : undefined;
    leaves(inner, `${path}/${index ?? name}`, found);
  }
  return found;
}
