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

/** The answer to a request. */
export interface RequestAnswer {
  /** Absent if the request was applied. */
  readonly error?: { readonly code: string; readonly message: string };
}

interface PostedRequest {
  readonly request: JournalRequest;
  /** Epoch milliseconds. After this moment the command that posted the request does not wait any more. */
  readonly expiresMs: number;
}

/**
 * A folder beside the journal. Commands use it to send requests to the process that runs on the journal. Each request
 * is a file, and each answer is a file. The folder exists only while there are requests.
 *
 * B1  A file gets its final name only when its content is complete.
 * B2  A request is taken once: the running process takes it, or the command that posted it takes it back.
 */
export class RequestBox {
  readonly #folder: string;

  /** @param db the file of the journal, which must exist */
  constructor(db: string) {
    // Two paths (for example a symbolic link) may lead to one journal. The real path makes both use the same folder.
    this.#folder = `${realpathSync(resolve(db))}-requests`;
  }

  /** Posts a request and returns its id. */
  post(request: JournalRequest, expiresMs: number): string {
    const id = randomUUID();
    this.#write(`${id}.request`, { request, expiresMs } satisfies PostedRequest);
    return id;
  }

  /** Returns false if the running process has already taken the request. B2 */
  takeBack(id: string): boolean {
    return this.#remove(`${id}.request`);
  }

  /** Takes the answer to a request. Undefined: there is no answer yet, or it was taken before. */
  takeAnswer(id: string): RequestAnswer | undefined {
    return this.#take(`${id}.answer`) as RequestAnswer | undefined;
  }

  /** Takes all requests whose senders still wait. */
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

  /** Removes the folder if it is empty. */
  tidy(): void {
    try {
      rmdirSync(this.#folder);
    } catch {
      // The folder is not empty, or another process has removed it.
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
