/** Counts how much is going on at once. */
export class Gauge {
  now = 0;
  most = 0;

  async during<T>(work: () => PromiseLike<T>): Promise<T> {
    this.most = Math.max(this.most, ++this.now);
    try {
      return await work();
    } finally {
      this.now--;
    }
  }
}

export const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
