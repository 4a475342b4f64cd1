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

/** A gauge for each invocation: code that one leaves behind may still be at work in the next one. */
export class Gauges {
  readonly #all: Gauge[] = [];

  begin(): Gauge {
    const gauge = new Gauge();
    this.#all.push(gauge);
    return gauge;
  }

  get most(): number {
    return Math.max(0, ...this.#all.map(({ most }) => most));
  }
}

export const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
