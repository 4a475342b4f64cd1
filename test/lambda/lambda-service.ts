import { randomUUID } from "node:crypto";
import type { DurableExecutionClient } from "../../src/index.ts";
import { type ExecutionOutcome, type ExecutionSummary, LocalEngine, type LocalHandler } from "../../src/testing.ts";
import { type ApiAnswer, ApiError, type ApiRequest, DurableApi } from "./durable-api.ts";
import { Environment, type FunctionSettings, type RuntimeClient } from "./environment.ts";

/** A function that is deployed here. */
export interface DeployedFunction extends FunctionSettings {
  /** Actions that its role lacks: `lambda:CheckpointDurableExecution`. */
  readonly denied?: readonly string[];
}

/** How an invocation of a process ended. */
export interface InvocationEnd {
  readonly functionName: string;
  readonly pid: number;
  readonly isCold: boolean;
  /** Milliseconds from the event to the answer. */
  readonly ms: number;
  readonly end: "response" | "error" | "timeout" | "exit";
  readonly message?: string;
}

type Event = Parameters<LocalHandler>[0];

/**
 * Lambda with durable functions, on this machine: functions run in processes of their own behind a Runtime API, and talk
 * HTTP to the service's REST API, behind which an embedded engine keeps their executions. Time is real.
 */
