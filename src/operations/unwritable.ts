/**
 * Why a value cannot be written, naming the member: `result.rows[3].id is a BigInt`. Undefined where nothing in it is known
 * to be the reason. Throws what a `toJSON` or a getter in it throws.
 * @param what the value is: `result`
 * @param keepsTypes the codec takes BigInts, and does not ask for `toJSON`
 */
export function describeUnwritable(what: string, value: unknown, keepsTypes: boolean): string | undefined {
  return find(value, what, new Map(), keepsTypes);
}

/** `around` has the objects that the value is in, with their places. */
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
