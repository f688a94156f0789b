/** A label selector as conditions on a column of labels. */
import { type SQL, type SQLWrapper, sql } from "drizzle-orm";
import type { LabelRequirement } from "../../domain/label-selector.ts";

export function labelConditions(labels: SQLWrapper, selector: readonly LabelRequirement[]): SQL[] {
  return selector.map((requirement) => condition(sql`${labels} ->> ${requirement.key}`, requirement));
}

function condition(value: SQL, requirement: LabelRequirement): SQL {
  switch (requirement.kind) {
    case "equals":
      return sql`${value} = ${requirement.value}`;
    case "differs":
      return sql`${value} IS DISTINCT FROM ${requirement.value}`;
    case "exists":
      return sql`${value} IS NOT NULL`;
    case "lacks":
      return sql`${value} IS NULL`;
  }
}
