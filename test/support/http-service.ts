import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { LambdaClient } from "@aws-sdk/client-lambda";
import type { DurableExecutionClient } from "../../src/index.ts";
import { LocalEngine, type LocalHandler, VirtualClock } from "../../src/testing.ts";
import { refuse, toWire } from "./aws-wire.ts";

/** One request as it came over the wire. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: Record<string, string>;
  readonly body: Record<string, unknown>;
  readonly userAgent: string;
}

/** How the service misbehaves at a request: an error, a broken connection, silence, an answer that is no JSON. */
export interface Fault {
  readonly status?: number;
  readonly type?: string;
  readonly message?: string;
  readonly hangUp?: boolean;
  /** Nothing is answered, and the connection stays. */
  readonly silent?: boolean;
  readonly body?: string;
}

/** The service's REST API on this machine: the AWS client talks to it, and an embedded engine answers. */
export class HttpService {
  readonly requests: SeenRequest[] = [];
  readonly #clients = new Map<string, DurableExecutionClient>();
  readonly #server = createServer((request, response) => void this.#serve(request, response));
  /** Asked for each request, from 0. */
  fault: (index: number, request: SeenRequest) => Fault | undefined = () => undefined;

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** An AWS client that talks to this service. */
  client(maxAttempts = 1): LambdaClient {
    const credentials = { accessKeyId: "test", secretAccessKey: "test" };
    return new LambdaClient({ endpoint: this.endpoint, region: "us-east-1", credentials, maxAttempts });
  }

  /** Runs a function whose client reaches the service only over HTTP. `pageSize`: state that the event brings. */
  async run(lambda: LocalHandler, { pageSize }: { pageSize?: number } = {}) {
    const engine = new LocalEngine({
      clock: new VirtualClock(),
      invocation: { retryPauseMs: 0, maxFailures: 1 },
      ...(pageSize === undefined ? {} : { state: { firstPageItems: pageSize } }),
    } as never);
    const errors: Error[] = [];
    engine.register("f", async (event, context) => {
      this.#clients.set(event.DurableExecutionArn, event.durableExecutionClient);
      const { DurableExecutionArn, CheckpointToken, InitialExecutionState, UpdatedOperationIds } = event;
      const plain = { DurableExecutionArn, CheckpointToken, InitialExecutionState, UpdatedOperationIds };
      try {
        return await lambda(JSON.parse(JSON.stringify(plain)) as never, context);
      } catch (error) {
        errors.push(error as Error);
        throw error;
      }
    });
    const outcome = await engine.start({ functionName: "f" }).result;
    await engine.close();
    return { outcome, errors };
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const url = new URL(request.url as string, this.endpoint);
    const text = Buffer.concat(chunks).toString();
    const seen: SeenRequest = {
      method: request.method as string,
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      body: text === "" ? {} : JSON.parse(text),
      userAgent: `${request.headers["user-agent"]} ${request.headers["x-amz-user-agent"]}`,
    };
    const fault = this.fault(this.requests.push(seen) - 1, seen);
    if (fault?.hangUp) return void request.socket.destroy();
    if (fault?.silent) return;
    if (fault?.body !== undefined) return void response.writeHead(200).end(fault.body);
    if (fault !== undefined)
      return refuse(response, fault.status ?? 500, fault.type ?? "ServiceException", fault.message);
    try {
      response.writeHead(200, { "content-type": "application/json" }).end(toWire(await this.#answer(seen)));
    } catch (error) {
      const { name, message, $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } };
      refuse(response, $metadata?.httpStatusCode ?? 500, name, message);
    }
  }

  #answer({ path, body, query }: SeenRequest): Promise<unknown> {
    const [, arn = "", action] = /^\/2025-12-01\/durable-executions\/([^/]+)\/(checkpoint|state)$/.exec(path) ?? [];
    const DurableExecutionArn = decodeURIComponent(arn);
    const client = this.#clients.get(DurableExecutionArn);
    if (client === undefined) throw Object.assign(new Error(path), { name: "ResourceNotFoundException" });
    if (action === "checkpoint") return client.checkpoint({ ...body, DurableExecutionArn } as never);
    const { CheckpointToken, Marker, MaxItems } = query;
    return client.getExecutionState({
      DurableExecutionArn,
      CheckpointToken,
      Marker,
      MaxItems: Number(MaxItems),
    } as never);
  }
}
