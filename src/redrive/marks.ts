import { createCodec } from "../codec/codec.ts";
import type { ErrorObject, Operation } from "../core/wire.ts";
import type { Rehearsal } from "../replay/rehearsal.ts";

export interface Marked {
  readonly operations: readonly Operation[];
  readonly messages: readonly string[];
}

/** Rehearses the handler with the present draft of a plan. Before this, `alter` changes the records. */
export type RehearseAltered = (alter: (operations: readonly Operation[]) => Operation[]) => Promise<Rehearsal>;

/** Matches a mark: a number between two invisible separators. */
const MARK = /\u2063(\d+)\u2063/g;

/**
 * Finds which of several failures with the same message made the handler fail. The messages get invisible marks, and a
 * rehearsal shows whose mark is in the thrown error. Two more rehearsals check the answer, one with only the found
 * marks and one with only the other marks, because the handler itself may compare messages.
 * @returns indexes in `candidates`; empty if the rehearsals do not give a clear answer
 */
export async function tellApart(
  candidates: readonly Marked[],
  failed: Rehearsal,
  rehearse: RehearseAltered,
): Promise<readonly number[]> {
  const all = candidates.map((_, index) => index);
  const rehearseWith = async (marked: readonly number[]): Promise<readonly number[][] | undefined> => {
    const rehearsal = await rehearse((operations) => withMarks(operations, candidates, marked));
    const [before, after] = [textsOf(failed), textsOf(rehearsal)];
    const isSame =
      rehearsal.error?.ErrorType === failed.error?.ErrorType &&
      before.length === after.length &&
      before.every((text, level) => text === after[level]?.replaceAll(MARK, ""));
    return isSame ? after.map(marksIn) : undefined;
  };
  const found = await rehearseWith(all);
  const level = found?.findIndex((marks) => marks.length > 0) ?? -1;
  const blamed = found?.[level];
  if (blamed === undefined) return [];
  const alone = (await rehearseWith(blamed))?.[level];
  const others = (await rehearseWith(all.filter((index) => !blamed.includes(index))))?.[level];
  return `${alone}` === `${blamed}` && others?.length === 0 ? blamed : [];
}

/** The message of the error that the handler threw, then the messages of its causes. */
export function textsOf({ error, causes }: Rehearsal): readonly string[] {
  return [error?.ErrorMessage ?? "", ...causes];
}

function marksIn(text: string): number[] {
  return [...new Set([...text.matchAll(MARK)].map(([, number]) => Number(number)))].sort((a, b) => a - b);
}

function withMarks(
  operations: readonly Operation[],
  candidates: readonly Marked[],
  marked: readonly number[],
): Operation[] {
  const byId = new Map<string | undefined, (text: string) => string>();
  for (const index of marked) {
    const { operations: own, messages } = candidates[index] as Marked;
    const write = (text: string): string => (messages.includes(text) ? `${text}\u2063${index}\u2063` : text);
    for (const { Id: id } of own) byId.set(id, write);
  }
  return operations.map((operation) => {
    const write = byId.get(operation.Id);
    return write === undefined ? operation : rewritten(operation, write);
  });
}

interface Details {
  Error?: ErrorObject | undefined;
  Result?: string | undefined;
}

function rewritten(operation: Operation, write: (text: string) => string): Operation {
  const { StepDetails, ContextDetails, CallbackDetails, ChainedInvokeDetails } = operation;
  const detailsOf = <T extends Details>(details: T): T => {
    const { Error: error, Result: result } = details;
    const message = error?.ErrorMessage;
    return {
      ...details,
      ...(message === undefined ? {} : { Error: { ...error, ErrorMessage: write(message) } }),
      ...(result === undefined ? {} : { Result: rewrittenPayload(result, write) }),
    };
  };
  return {
    ...operation,
    ...(StepDetails && { StepDetails: detailsOf(StepDetails) }),
    ...(ContextDetails && { ContextDetails: detailsOf(ContextDetails) }),
    ...(CallbackDetails && { CallbackDetails: detailsOf(CallbackDetails) }),
    ...(ChainedInvokeDetails && { ChainedInvokeDetails: detailsOf(ChainedInvokeDetails) }),
  };
}

const typed = createCodec("typed");

/**
 * Applies `write` to a payload that is a text, and to the texts in its arrays and plain objects. An unreadable payload
 * is not changed.
 */
function rewrittenPayload(payload: string, write: (text: string) => string): string {
  let isChanged = false;
  const rewrite = (value: unknown): unknown => {
    if (typeof value === "string") {
      const text = write(value);
      isChanged ||= text !== value;
      return text;
    }
    if (Array.isArray(value)) return value.map(rewrite);
    if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, rewrite(member)]));
  };
  try {
    const value = rewrite(typed.decode(payload));
    return isChanged ? (typed.roundTrip(value, Number.POSITIVE_INFINITY).payload ?? payload) : payload;
  } catch {
    return payload;
  }
}
