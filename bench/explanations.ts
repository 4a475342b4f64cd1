const EVERY_ITEM =
  "No single function stands out: what is left is spread over the ways of each item through scope, operation, coalescer and codec, its promises, and their garbage.";
const STARTS =
  "By default a START leaves in the turn in which its step begins, so the first requests are only partly filled; with few requests in all that is a large share.";

/** Why worker threads miss one: their time is spent by the functions themselves, so that a profile says nothing. */
export const THREADS =
  "The rows without an SDK say what two threads can do at best. The rest is the time in which a thread that has finished its batch waits until the main thread has taken the results in and sent the next one. Calls without `batch` share messages while others wait, so that less of it is seen there.";

/**
 * Why a target was missed, by scenario; shown only where it was, beside the profile of that very run. Figures belong
 * into the results, not here.
 */
export const explanations: Readonly<Record<string, string>> = {
  "map, 10,000, nested": EVERY_ITEM,
  "map, 10,000, flat": EVERY_ITEM,
  "map, 10,000, batch of 100":
    "Requests, by decision: no more than 500 items that are not acknowledged may be open (`checkpoint.maxUnacknowledged`), so that a crash repeats no more. The row below has them without that bound.",
  "map, 50,000, nested":
    "Run again and again in one process, an item takes as long at 50,000 as at 10,000. In a single run the collector goes over more that is alive: all results are kept.",
  "items without a step, 10,000": `${EVERY_ITEM} The official SDK does less here than with a step, and ours saves little of what remains.`,
  "map, 10,000, nested, starts elided":
    "The service refuses an operation whose parent it does not know, so the START of an item's context has to leave before what its step gave: three updates an item instead of four is the least that the protocol allows. In a flat map it is one instead of two.",
  "1,000 at once, starts elided, 10 ms a checkpoint":
    "Three updates an item is the least that the protocol allows in a nested map (the parent's START has to leave first): 3,002 updates are 13 requests of 250, which follow one another.",
  "1,000 at once, 10 ms a checkpoint":
    "4,002 updates are 17 requests of 250 for both, which follow one another: 17 timers of 10 ms take 172 to 187 ms, and all the rest of ours together the few that are left. No order of the same updates is faster; fewer are (`elideStarts`, `batch`).",
  "1,000, batch of 100, 10 ms a checkpoint": `${STARTS} What remains beside them is the time that a process takes to run the code for the first few times.`,
  "1,000, 10 at once, 10 ms a checkpoint": STARTS,
  "replay of a finished map, 10,000, nested":
    "The official SDK is not slow here: the results of nested items are in their own records, and it reads each once. Ours reads and checks each once as well, without a promise; what is left is parsing, the hash of each id, and looking it up.",
  "map, 1,000,000, batch of 1,000, reduced":
    "Nothing is kept of an item: after a collection the heap holds 14 MB at each tenth of the run, first to last. What grows is the room that V8 takes for garbage before it collects, until about 400,000 items.",
  "step, wait, step in 10,000 items": EVERY_ITEM,
  "each of 10,000 items fails once": EVERY_ITEM,
  "map, 100, nested": "At this size the time goes into code that the compiler has not finished with.",
  "resume of 10,000 waiting items":
    "The longest turn lets all waiting items go on at once; on a busy machine it also holds what other programs take.",
  "import of the package":
    "What is left is the compilation of 300 kB: batches, streams, codecs, quotas. Modules of Node's, msgpackr and the AWS client are loaded when they are needed.",
  "engine, 10,000 items, one operation each": "The journal writes and syncs each checkpoint before it is acknowledged.",
  "engine, 100,000 items, batch of 100": "The journal writes and syncs each checkpoint before it is acknowledged.",
};
