/**
 * Checks requests against their TypeBox schemas. A body is taken as it is: no coercion, nothing stripped. Path, query and
 * header values are text by nature, so numbers and booleans are read from them.
 */
import type { FastifyInstance, FastifySchemaCompiler } from "fastify";
import type { TSchema } from "typebox";
import { Compile } from "typebox/compile";
import Format from "typebox/format";
import { Value } from "typebox/value";

export function installValidation(app: FastifyInstance): void {
  app.setValidatorCompiler(compile as FastifySchemaCompiler<unknown>);
  // Answers are made by typed presenters, and tests hold them against the schemas.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
}

/** A bad format name would pass everything. */
for (const name of ["date-time"]) if (!Format.Has(name)) throw new Error(`typebox lacks the format ${name}`);

const compile: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const check = Compile(schema);
  const coerces = httpPart !== "body";
  return (input: unknown) => {
    const given = input ?? (schema as { readonly default?: unknown }).default;
    const value: unknown = coerces ? Value.Default(schema, Value.Convert(schema, { ...(input as object) })) : given;
    const unstorable = unstorableText(value);
    if (unstorable !== null) return { error: [unstorable] as unknown as Error };
    if (check.Check(value)) return { value };
    return { error: check.Errors(value) as unknown as Error };
  };
};

/** Text that the database cannot hold: a NUL, or half of a surrogate pair. */
const UNSTORABLE = /[\0\p{Surrogate}]/u;

/** The first such text in a value, as a validation issue with its place. */
function unstorableText(value: unknown, instancePath = ""): object | null {
  if (typeof value === "string") {
    if (!UNSTORABLE.test(value)) return null;
    return { keyword: "characters", instancePath, params: {}, message: "it has a NUL or half of a surrogate pair, which no text can have" };
  }
  if (typeof value !== "object" || value === null) return null;
  for (const [name, item] of Object.entries(value)) {
    const found = unstorableText(name, instancePath) ?? unstorableText(item, `${instancePath}/${name}`);
    if (found !== null) return found;
  }
  return null;
}
