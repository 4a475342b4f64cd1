import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { GetFunctionCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { afterEach, beforeEach, expect, test } from "vitest";
import { endSilence, SILENCE, type Transport } from "../../src/client/silence.ts";

const LIMITS = { looks: 10, everyMs: 20 };

let server: Server;
let client: LambdaClient;
let requests = 0;
/** What the service does with each request, by its number from 1. */
let serve: (response: ServerResponse, request: number) => void;

beforeEach(async () => {
  requests = 0;
  server = createServer((_, response) => serve(response, ++requests));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  client = new LambdaClient({ endpoint, region: "us-east-1", credentials });
  endSilence(client.config.requestHandler as unknown as Transport, LIMITS);
});
afterEach(async () => {
  client.destroy();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const ask = () => client.send(new GetFunctionCommand({ FunctionName: "f" }));
const ANSWER = '{"Configuration":{"FunctionName":"f"}}';
const good = (response: ServerResponse): void => void response.end(ANSWER);

test("a request that is not answered is made again", async () => {
  serve = (response, request) => (request === 1 ? undefined : good(response));
  expect((await ask()).Configuration?.FunctionName).toBe("f");
  expect(requests).toBe(2);
});

test("an answer that stops amid its body is asked for again", async () => {
  serve = (response, request) => {
    if (request > 1) return good(response);
    response.writeHead(200, { "content-length": String(ANSWER.length) }).write(ANSWER.slice(0, 10));
  };
  expect((await ask()).Configuration?.FunctionName).toBe("f");
  expect(requests).toBe(2);
});

test("after three silent attempts the request fails, and says for how long nothing came", async () => {
  serve = () => {};
  await expect(ask()).rejects.toMatchObject({ name: "TimeoutError", message: expect.stringContaining("for 0.2 s") });
  expect(requests).toBe(3);
});

test("an answer that comes slowly is no silence", async () => {
  serve = async (response) => {
    for (const character of ANSWER) {
      response.write(character);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    response.end();
  };
  expect((await ask()).Configuration?.FunctionName).toBe("f");
  expect(requests).toBe(1);
});

test("time in which this process computes is no silence", async () => {
  serve = (response) => {
    good(response);
    // The client reads nothing meanwhile: it runs in this process.
    const end = performance.now() + 3 * LIMITS.looks * LIMITS.everyMs;
    while (performance.now() < end);
  };
  expect((await ask()).Configuration?.FunctionName).toBe("f");
  expect(requests).toBe(1);
});

test("a connection may be silent for 5 to 10 seconds", () => {
  const silentMs = SILENCE.looks * SILENCE.everyMs;
  expect(silentMs).toBeGreaterThanOrEqual(5_000);
  expect(silentMs).toBeLessThanOrEqual(10_000);
});
