/** Runs on worker threads. */
export class Unscored extends Error {
  override readonly name = "Unscored";
  readonly city: number;
  constructor(city = 0) {
    super(`City ${city} has no score yet.`);
    this.city = city;
  }
}

export function score(city: number): number {
  return city * 2;
}

/** Each third city has no score when a thread is asked for it first. */
export function lateScore(city: number): number {
  if (city % 3 === 0 && !asked.has(city)) {
    asked.add(city);
    throw new Unscored(city);
  }
  return city * 2;
}

const asked = new Set<number>();
