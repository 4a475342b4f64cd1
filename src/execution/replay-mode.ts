/**
 * Whether a context replays: drives logging, and what may still begin in it.
 * `replay-succeeded` is a finished context whose function runs again only to rebuild a result too large to keep.
 */
export type ReplayMode = "execution" | "replay" | "replay-succeeded";
