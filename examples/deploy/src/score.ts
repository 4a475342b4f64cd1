/** Runs on worker threads: a computation that keeps a processor busy for a moment. */
export interface Order {
  readonly id: number;
  readonly cents: number;
}

export interface Score {
  readonly id: number;
  readonly risk: number;
}

/** A stand-in for a model: some thousands of steps of a generator, seeded by the order. */
export function score({ id, cents }: Order): Score {
  let state = (id * 2_654_435_761 + cents) >>> 0;
  for (let round = 0; round < 20_000; round++) state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return { id, risk: state % 101 };
}
