import { randomUUID } from "node:crypto";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import type { JournalRequest } from "./callback-request.ts";

export interface RequestAnswer {
  /** Absent if the request was applied. */
  readonly error?: { readonly code: string; readonly message: string };
}

interface PostedRequest {
  readonly request: JournalRequest;
  /** Epoch milliseconds. A later `takeRequests` drops the request, because its sender may have stopped waiting. */
  readonly expiresMs: number;
}

/**
 * A folder beside the journal. Commands use the folder to send requests to the process that has opened the journal for
 * writing. Each request is a file, and each answer is a file.
 *
 * B1  A file gets its final name only when its content is complete.
 * B2  A request is taken once: by the running process, or by the command that posted the request.
 */
export class RequestBox {
  readonly #folder: string;

  /** @param db the file of the journal, which must exist */
  constructor(db: string) {
    // Two paths may lead to one journal, for example through a symbolic link. The real path gives both the same folder.
    this.#folder = `${realpathSync(resolve(db))}-requests`;
  }

  post(request: JournalRequest, expiresMs: number): string {
    const id = randomUUID();
    this.#write(`${id}.request`, { request, expiresMs } satisfies PostedRequest);
    return id;
  }

  /** Does nothing if the running process has already taken the request. B2 */
  takeBack(id: string): void {
    this.#remove(`${id}.request`);
  }

  takeAnswer(id: string): RequestAnswer | undefined {
    return this.#take(`${id}.answer`) as RequestAnswer | undefined;
  }

  /** Also removes the requests that have expired at `nowMs` (epoch milliseconds), but does not return them. */
  takeRequests(nowMs: number): { id: string; request: JournalRequest }[] {
    const taken: { id: string; request: JournalRequest }[] = [];
    for (const file of this.#list()) {
      const [, id] = /^(.+)\.request$/.exec(file) ?? [];
      const posted = id === undefined ? undefined : (this.#take(file) as PostedRequest | undefined);
      if (id !== undefined && posted !== undefined && posted.expiresMs > nowMs)
        taken.push({ id, request: posted.request });
    }
    return taken;
  }

  answer(id: string, answer: RequestAnswer): void {
    this.#write(`${id}.answer`, answer);
  }

  tidy(): void {
    try {
      rmdirSync(this.#folder);
    } catch {
      // The folder is not empty, or it does not exist.
    }
  }

  #write(name: string, content: object): void {
    // Another process may remove the folder between these calls. So the write is tried up to three times.
    for (let attempt = 1; ; attempt++) {
      try {
        mkdirSync(this.#folder, { recursive: true });
        const draft = join(this.#folder, `${name}.draft`);
        writeFileSync(draft, JSON.stringify(content));
        return renameSync(draft, join(this.#folder, name)); // B1
      } catch (error) {
        if (attempt === 3 || (error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      }
    }
  }

  #take(name: string): unknown {
    try {
      const text = readFileSync(join(this.#folder, name), "utf8");
      return this.#remove(name) ? JSON.parse(text) : undefined; // B2
    } catch {
      return undefined;
    }
  }

  #remove(name: string): boolean {
    try {
      rmSync(join(this.#folder, name));
      return true;
    } catch {
      return false;
    }
  }

  #list(): string[] {
    try {
      return readdirSync(this.#folder);
    } catch {
      return [];
    }
  }
}
