import { environment } from "./environment.ts";

const readSetting = (): boolean => environment().DURABLE_VERBOSE_MODE === "true";

let isVerbose = readSetting();

/** Reads `DURABLE_VERBOSE_MODE` again. With `true`, the runtime reports its work through `console.debug`. */
export function refreshLogConfig(): void {
  isVerbose = readSetting();
}

export function logVerbose(message: () => string): void {
  if (isVerbose) console.debug(`[durable-fanout] ${message()}`);
}
