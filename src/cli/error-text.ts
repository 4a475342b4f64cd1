import type { ErrorObject } from "../core/wire.ts";

export function errorText({ ErrorType, ErrorMessage }: ErrorObject): string {
  return `${ErrorType ?? "Error"}: ${ErrorMessage ?? ""}`;
}
