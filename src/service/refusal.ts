/** An answer of the service that is not a success, in the shape in which the AWS client throws it. */
export class ServiceRefusal extends Error {
  readonly $fault: "client" | "server";
  readonly $metadata: { readonly httpStatusCode: number };

  constructor(name: string, httpStatusCode: number, message: string) {
    super(message);
    this.name = name;
    this.$fault = httpStatusCode < 500 ? "client" : "server";
    this.$metadata = { httpStatusCode };
  }
}

/** A request that the service does not accept as it is: 400. */
export function invalidParameter(message: string): ServiceRefusal {
  return new ServiceRefusal("InvalidParameterValueException", 400, message);
}