export class LambdaService {
  readonly api = new DurableApi((request) => this.#answer(request));
  /** Failed invocations come again soon, and what is recorded comes in pages. */
  readonly engine = new LocalEngine({ invocation: { retryPauseMs: 50 }, statePage: { maxItems: 500 } });
  readonly invocations: InvocationEnd[] = [];
  readonly #client: RuntimeClient;
  readonly #functions = new Map<string, DeployedFunction>();
  /** Those that wait for work, by function. */
  readonly #warm = new Map<string, Environment[]>();
  readonly #environments = new Set<Environment>();
  readonly #clients = new Map<string, DurableExecutionClient>();
  /** Called when a process is about to get an event. */
  beforeInvoke: (environment: Environment, settings: DeployedFunction) => Promise<void> | void = () => {};
  /** Called when it has answered, or can no longer. */
  afterInvoke: (environment: Environment) => void = () => {};

  constructor(client: RuntimeClient) {
    this.#client = client;
  }

  async start(): Promise<this> {
    await this.api.listen();
    return this;
  }

  deploy(settings: DeployedFunction): void {
    const { name } = settings;
    this.#functions.set(name, settings);
    this.engine.register(name, async (event, { awsRequestId }) => this.#invoke(settings, event, awsRequestId));
  }

  /** Whether the answer to an Invoke names its execution. */
  tellsArn = true;

  /** Starts an execution and waits for its end. */
  async run(functionName: string, input: unknown = {}): Promise<ExecutionOutcome> {
    return this.engine.start({ functionName, input: JSON.stringify(input) }).result;
  }

  /** The last words of every process, for the message of a test that fails. */
  get output(): string {
    return Array.from(this.#environments, ({ output }) => output).join("\n---\n");
  }

  /** Ends the processes that have nothing to do: the next invocation is a cold one. */
  discardWarm(): void {
    for (const environments of this.#warm.values())
      for (const environment of environments.splice(0)) environment.kill();
  }

  async close(): Promise<void> {
    for (const environment of this.#environments) environment.kill();
    await this.engine.close();
    await Promise.all(Array.from(this.#environments, (environment) => environment.close()));
    await this.api.close();
  }

  async #invoke(settings: DeployedFunction, event: Event, requestId: string): Promise<unknown> {
    const { name, timeoutMs = 30_000 } = settings;
    const { DurableExecutionArn, CheckpointToken, InitialExecutionState, UpdatedOperationIds, durableExecutionClient } =
      event;
    this.#clients.set(DurableExecutionArn, durableExecutionClient);
    const { environment, isCold } = await this.#environmentFor(settings);
    await this.beforeInvoke(environment, settings);
    const startedAt = performance.now();
    const answer = await environment.invoke({
      requestId,
      functionArn: DurableExecutionArn.split("/durable-execution/")[0] as string,
      deadlineMs: Date.now() + timeoutMs,
      tenantId: undefined,
      event: JSON.stringify({ DurableExecutionArn, CheckpointToken, InitialExecutionState, UpdatedOperationIds }),
    });
    const message = answer.kind === "error" ? `${answer.errorType}: ${answer.errorMessage}` : undefined;
    this.invocations.push({
      ...{ functionName: name, pid: environment.pid, isCold, ms: performance.now() - startedAt, end: answer.kind },
      ...(message === undefined ? {} : { message }),
    });
    this.afterInvoke(environment);
    if (environment.isAlive) this.#warm.get(name)?.push(environment);
    switch (answer.kind) {
      case "response":
        return JSON.parse(answer.body);
      case "error":
        throw Object.assign(new Error(answer.errorMessage), { name: answer.errorType });
      case "timeout":
        throw Object.assign(new Error(`Task timed out after ${timeoutMs} ms`), { name: "Sandbox.Timedout" });
      case "exit":
        throw Object.assign(new Error(`Runtime exited with ${answer.code}`), { name: "Runtime.ExitError" });
    }
  }

  async #environmentFor(settings: DeployedFunction): Promise<{ environment: Environment; isCold: boolean }> {
    const warm = this.#warm.get(settings.name) ?? [];
    this.#warm.set(settings.name, warm);
    for (let environment = warm.pop(); environment !== undefined; environment = warm.pop()) {
      await environment.idle();
      if (environment.isAlive) return { environment, isCold: false };
    }
    const environment = new Environment();
    await environment.start(settings, this.#client, this.api.endpoint);
    this.#environments.add(environment);
    // The time that a process takes to start is not the invocation's.
    await environment.idle();
    return { environment, isCold: true };
  }

  #answer(request: ApiRequest): Promise<ApiAnswer> | ApiAnswer {
    const { method, segments, query, body, text } = request;
    const [kind, id = "", action = ""] = segments;
    switch (`${method} ${kind} ${action}`) {
      case "POST durable-executions checkpoint":
        return this.#forward(request, "lambda:CheckpointDurableExecution", (client) =>
          client.checkpoint({ ...body, DurableExecutionArn: id } as never),
        );
      case "GET durable-executions state":
        return this.#forward(request, "lambda:GetDurableExecutionState", (client) =>
          client.getExecutionState({
            ...{ DurableExecutionArn: id, CheckpointToken: query.get("CheckpointToken") ?? "" },
            ...{ Marker: query.get("Marker") ?? undefined, MaxItems: Number(query.get("MaxItems")) },
          } as never),
        );
      case "GET durable-executions ":
        return { body: describe(this.#find(id)) };
      case "GET durable-executions history":
        this.#find(id);
        return {
          body: {
            Events: this.engine.history(id, { includeExecutionData: query.get("IncludeExecutionData") === "true" }),
          },
        };
      case "POST durable-executions stop":
        this.engine.stop(this.#find(id).arn, body);
        return { body: { StopTimestamp: new Date() } };
      case "GET functions durable-executions": {
        // All executions here began on an alias, and the service lists those of $LATEST without a qualifier.
        const wantedName = query.get("DurableExecutionName");
        const isWanted = ({ functionName, name }: ExecutionSummary) =>
          functionName === id && (wantedName === null || name === wantedName);
        const listed = query.has("Qualifier") ? this.engine.list().filter(isWanted) : [];
        return { body: { DurableExecutions: listed.map(describe) } };
      }
      case "POST functions invocations":
        return this.#start(id, request);
      case "POST durable-execution-callbacks succeed":
        this.engine.completeCallback(id, text);
        return { body: {} };
      case "POST durable-execution-callbacks fail":
        this.engine.failCallback(id, body);
        return { body: {} };
      case "POST durable-execution-callbacks heartbeat":
        this.engine.heartbeatCallback(id);
        return { body: {} };
      default:
        throw new ApiError("UnknownOperationException", 404, `${method} /${segments.join("/")}`);
    }
  }

  async #forward(
    { segments: [, arn = ""], caller = "" }: ApiRequest,
    action: string,
    call: (client: DurableExecutionClient) => Promise<unknown>,
  ): Promise<ApiAnswer> {
    if (this.#functions.get(caller)?.denied?.includes(action)) {
      const message = `User: ${caller} is not authorized to perform: ${action} on resource: ${arn}`;
      throw new ApiError("AccessDeniedException", 403, message);
    }
    const client = this.#clients.get(arn);
    if (client === undefined) throw new ApiError("ResourceNotFoundException", 404, arn);
    return { body: await call(client) };
  }

  #find(arn: string): ExecutionSummary {
    const found = this.engine.find(arn);
    if (found === undefined) throw new ApiError("ResourceNotFoundException", 404, arn);
    return found;
  }

  /** Invoke: of type Event it answers at once, otherwise when the execution has ended. */
  async #start(target: string, { headers, text }: ApiRequest): Promise<ApiAnswer> {
    const functionName = target.split(":function:").at(-1)?.split(":")[0] as string;
    if (!this.engine.isRegistered(functionName)) throw new ApiError("ResourceNotFoundException", 404, target);
    const name = (headers["x-amz-durable-execution-name"] as string | undefined) ?? randomUUID();
    let execution: ReturnType<LocalEngine["start"]>;
    try {
      execution = this.engine.start({ functionName, name, ...(text === "" ? {} : { input: text }) });
    } catch (error) {
      throw new ApiError("DurableExecutionAlreadyStartedException", 409, (error as Error).message);
    }
    const answer = {
      ...(this.tellsArn ? { "x-amz-durable-execution-arn": execution.arn } : {}),
      "x-amz-executed-version": "1",
    };
    if (headers["x-amz-invocation-type"] === "Event") return { status: 202, headers: answer, body: "" };
    const { status, result, error } = await execution.result;
    if (status === "SUCCEEDED") return { headers: answer, body: result ?? "null" };
    const { ErrorType: errorType, ErrorMessage: errorMessage } = error ?? {};
    return { headers: { ...answer, "x-amz-function-error": "Unhandled" }, body: { errorType, errorMessage } };
  }
}

function describe(execution: ExecutionSummary): Record<string, unknown> {
  const { arn, name, functionName, status, startTimestamp, endTimestamp, input, result, error } = execution;
  return {
    DurableExecutionArn: arn,
    DurableExecutionName: name,
    FunctionArn: `${arn.split(":function:")[0]}:function:${functionName}`,
    Status: status,
    StartTimestamp: new Date(startTimestamp),
    ...(endTimestamp === undefined ? {} : { EndTimestamp: new Date(endTimestamp) }),
    InputPayload: input,
    Result: result,
    Error: error,
  };
}
