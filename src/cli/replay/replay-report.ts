import pc from "picocolors";
import { findPaths } from "../../core/operation-paths.ts";
import { counted, formatCount } from "../../core/quantity.ts";
import type { Operation, WireOperation } from "../../core/wire.ts";
import type { ReachedOperation } from "../../replay/divergence.ts";
import type { Recording } from "../../replay/recording.ts";
import type { Rehearsal } from "../../replay/rehearsal.ts";
import { errorText } from "../error-text.ts";
import { labelOfReached, siteOf } from "../run/retry-plan.ts";

const MAX_LISTED = 10;

export function describeReplay(recording: Recording, rehearsal: Rehearsal): string[] {
  const { divergence, truncated, reached, status, error } = rehearsal;
  const total = counted(recording.operations.length, "operation");
  if (divergence !== undefined) {
    const { message, recorded, asked } = divergence;
    return [
      pc.red("✖ The code and the record part."),
      `  ${message}`,
      ...(recorded === undefined ? [] : [`  recorded  ${describeRecorded(recorded, recording, asked)}`]),
      ...(asked === undefined ? [] : [`  asked     ${labelOfReached(asked)}, ${placeOf(asked)}${siteOf(asked)}`]),
    ];
  }
  const asked = formatCount(rehearsal.claimed.size);
  return [
    pc.green(`✔ The code matches the record: ${total} recorded, of which the code asked for ${asked}.`),
    ...(truncated === undefined
      ? []
      : [`  The record has cut what ${describeReached(truncated)} gave: nothing after it was checked.`]),
    ...(reached.length === 0
      ? []
      : [
          `  Reached the end of what was recorded: ${reached.slice(0, MAX_LISTED).map(describeReached).join(", ")}` +
            `${reached.length > MAX_LISTED ? ` and ${formatCount(reached.length - MAX_LISTED)} more` : ""}.`,
        ]),
    ...(status === "SUCCEEDED" ? ["  The handler returned."] : []),
    ...(error === undefined ? [] : [`  The handler threw ${errorText(error)}`]),
  ];
}

export function replayDocument(recording: Recording, rehearsal: Rehearsal): object {
  const { divergence, truncated, reached, status, error, claimed } = rehearsal;
  return {
    type: "replay",
    matches: divergence === undefined,
    operations: recording.operations.length,
    asked: claimed.size,
    ...(divergence !== undefined && {
      divergence: {
        kind: divergence.kind,
        message: divergence.message,
        ...(divergence.recorded !== undefined && {
          recorded: recordedDocument(divergence.recorded, recording, divergence.asked),
        }),
        ...(divergence.asked !== undefined && { asked: askedDocument(divergence.asked) }),
      },
    }),
    ...(truncated !== undefined && { truncated: askedDocument(truncated) }),
    reached: reached.map(askedDocument),
    status,
    ...(error !== undefined && { error: { type: error.ErrorType, message: error.ErrorMessage } }),
  };
}

function recordedDocument(recorded: WireOperation, recording: Recording, asked: ReachedOperation | undefined): object {
  const { Id: id, Type: type, SubType: subType, Name: name, Status: status } = recorded;
  return { id: id ?? asked?.id, type, subType, name, status, position: positionOf(recorded, recording, asked) };
}

function askedDocument({ id, type, subType, name, path, site }: ReachedOperation): object {
  return { id, type, subType, name, position: path, ...(site !== undefined && { site }) };
}

function describeRecorded(recorded: WireOperation, recording: Recording, asked: ReachedOperation | undefined): string {
  const { Id: id = asked?.id ?? "", Type: type, SubType: subType, Name: name, Status: status } = recorded;
  const label = labelOfReached({ subType: subType ?? type ?? "operation", name: name ?? undefined, id });
  const position = positionOf(recorded, recording, asked);
  return `${label} (${status}), ${type}, position ${position ?? "unknown"}, id ${id}`;
}

/** If there is an operation that the code asked for, it has the same path as the recorded operation. */
function positionOf(
  { Id: id }: WireOperation,
  { operations }: Recording,
  asked: ReachedOperation | undefined,
): string | undefined {
  return asked?.path ?? findPaths(operations as readonly Operation[]).get(id ?? "");
}

function placeOf({ type, path, id }: ReachedOperation): string {
  return `${type}, position ${path}, id ${id}`;
}

function describeReached(reached: ReachedOperation): string {
  return `${labelOfReached(reached)}${siteOf(reached)}`;
}
