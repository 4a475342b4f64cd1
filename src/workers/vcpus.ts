import { availableParallelism } from "node:os";
import { environment } from "../core/environment.ts";
import { LAMBDA_MEGABYTES_PER_VCPU } from "../core/limits.ts";

/** The number of processors that this process may use. In Lambda it depends on the memory, and may be a fraction. */
export function availableVcpus(variables = environment()): number {
  const cores = availableParallelism();
  const megabytes = Number(variables.AWS_LAMBDA_FUNCTION_MEMORY_SIZE);
  return megabytes > 0 ? Math.min(cores, megabytes / LAMBDA_MEGABYTES_PER_VCPU) : cores;
}
