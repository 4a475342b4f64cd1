import type { ErrorObject } from "../core/wire.ts";

/** `TypeError: message`, with a default for what the error does not have. */
export function errorText({ ErrorType, ErrorMessage }: ErrorObject): string {
  return `${ErrorType ?? "Error"}: ${ErrorMessage ?? ""}`;
}
