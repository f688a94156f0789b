/** Scalars that every resource of the public contract is made of. */
import { Type } from "typebox";
import { patterned } from "./patterned.ts";

/** Offsets, instants and sequence numbers are over 2^53 one day: decimal strings in JSON. */
export const U64 = patterned("^(0|[1-9][0-9]{0,19})$", "a whole number from 0 on, in decimal digits", {
  description: "Unsigned 64-bit number as a decimal string",
});

export const Timestamp = Type.String({ format: "date-time", description: "RFC 3339, UTC" });

export const Term = Type.Integer({
  minimum: 1,
  description: "Fencing number of the VM: +1 at every change of primary or of the set of backups",
});

export const Name = patterned(
  "^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$",
  "at most 63 lower-case letters, digits and hyphens, a letter first and no hyphen last",
  { maxLength: 63, description: "RFC 1123 label that starts with a letter, unique in the project" },
);

export const LABEL_KEY_WANTED = "at most 63 letters, digits, dots, underscores, slashes and hyphens, a letter or digit first";

const LabelKey = patterned("^[A-Za-z0-9]([A-Za-z0-9._/-]{0,62})$", LABEL_KEY_WANTED);
const LabelValue = Type.String({ maxLength: 63 });

export const Labels = Type.Record(LabelKey, LabelValue, { additionalProperties: false, description: "Free key-value pairs" });

export const LabelsPatch = Type.Record(LabelKey, orNull(LabelValue), {
  additionalProperties: false,
  description: "Labels to set; null takes one away",
});

export function orNull<T extends Parameters<typeof Type.Union>[0][number]>(schema: T) {
  return Type.Union([schema, Type.Null()]);
}

/** A closed list of words, as one string enum. */
export function words<const W extends readonly string[]>(
  list: W,
  options: { $id?: string; description?: string; default?: W[number] } = {},
) {
  return Type.Unsafe<W[number]>({ type: "string", enum: [...list], ...options });
}
