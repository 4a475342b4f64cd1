export const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  run: [
    "durable-fanout run orders.ts --event @orders.json --name friday",
    "durable-fanout run orders.ts --function charge=charge.ts --virtual-time",
  ],
  resume: ["durable-fanout resume friday", "durable-fanout resume friday --handler src/orders.ts"],
  retry: [
    "durable-fanout retry friday --dry-run",
    "durable-fanout retry friday --from report",
    "durable-fanout retry friday --failed",
  ],
  replay: [
    "durable-fanout replay friday src/orders.ts",
    "durable-fanout replay history.json src/orders.ts --export handler",
  ],
  plan: [
    "durable-fanout plan orders.ts --event @orders.json --sample 100",
    "durable-fanout plan orders.ts --event @orders.json --try batch=50,200 --yes",
  ],
  tune: ["durable-fanout plan orders.ts --event @orders.json --try batch=10,100"],
  list: [
    "durable-fanout list --status failed --limit 20",
    "durable-fanout list --json | jq 'select(.durationMs > 60000) | .name'",
  ],
  show: ["durable-fanout show friday", "durable-fanout show friday --operation report"],
  logs: ["durable-fanout logs friday", "durable-fanout logs friday --operation 'score[3]'"],
  history: ["durable-fanout history friday --data", "durable-fanout history friday --json | jq .event"],
  decode: ["durable-fanout decode '~1m1HJAkaR3aGVu1v8AAAAA'", "pbpaste | durable-fanout decode -"],
  export: ["durable-fanout export friday > friday.json"],
  stop: ["durable-fanout stop friday"],
  delete: ["durable-fanout delete friday"],
  prune: ["durable-fanout prune --older-than 7d"],
  doctor: ["durable-fanout doctor", "durable-fanout doctor --json | jq '.problems[].advice'"],
  callbacks: ["durable-fanout callbacks", "durable-fanout callbacks friday --json"],
  complete: [
    `durable-fanout complete approval --result '{"approved":true}'`,
    "durable-fanout complete approval --result @answer.json",
  ],
  fail: ["durable-fanout fail approval --error 'nobody answers'"],
  heartbeat: ["durable-fanout heartbeat approval"],
};

/** By the name of a command: a text that its help shows before the examples. */
export const NOTES: Readonly<Record<string, string>> = {
  run:
    "Ctrl-C and SIGTERM end the run in order; the same signal again ends it at once. A handler that computes without end\n" +
    "hears neither: SIGKILL (kill -9) ends it. What was recorded is in the journal by then, and resume goes on from there.",
  complete:
    "The handler gets the text as it is, JSON or not. For a value, give the callback a serdes, or parse it in the handler.",
};
