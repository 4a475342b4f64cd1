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

/** What became of a request. */
export interface RequestAnswer {
  /** Absent when it was done. */
  readonly error?: { readonly code: string; readonly message: string };
}

interface PostedRequest {
  readonly request: JournalRequest;
  /** Epoch milliseconds: who asked has gone away by then. */
  readonly expiresMs: number;
}

/**
 * Where commands leave requests for the process that runs on a journal: a folder beside it, a file a request and a file
 * an answer. The folder is there only while somebody asks.
 *
 * B1  A file is complete as soon as it has its name.
 * B2  A request is taken once: by the process that runs, or back by who has asked.
 */
export class RequestBox {
  readonly #folder: string;

  /** @param db the journal, which is there */
  constructor(db: string) {
    // A journal reached by two names is still one.
    this.#folder = `${realpathSync(resolve(db))}-requests`;
  }

  /** Returns the request's id. */
  post(request: JournalRequest, expiresMs: number): string {
    const id = randomUUID();
    this.#write(`${id}.request`, { request, expiresMs } satisfies PostedRequest);
    return id;
  }

  /** False when it has been taken by the process that runs. B2 */
  takeBack(id: string): boolean {
    return this.#remove(`${id}.request`);
  }

  /** The answer to a request, once. */
  takeAnswer(id: string): RequestAnswer | undefined {
    return this.#take(`${id}.answer`) as RequestAnswer | undefined;
  }

  /** Requests that somebody waits for. */
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

  /** Removes the folder, if nobody else has left anything in it. */
  tidy(): void {
    try {
      rmdirSync(this.#folder);
    } catch {
      // It is in use, or gone already.
    }
  }

  #write(name: string, content: object): void {
    // Somebody else may tidy in between.
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
