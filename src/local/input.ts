import { DurableError } from "../core/errors.ts";

/** @throws DurableError `ERR_INPUT_TOO_LARGE` or `ERR_INPUT_INVALID` */
export function checkInput(input: string | undefined, maxBytes: number): void {
  if (input === undefined) return;
  const bytes = Buffer.byteLength(input);
  if (bytes > maxBytes) {
    throw new DurableError("ERR_INPUT_TOO_LARGE", `The input is ${bytes} bytes; an execution takes ${maxBytes}.`);
  }
  try {
    JSON.parse(input);
  } catch (error) {
    throw new DurableError("ERR_INPUT_INVALID", `The input is not JSON: ${(error as Error).message}`, { cause: error });
  }
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
