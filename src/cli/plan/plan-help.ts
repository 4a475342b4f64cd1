export const PLAN_HELP = `
The sample really runs: what the steps do to other systems is done. Before that the command says how much runs, and
asks (--yes: it does not ask). Of each map and parallel the first items run, as many as --sample says, and no others; a
batch runs whole, and a map inside an item counts anew. A map with more items ends the sample. (A handler on another
runtime runs whole.) Waits are skipped, callbacks are not completed, and nothing is kept: of the options of run, --db,
--name, --fresh, --failures, --virtual-time, --max-operations and --max-data are taken and change nothing here.

Figures with ~ are computed from the sample, the others are measured. Costs are computed by the prices of AWS.

--try batch=50,200 runs the sample once more with each value, and compares what was run instead of what is computed.
Given several times, each combination is tried. Its settings are those of withDurableExecution: concurrency=32,256,
checkpoint.maxUpdates=100, codec=json …

With --json one document is printed, on one line:
  {"type":"plan", functionName, latencyMs,
   "execution": {status, error: {type, message}},     absent when the sample ended before the execution
   "fault": why nothing is recommended,               absent when the sample has not failed
   "sample": {operations, retries, requests, dataBytes, wallMs, dollars},
   "maps": [{name, kind, form, batchItems, seen, total, sampled, failed, error, canShare}],
                                                      "form" is absent when no item tells it
   "settings": [{name, operations, retries, requests, dataBytes, wallMs, dollars, measured, refusedByAws, how,
                 settings, fault, recommended}],       "measured" names the figures that are not computed
   "notes": [what is left out, in words]}
Errors: {"type": "error", "error": {code, message}}`;
