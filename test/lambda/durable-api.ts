import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { refuse, toWire } from "../support/aws-wire.ts";

/** One request as it came over the wire. */
export interface ApiRequest {
  readonly method: string;
  /** Without the version of the API: `durable-executions`, `functions` … and what follows, decoded. */
  readonly segments: readonly string[];
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
  /** The body as JSON, empty when there is none. */
  readonly body: Record<string, unknown>;
  /** Whom the request was signed as; in this Lambda that is the function's name. */
  readonly caller: string | undefined;
}

/** How the service misbehaves at a request. */
export type Fault =
  | { readonly kind: "error"; readonly status: number; readonly type: string; readonly message?: string }
  /** The connection breaks before anything is done. */
  | { readonly kind: "hang-up" }
  /** What was asked for is done, but the answer never arrives. */
  | { readonly kind: "lose-answer" }
  /** The connection stays open, and nothing comes. */
  | { readonly kind: "silence" };

/** An answer; dates become epoch seconds, as on this wire. */
export interface ApiAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** A refusal, in the service's form. */
export class ApiError extends Error {
  readonly status: number;
  constructor(name: string, status: number, message: string) {
    super(message);
    this.name = name;
    this.status = status;
  }
}

/** The front door of the service's REST API (rest-json, versions 2025-12-01 and 2015-03-31) with faults on demand. */
export class DurableApi {
  readonly #answer: (request: ApiRequest) => Promise<ApiAnswer> | ApiAnswer;
  readonly #server = createServer((request, response) => void this.#serve(request, response));
  readonly requests: ApiRequest[] = [];
  /** Those that happened. */
  readonly faults: Fault[] = [];
  /** Asked for each request before it is answered. */
  fault: (request: ApiRequest) => Fault | undefined = () => undefined;
  /** Milliseconds before each answer. */
  latencyMs = 0;

  constructor(answer: (request: ApiRequest) => Promise<ApiAnswer> | ApiAnswer) {
    this.#answer = answer;
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Breaks every connection that is open, in use or not. */
  dropConnections(): void {
    this.#server.closeAllConnections();
  }

  async close(): Promise<void> {
    this.dropConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = await readRequest(incoming);
    if (request === undefined) return;
    this.requests.push(request);
    const fault = this.fault(request);
    if (fault !== undefined) this.faults.push(fault);
    if (fault?.kind === "silence") return;
    if (fault?.kind === "hang-up") return void incoming.socket.destroy();
    if (this.latencyMs > 0) await new Promise((resolve) => setTimeout(resolve, this.latencyMs));
    if (fault?.kind === "error") return refuse(response, fault.status, fault.type, fault.message);
    try {
      const { status = 200, headers, body } = await this.#answer(request);
      if (fault?.kind === "lose-answer") return void incoming.socket.destroy();
      const text = typeof body === "string" ? body : toWire(body);
      response.writeHead(status, { "content-type": "application/json", ...headers }).end(text);
    } catch (error) {
      const { name, message, status, $metadata } = error as ApiError & { $metadata?: { httpStatusCode: number } };
      refuse(response, status ?? $metadata?.httpStatusCode ?? 500, name, message);
    }
  }
}

async function readRequest(incoming: IncomingMessage): Promise<ApiRequest | undefined> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
  } catch {
    return undefined; // The connection broke meanwhile.
  }
  const text = Buffer.concat(chunks).toString();
  const url = new URL(incoming.url as string, "http://localhost");
  const isJson = text !== "" && (incoming.headers["content-type"] ?? "").includes("json");
  const [, ...segments] = url.pathname.split("/").filter((segment) => segment !== "");
  return {
    method: incoming.method as string,
    segments: segments.map(decodeURIComponent),
    query: url.searchParams,
    headers: incoming.headers,
    text,
    body: isJson ? JSON.parse(text) : {},
    caller: /Credential=([^/]+)\//.exec(incoming.headers.authorization ?? "")?.[1],
  };
}
