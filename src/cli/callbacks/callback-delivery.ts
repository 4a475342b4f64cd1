import { setTimeout as sleep } from "node:timers/promises";
import { DurableError, isDurableError } from "../../core/errors.ts";
import { SqliteJournal } from "../../journal/sqlite-journal.ts";
import { LocalEngine } from "../../local/engine.ts";
import { applyRequest, type JournalRequest } from "./callback-request.ts";
import { type RequestAnswer, RequestBox } from "./request-box.ts";

/** Who did what was asked: the process that runs on the journal, or this one, since none does. */
export type Doer = "running process" | "this process";

/** How long the process that runs may be busy. */
const DEFAULT_PATIENCE_MS = 30_000;
/** How often to look whether it still runs; each look takes a quarter of a second while it does. */
const LOOK_EVERY_MS = 1_000;
const POLL_MS = 50;

/**
 * Does something to an execution of a journal that one process at a time may write. The process that runs on it is asked
 * to; while none does, it is written into the journal, and the execution learns of it when it is resumed.
 * @throws DurableError as `applyRequest`, `ERR_REQUEST_UNANSWERED`, or the journal's
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

/** Nobody else runs on the journal from here on. */
async function applyHere(
  journal: SqliteJournal,
  request: JournalRequest,
  answered: () => RequestAnswer | undefined,
): Promise<Doer> {
  const engine = new LocalEngine({ journal });
  try {
    // The process that ran may have done it before it ended.
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
      "with an engine of its own, which has to do it itself (completeCallback, stop).",
  );
}
