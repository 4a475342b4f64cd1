import { setTimeout as sleep } from "node:timers/promises";
import { DurableError, isDurableError } from "../../core/errors.ts";
import { SqliteJournal } from "../../journal/sqlite-journal.ts";
import { LocalEngine } from "../../local/engine.ts";
import { applyRequest, type JournalRequest } from "./callback-request.ts";
import { type RequestAnswer, RequestBox } from "./request-box.ts";

/** The process that applied a request. `running process`: another process, which had opened the journal for writing. */
export type Doer = "running process" | "this process";

/** The running process answers late if a handler computes for long. */
const DEFAULT_PATIENCE_MS = 30_000;
/** The time between checks whether the running process has closed the journal. A check may wait 250 ms for the lock. */
const LOOK_EVERY_MS = 1_000;
const POLL_MS = 50;

/**
 * Only one process at a time can write to a journal. If another process has opened the journal for writing, only that
 * process can apply the request. If that process closes the journal without an answer, this process applies it.
 * @throws DurableError the errors of `applyRequest`, `ERR_REQUEST_UNANSWERED`, or an `ERR_JOURNAL_…`
 */
export async function deliver(
  db: string,
  request: JournalRequest,
  patienceMs: number = DEFAULT_PATIENCE_MS,
): Promise<Doer> {
  const box = new RequestBox(db);
  const untilMs = Date.now() + patienceMs;
  let posted: string | undefined;
  try {
    for (;;) {
      const journal = openUnlessInUse(db);
      if (journal !== undefined) return await applyHere(journal, request, () => answerLeft(box, posted));
      posted ??= box.post(request, untilMs);
      const answer = await answerTo(box, posted, Math.min(patienceMs, LOOK_EVERY_MS));
      if (answer !== undefined) return finish(answer);
      if (Date.now() >= untilMs) throw unanswered(patienceMs);
    }
  } finally {
    if (posted !== undefined) box.takeBack(posted);
    box.tidy();
  }
}

function openUnlessInUse(db: string): SqliteJournal | undefined {
  try {
    return new SqliteJournal(db);
  } catch (error) {
    if (isDurableError(error) && error.code === "ERR_JOURNAL_IN_USE") return undefined;
    throw error;
  }
}

async function applyHere(
  journal: SqliteJournal,
  request: JournalRequest,
  answered: () => RequestAnswer | undefined,
): Promise<Doer> {
  const engine = new LocalEngine({ journal });
  try {
    // The other process may have applied the request and answered, just before it closed the journal.
    const answer = answered();
    if (answer !== undefined) return finish(answer);
    applyRequest(engine, request);
    return "this process";
  } finally {
    await engine.close();
  }
}

function answerLeft(box: RequestBox, posted: string | undefined): RequestAnswer | undefined {
  return posted === undefined ? undefined : box.takeAnswer(posted);
}

async function answerTo(box: RequestBox, posted: string, withinMs: number): Promise<RequestAnswer | undefined> {
  for (let waitedMs = 0; waitedMs < withinMs; waitedMs += POLL_MS) {
    const answer = box.takeAnswer(posted);
    if (answer !== undefined) return answer;
    await sleep(POLL_MS);
  }
  return undefined;
}

function finish({ error }: RequestAnswer): Doer {
  if (error !== undefined) throw new DurableError(error.code, error.message);
  return "running process";
}

function unanswered(patienceMs: number): DurableError {
  return new DurableError(
    "ERR_REQUEST_UNANSWERED",
    `The process that runs on the journal has not answered for ${patienceMs / 1_000} seconds. It is busy, or a program ` +
      "with an engine of its own. Such a program must call completeCallback or stop itself.",
  );
}
