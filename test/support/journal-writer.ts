/**
 * A process that appends to a journal until it is killed or the disk is full: `node journal-writer.ts <path>`. It prints
 * each token after the entry with it was acknowledged, and at last the failure and how many entries can still be read.
 */
import { writeSync } from "node:fs";
import { isDurableError } from "../../src/core/errors.ts";
import { noCounters } from "../../src/journal/journal.ts";
import { SqliteJournal } from "../../src/testing.ts";
import { checkpointEntry, executionHeader } from "./journal-entries.ts";

const journal = new SqliteJournal(process.argv[2] as string);
const header = executionHeader("killed");
journal.create(header);
try {
  for (let token = 1; ; token++) {
    journal.append(header.arn, [checkpointEntry(token)], { ...noCounters(), checkpoints: token });
    writeSync(1, `${token}\n`);
  }
} catch (error) {
  if (!isDurableError(error)) throw error;
  writeSync(1, `${error.code} ${error.message} ${[...journal.entries(header.arn)].length} kept\n`);
}
