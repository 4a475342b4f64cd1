import type { Capabilities } from "./profiles.ts";

/** What the code under test can do: what the programs of `npm test` ask for. */
export const CAPABILITIES: Capabilities = "new";
