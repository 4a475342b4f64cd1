import type { ServerResponse } from "node:http";

/** Refuses a request in the form in which the AWS client reads it. */
export function refuse(response: ServerResponse, status: number, type: string, message = "no"): void {
  response.writeHead(status, { "content-type": "application/json", "x-amzn-errortype": type });
  response.end(JSON.stringify({ message, Message: message }));
}

/** Dates are epoch seconds on this wire. */
export function toWire(value: unknown): string {
  return JSON.stringify(value, function (this: Record<string, unknown>, key, member) {
    const original = this[key];
    return original instanceof Date ? original.getTime() / 1_000 : member;
  });
}
