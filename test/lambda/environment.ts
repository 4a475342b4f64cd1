import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type Answer, type Invocation, RuntimeApi } from "./runtime-api.ts";

/** A function as it is deployed. */
export interface FunctionSettings {
  readonly name: string;
  /** The folder that is unpacked as the task root; nothing else is there. */
  readonly folder: string;
  /** `<module>.<export>` */
  readonly handler: string;
  /** Milliseconds after which an invocation is cut off. Default 30,000. */
  readonly timeoutMs?: number;
  /** Megabytes: the heap that Node gets, and the vCPUs that the function believes it has. Default 1,769. */
  readonly memoryMb?: number;
  readonly variables?: Readonly<Record<string, string>>;
}

/** Which program runs functions. */
export interface RuntimeClient {
  /** The Node that runs it. */
  readonly node: string;
  /** The client's program. */
  readonly program: string;
}

/** Why a process did not answer. */
export type Failure = { readonly kind: "timeout" } | { readonly kind: "exit"; readonly code: number | string };

/**
 * One execution environment: a process that serves the invocations of one function, one after the other. It stands still
 * (SIGSTOP) whenever it has asked for work and there is none, as in Lambda.
 */
export class Environment {
  readonly #api = new RuntimeApi(() => this.#freeze());
  #process!: ChildProcess;
  #exited!: Promise<Failure>;
  /** Since it was given an invocation: until it asked for the next one. */
  #frozen: Promise<void> | undefined;
  #markFrozen: () => void = () => {};
  /** Milliseconds from the start of the process until it asked for work, or said that it cannot. */
  initialisedMs!: Promise<number>;
  /** The last of what it wrote on both streams. */
  output = "";
  isAlive = true;

  /** `endpoint`: where the function's AWS client finds the service. */
  async start(settings: FunctionSettings, { node, program }: RuntimeClient, endpoint: string): Promise<void> {
    await this.#api.listen();
    const { folder, handler, memoryMb = 1_769 } = settings;
    // Lambda leaves some of the memory to what is not JavaScript.
    const heap = `--max-old-space-size=${Math.floor(memoryMb * 0.9)}`;
    const startedAt = performance.now();
    this.initialisedMs = this.#api.initialised.then(() => performance.now() - startedAt);
    const child = spawn(node, ["--expose-gc", heap, program, handler], {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...variablesOf(settings), AWS_LAMBDA_RUNTIME_API: this.#api.address, AWS_ENDPOINT_URL_LAMBDA: endpoint },
    });
    this.#process = child;
    this.#exited = once(child, "exit").then(([code, signal]) => {
      this.isAlive = false;
      return { kind: "exit", code: (signal ?? code) as number | string };
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => {
        this.output = (this.output + chunk.toString()).slice(-100_000);
      });
    }
  }

  get pid(): number {
    return this.#process.pid as number;
  }

  /** Resolves when it can be given an invocation, or has ended. */
  async idle(): Promise<void> {
    await Promise.race([this.#frozen ?? this.#api.initialised, this.#exited]);
  }

  /** Runs one invocation; a process that has not answered by the deadline is killed. */
  async invoke(invocation: Invocation): Promise<Answer | Failure> {
    this.#frozen = new Promise((resolve) => {
      this.#markFrozen = resolve;
    });
    this.#process.kill("SIGCONT");
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<Failure>((resolve) => {
      timer = setTimeout(() => resolve({ kind: "timeout" }), invocation.deadlineMs - Date.now());
    });
    const failedToStart = new Promise<Answer>((resolve) => {
      void this.#api.initialised.then((answer) => answer !== undefined && resolve(answer));
    });
    const answer = await Promise.race([this.#api.invoke(invocation), failedToStart, this.#exited, deadline]);
    clearTimeout(timer);
    if (answer.kind === "timeout") this.kill();
    return answer;
  }

  kill(): void {
    this.isAlive = false;
    this.#process.kill("SIGKILL");
  }

  async close(): Promise<void> {
    this.kill();
    await this.#exited;
    await this.#api.close();
  }

  #freeze(): void {
    this.#process.kill("SIGSTOP");
    this.#markFrozen();
  }
}

/** What Lambda puts into the environment. */
function variablesOf({ name, folder, handler, memoryMb = 1_769, variables }: FunctionSettings): NodeJS.ProcessEnv {
  return {
    PATH: process.env["PATH"],
    TZ: ":UTC",
    LAMBDA_TASK_ROOT: folder,
    _HANDLER: handler,
    AWS_LAMBDA_FUNCTION_NAME: name,
    AWS_LAMBDA_FUNCTION_VERSION: "1",
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(memoryMb),
    AWS_LAMBDA_INITIALIZATION_TYPE: "on-demand",
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${name}`,
    AWS_LAMBDA_LOG_STREAM_NAME: "stream",
    AWS_EXECUTION_ENV: "AWS_Lambda_nodejs24.x",
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: name,
    AWS_SECRET_ACCESS_KEY: "secret",
    ...variables,
  };
}
