/**
 * Describes why a value cannot be written, and which member is the cause: `result.rows[3].id is a BigInt`. Returns
 * undefined when no cause is found. Errors of a getter or a `toJSON` are not caught.
 * @param what the name of the value: `result`
 * @param keepsTypes whether the codec accepts BigInts and does not call `toJSON`
 */
export function describeUnwritable(what: string, value: unknown, keepsTypes: boolean): string | undefined {
  return find(value, what, new Map(), keepsTypes);
}

/** `around` has the objects that contain the value, with their positions. */
function find(given: unknown, at: string, around: Map<object, string>, keepsTypes: boolean): string | undefined {
  let value = given;
  if (!keepsTypes && typeof value === "object" && value !== null && "toJSON" in value) {
    if (typeof value.toJSON === "function") value = value.toJSON("");
  }
  if (typeof value === "bigint") return keepsTypes ? undefined : `${at} is a BigInt`;
  if (typeof value !== "object" || value === null) return undefined;
  const outer = around.get(value);
  if (outer !== undefined) return `${at} is ${outer} again, which never ends`;
  around.set(value, at);
  const isArray = Array.isArray(value);
  for (const [key, member] of Object.entries(value)) {
    const found = find(member, isArray ? `${at}[${key}]` : `${at}${memberPath(key)}`, around, keepsTypes);
    if (found !== undefined) return found;
  }
  around.delete(value);
  return undefined;
}

function memberPath(key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}
