/** The members of the AWS client's request handler that `endSilence` uses. */
export interface Transport {
  handle(request: unknown, options?: TransportOptions): Promise<{ response: { body?: unknown } }>;
}

interface TransportOptions {
  abortSignal?: AbortSignal;
  [option: string]: unknown;
}

/** A request ends when `looks` successive examinations, one every `everyMs` milliseconds, find nothing new. */
export interface SilenceLimits {
  readonly looks: number;
  readonly everyMs: number;
}

/**
 * Eight seconds. The service answers a checkpoint within tens of milliseconds (AWS documents no number). A connection
 * becomes silent when a network path or a host has failed. Such a connection does not recover, so a new connection is
 * quicker. The four attempts of the shared client then take about 32 seconds of the invocation.
 */
export const SILENCE: SilenceLimits = { looks: 8, everyMs: 1_000 };

/** The body of a response in the form that Node gives: a stream from a socket. */
interface Body {
  once(event: "end" | "close" | "error", listener: () => void): unknown;
  destroy(error: Error): unknown;
  readonly socket?: { readonly bytesRead: number } | null;
}

/**
 * Ends a request without a response, or with a body that brings no further bytes, after the silence of `limits`. The
 * error makes the AWS client try again. The silence is counted in examinations, so that only time counts in which this
 * process could have read the response. Node's own time-outs also fire after a long computation, or after Lambda has
 * frozen the process, although the response has arrived.
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
