/**
 * Properties run on fixed seeds, so that `npm test` is the same each time. `npm run test:explore` sets another seed and
 * runs each of them more often.
 */
export const FIRST_SEED = Number(process.env["DURABLE_FANOUT_TEST_SEED"] ?? 1);

const FACTOR = Number(process.env["DURABLE_FANOUT_TEST_FACTOR"] ?? 1);

/** How often a property runs that is to run so often in `npm test`. */
export function runs(usually: number): number {
  return Math.ceil(usually * FACTOR);
}

/** The same for fast-check. */
export function exploring(usually: number): { readonly numRuns: number; readonly seed: number } {
  return { numRuns: runs(usually), seed: FIRST_SEED };
}
