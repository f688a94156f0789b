/** The `labelSelector` of lists. */
import { Type } from "typebox";
import { type LabelRequirement, parseLabelSelector } from "../domain/label-selector.ts";
import { invalidField } from "../errors/api-error.ts";

export const LabelSelectorQuery = {
  labelSelector: Type.Optional(
    Type.String({
      maxLength: 1000,
      description: "Only what has these labels: `env=prod,tier!=db,owner,!retired`, all of them; `!=` holds also where there is none",
    }),
  ),
};

/** @throws {ApiError} `validation_failed` */
export function readLabelSelector(text: string | undefined): readonly LabelRequirement[] {
  if (text === undefined || text === "") return [];
  const selector = parseLabelSelector(text);
  if (selector !== null) return selector;
  throw invalidField("/query/labelSelector", "bad_format", "wanted are key=value, key!=value, key or !key, with commas between");
}
