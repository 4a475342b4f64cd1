import { environment } from "./environment.ts";

const readSetting = (): boolean => environment().DURABLE_VERBOSE_MODE === "true";

let isVerbose = readSetting();

/** Reads `DURABLE_VERBOSE_MODE` again: with `true`, what the runtime does is told through `console.debug`. */
export function refreshLogConfig(): void {
  isVerbose = readSetting();
}

/** Says what the runtime does, if anybody asked for it. */
export function logVerbose(message: () => string): void {
  if (isVerbose) console.debug(`[durable-fanout] ${message()}`);
}
