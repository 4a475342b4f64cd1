/** What is used of the AWS client's own transport. */
export interface Transport {
  handle(request: unknown, options?: TransportOptions): Promise<{ response: { body?: unknown } }>;
}

interface TransportOptions {
  abortSignal?: AbortSignal;
  [option: string]: unknown;
}

/** How long a connection may say nothing: so many looks, one every so many milliseconds. */
export interface SilenceLimits {
  readonly looks: number;
  readonly everyMs: number;
}

/**
 * Eight seconds. The service answers a checkpoint within tens of milliseconds (AWS documents no number), and what makes a
 * connection fall silent, a network path or a host that is gone, does not heal: another connection is quicker. The
 * client of the process makes four attempts, which so take little more than half a minute of the invocation.
 */
export const SILENCE: SilenceLimits = { looks: 8, everyMs: 1_000 };

/** A body as Node gives it: a stream over a socket. */
interface Body {
  once(event: "end" | "close" | "error", listener: () => void): unknown;
  destroy(error: Error): unknown;
  readonly socket?: { readonly bytesRead: number } | null;
}

/**
 * Ends requests of a transport whose connection says nothing, before the answer begins or amid its body, with an error
 * that the AWS client takes as a reason to try again. Only time counts in which this process could have read the
 * answer: time-outs of Node's also fire when its own code has computed for long, or after Lambda has frozen it, although
 * the answer is there.
 */
export function endSilence(transport: Transport, limits: SilenceLimits = SILENCE): void {
  const handle = transport.handle.bind(transport);
  transport.handle = async (request, options = {}) => {
    const controller = new AbortController();
    const signals = [controller.signal, options.abortSignal].filter((signal) => signal !== undefined);
    const watch = new SilenceWatch(limits);
    try {
      const silent = new Promise<never>((_, reject) => {
        watch.onSilence = (error) => {
          reject(error);
          controller.abort(error);
        };
      });
      const answer = handle(request, { ...options, abortSignal: AbortSignal.any(signals) });
      const answered = await Promise.race([answer, silent]);
      watch.follow(answered.response.body);
      return answered;
    } catch (error) {
      watch.end();
      throw error;
    }
  };
}

class SilenceWatch {
  readonly #limits: SilenceLimits;
  readonly #timer: ReturnType<typeof setInterval>;
  #silentLooks = 0;
  #bytesRead = 0;
  #body: Body | undefined;
  onSilence: (error: Error) => void = () => {};

  constructor(limits: SilenceLimits) {
    this.#limits = limits;
    this.#timer = setInterval(() => this.#look(), limits.everyMs);
  }

  /** The answer has begun. */
  follow(body: unknown): void {
    if (!isBody(body)) {
      this.end();
      return;
    }
    this.#silentLooks = 0;
    this.#body = body;
    this.onSilence = (error) => body.destroy(error);
    for (const event of ["end", "close", "error"] as const) body.once(event, () => this.end());
  }

  end(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const { bytesRead = 0 } = this.#body?.socket ?? {};
    this.#silentLooks = bytesRead === this.#bytesRead ? this.#silentLooks + 1 : 0;
    this.#bytesRead = bytesRead;
    const { looks, everyMs } = this.#limits;
    if (this.#silentLooks < looks) return;
    this.end();
    const message = `The service has said nothing for ${(looks * everyMs) / 1_000} s on this connection.`;
    this.onSilence(Object.assign(new Error(message), { name: "TimeoutError", code: "ETIMEDOUT" }));
  }
}

function isBody(body: unknown): body is Body {
  return typeof body === "object" && body !== null && "once" in body && "destroy" in body;
}
