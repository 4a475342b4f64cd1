/** The service recognizes a client token for 15 minutes (API reference). */
const KEPT_MS = 15 * 60_000;

const MAX_KEPT = 1_000;

/** The answers to the last requests, so that a repeated request gets the same answer. */
export class RecentAnswers<T> {
  /** The oldest answer comes first. */
  readonly #answers = new Map<string, { readonly answer: T; readonly atMs: number }>();

  get(request: string, nowMs: number): T | undefined {
    this.#forget(nowMs, MAX_KEPT);
    return this.#answers.get(request)?.answer;
  }

  add(request: string, answer: T, nowMs: number): void {
    this.#forget(nowMs, MAX_KEPT - 1);
    this.#answers.set(request, { answer, atMs: nowMs });
  }

  #forget(nowMs: number, maxKept: number): void {
    for (const [request, { atMs }] of this.#answers) {
      if (this.#answers.size <= maxKept && nowMs - atMs <= KEPT_MS) return;
      this.#answers.delete(request);
    }
  }
}
