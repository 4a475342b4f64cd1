import { relative } from "node:path";
import { counted, formatCount } from "../../core/quantity.ts";
import type { Operation } from "../../core/wire.ts";
import type { ExecutionSummary } from "../../local/executions.ts";
import type { RedrivePlan } from "../../redrive/plan.ts";
import type { ReachedOperation } from "../../replay/divergence.ts";

const MAX_LISTED = 10;

export function describePlan({ name }: ExecutionSummary, plan: RedrivePlan): string[] {
  const { kept, again, forgotten, next, failedItems } = plan;
  const items = failedItems > 0 ? ` (${counted(failedItems, "failed item")})` : "";
  return [
    `Taken over from ${name}: ${counted(kept, "operation")} that ended.`,
    ...(again.length > 0 ? [`Runs again: ${listed(again.map(labelOf))}${items}.`] : []),
    ...(again.length === 0 && failedItems > 0 ? [`Runs again: ${counted(failedItems, "failed item")}.`] : []),
    ...(forgotten.length > 0 ? [`Begins anew: ${listed(forgotten.map(labelOf))}.`] : []),
    next.length > 0
      ? `Goes on with: ${listed(next.map((reached) => `${labelOfReached(reached)}${siteOf(reached)}`))}.`
      : "Only the end of the handler is left to run.",
  ];
}

export function planDocument({ arn, name, status }: ExecutionSummary, plan: RedrivePlan): object {
  const { kept, again, forgotten, next, failedItems } = plan;
  const asDocument = ({ Id: id, Name, Type: type, SubType: subType, Status }: Operation) => ({
    ...{ id, name: Name, type, subType, status: Status },
  });
  return {
    type: "retry-plan",
    execution: { arn, name, status },
    kept,
    failedItems,
    again: again.map(asDocument),
    forgotten: forgotten.map(asDocument),
    next: next.map(({ id, name: reached, type, subType, path, site }) => ({
      id,
      name: reached,
      type,
      subType,
      path,
      site,
    })),
  };
}

/** The place in the code, for example ` (handler.ts:12)`. Empty if the place is unknown. */
export function siteOf({ site }: ReachedOperation): string {
  return site === undefined ? "" : ` (${relative(process.cwd(), site.file)}:${site.line})`;
}

export function labelOfReached({ subType, name, id }: Pick<ReachedOperation, "subType" | "name" | "id">): string {
  return `${subType} ${name === undefined ? id : JSON.stringify(name)}`;
}

function labelOf({ SubType: subType, Type: type, Name: name, Id: id }: Operation): string {
  return labelOfReached({ subType: subType ?? type ?? "operation", name, id: id ?? "" });
}

function listed(labels: readonly string[]): string {
  const rest = labels.length - MAX_LISTED;
  const shown = labels.slice(0, MAX_LISTED).join(", ");
  return rest > 0 ? `${shown} and ${formatCount(rest)} more` : shown;
}
