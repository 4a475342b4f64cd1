import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What a runtime client is asked to run. */
export interface Invocation {
  readonly requestId: string;
  readonly functionArn: string;
  /** Epoch milliseconds at which the process is cut off. */
  readonly deadlineMs: number;
  readonly tenantId: string | undefined;
  /** JSON text. */
  readonly event: string;
}

/** What the runtime client said of an invocation: the handler's answer, or its error. */
export type Answer =
  | { readonly kind: "response"; readonly body: string }
  | { readonly kind: "error"; readonly errorType: string; readonly errorMessage: string };

/** The headers that tell a runtime client about an invocation. */
function headersOf({ requestId, functionArn, deadlineMs, tenantId }: Invocation): Record<string, string> {
  return {
    "content-type": "application/json",
    "lambda-runtime-aws-request-id": requestId,
    "lambda-runtime-deadline-ms": String(deadlineMs),
    "lambda-runtime-invoked-function-arn": functionArn,
    "lambda-runtime-trace-id": "Root=1-00000000-000000000000000000000000;Sampled=0",
    ...(tenantId === undefined ? {} : { "lambda-runtime-aws-tenant-id": tenantId }),
  };
}

/** Lambda's Runtime API (2018-06-01) as one execution environment sees it: one invocation at a time. */
export class RuntimeApi {
  readonly #server: Server = createServer((request, response) => void this.#serve(request, response));
  readonly #onIdle: () => void;
  /** A runtime client that asks for work while there is none. */
  #asking: ServerResponse | undefined;
  #waiting: Invocation | undefined;
  #running: { readonly requestId: string; readonly answer: (answer: Answer) => void } | undefined;
  #initialised!: (answer: Answer | undefined) => void;
  /** Settles when the client asks for work for the first time; with an error when it says that it could not start. */
  readonly initialised = new Promise<Answer | undefined>((resolve) => {
    this.#initialised = resolve;
  });

  /** `onIdle`: the client asks for work, and there is none. */
  constructor(onIdle: () => void) {
    this.#onIdle = onIdle;
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  /** What `AWS_LAMBDA_RUNTIME_API` has. */
  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Hands an invocation to the client; resolves with what the client says of it, if it ever does. */
  invoke(invocation: Invocation): Promise<Answer> {
    if (this.#running !== undefined) throw new Error("An environment has one invocation at a time.");
    return new Promise((answer) => {
      this.#running = { requestId: invocation.requestId, answer };
      this.#waiting = invocation;
      if (this.#asking !== undefined) this.#handOver();
    });
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #handOver(): void {
    if (this.#asking === undefined) return;
    if (this.#waiting === undefined) return this.#onIdle();
    this.#asking.writeHead(200, headersOf(this.#waiting)).end(this.#waiting.event);
    this.#asking = undefined;
    this.#waiting = undefined;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    const [, action = ""] = /^\/2018-06-01\/runtime\/(.*)$/.exec(request.url ?? "") ?? [];
    if (action === "invocation/next") {
      this.#asking = response;
      response.on("close", () => {
        if (this.#asking === response) this.#asking = undefined;
      });
      this.#initialised(undefined);
      return this.#handOver();
    }
    if (action === "init/error") this.#initialised(errorOf(body));
    const [, requestId, outcome] = /^invocation\/([^/]+)\/(response|error)$/.exec(action) ?? [];
    const running = this.#running;
    if (outcome !== undefined) {
      if (running === undefined || running.requestId !== requestId) {
        return void response.writeHead(400).end('{"errorType":"InvalidRequestID"}');
      }
      this.#running = undefined;
      running.answer(outcome === "response" ? { kind: "response", body } : errorOf(body));
    }
    response.writeHead(202, { "content-type": "application/json" }).end('{"status":"OK"}');
  }
}

function errorOf(body: string): Answer {
  try {
    const { errorType = "Error", errorMessage = "" } = JSON.parse(body);
    return { kind: "error", errorType, errorMessage };
  } catch {
    return { kind: "error", errorType: "Runtime.Unknown", errorMessage: body };
  }
}
