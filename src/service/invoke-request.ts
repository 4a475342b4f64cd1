import type { OperationUpdate } from "../core/wire.ts";

/** A chained invoke that has begun and not ended. */
export interface InvokeRequest {
  readonly operationId: string;
  /** The handler's text: a name, `name:version` or an ARN. */
  readonly functionName: string;
  /** JSON text. Absent when the handler passed nothing. */
  readonly payload: string | undefined;
  readonly tenantId: string | undefined;
  /** The execution that answers the invoke, when the function is durable. */
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
