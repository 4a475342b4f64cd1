const CHUNK = 1_000;

/** Short, so that it is compiled by its calls: what a long loop is compiled to in its midst differs from run to run. */
function chunk(seed: number): number {
  let x = seed;
  for (let round = 0; round < CHUNK; round++) x = (Math.imul(x, 1_664_525) + 1_013_904_223) | 0;
  return x;
}

/** Computes for so many rounds; what it gives keeps the loop from being optimised away. */
export function spin(rounds: number): number {
  let x = 1;
  for (let round = 0; round < rounds; round += CHUNK) x = chunk(x);
  return x;
}

/** Looks at one byte, and gives the buffer back. */
export function touch(bytes: Uint8Array): Uint8Array {
  bytes[0] = ((bytes[0] ?? 0) + 1) & 0xff;
  return bytes;
}

/** The same, and moves it back. */
export async function touchAndMove(bytes: Uint8Array): Promise<unknown> {
  const { transfer } = await import("../src/workers.ts");
  return transfer(touch(bytes));
}
