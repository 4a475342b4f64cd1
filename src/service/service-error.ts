/** The error for an answer of the service that is not a success. It has the same form as an error of the AWS client. */
export class ServiceError extends Error {
  readonly $fault: "client" | "server";
  readonly $metadata: { readonly httpStatusCode: number };

  constructor(name: string, httpStatusCode: number, message: string) {
    super(message);
    this.name = name;
    this.$fault = httpStatusCode < 500 ? "client" : "server";
    this.$metadata = { httpStatusCode };
  }
}

export function invalidParameter(message: string): ServiceError {
  return new ServiceError("InvalidParameterValueException", 400, message);
}

/**
 * @alias
 * @deprecated Use `ServiceError`, which is the same class. The next version drops this name.
 */
export const ServiceRefusal = ServiceError;
/** @deprecated Use `ServiceError`. The next version drops this name. */
export type ServiceRefusal = ServiceError;
