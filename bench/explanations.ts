const EVERY_ITEM =
  "No single function stands out: what is left is spread over the ways of each item through scope, operation, coalescer and codec, its promises, and their garbage.";
const STARTS =
  "By default a START leaves in the turn in which its step begins, so the first requests are only partly filled; with few requests in all that is a large share.";

/**
 * Why a target was missed, by scenario; shown only where it was, beside the profile of that very run. Figures belong
 * into the results, not here.
 */
export const explanations: Readonly<Record<string, string>> = {
  "map, 10,000, nested": EVERY_ITEM,
  "map, 10,000, flat": EVERY_ITEM,
  "map, 10,000, batch of 100":
    "Processor time: the items of a batch still run through a context and an asynchronous scope each. Requests: a batch is recorded when it begins and when it ends, and little else travels along, so that requests are far from full.",
  "items without a step, 10,000": `${EVERY_ITEM} The official SDK does less here than with a step, and ours saves little of what remains.`,
  "map, 10,000, nested, starts elided":
    "The START of an item's context leaves before its step has ended, so that only the steps' STARTs are left out: a quarter of the updates of a nested map. In a flat one it is half.",
  "1,000 at once, 10 ms a checkpoint": STARTS,
  "1,000 at once, starts elided, 10 ms a checkpoint": STARTS,
  "1,000, batch of 100, 10 ms a checkpoint": `${STARTS} What remains beside them is the time that a process takes to run the code for the first few times.`,
  "1,000, 10 at once, 10 ms a checkpoint": STARTS,
  "replay of a finished map, 10,000, nested":
    "The official SDK is not slow here: the results of nested items are in their own records, and it reads each once. Ours reads and checks each once as well; what is left is parsing, hashing of ids, and a promise an item.",
  "map, 1,000,000, batch of 1,000, reduced":
    "Nothing is kept of an item. The heap grows with the garbage of a longer run until a full collection, and the executed batches leave one record each.",
  "step, wait, step in 10,000 items": EVERY_ITEM,
  "each of 10,000 items fails once": EVERY_ITEM,
  "map, 100, nested":
    "At this size the time goes into code that the compiler has not finished with, and into packing the result of the map.",
  "resume of 10,000 waiting items":
    "The longest turn lets all waiting items go on at once; on a busy machine it also holds what other programs take.",
  "import of the package":
    "More code has to be compiled than in the official package: batches, streams, codecs, quotas, worker threads.",
  "engine, 10,000 items, one operation each": "The journal writes and syncs each checkpoint before it is acknowledged.",
  "engine, 100,000 items, batch of 100": "The journal writes and syncs each checkpoint before it is acknowledged.",
};
