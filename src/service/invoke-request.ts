import type { OperationUpdate } from "../core/wire.ts";

/** A chained invoke that has begun and not ended. */
export interface InvokeRequest {
  readonly operationId: string;
  /** The function as the handler names it: a name, `name:version` or an ARN. */
  readonly functionName: string;
  /** The payload as the handler sent it, perhaps no JSON. Undefined if the handler sent no payload. */
  readonly payload: string | undefined;
  readonly tenantId: string | undefined;
  /** The ARN of the child execution. Undefined if the invoke starts no execution. */
  readonly childArn: string | undefined;
}

export function invokeRequest(start: OperationUpdate, childArn: string | undefined): InvokeRequest {
  return {
    operationId: start.Id as string,
    functionName: start.ChainedInvokeOptions?.FunctionName ?? "",
    payload: start.Payload,
    tenantId: start.ChainedInvokeOptions?.TenantId,
    childArn,
  };
}
