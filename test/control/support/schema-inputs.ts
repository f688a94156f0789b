/** Inputs made from the JSON schemas of a contract: values that conform, and values near them that do not. */
import fc from "fast-check";

export type Schema = Readonly<Record<string, unknown>>;

/** `#/components/schemas/Vm` to what it names. */
export function resolvePointer(document: unknown, pointer: string): unknown {
  return pointer
    .replace(/^#\//, "")
    .split("/")
    .reduce<unknown>((at, part) => (at as Record<string, unknown>)[part.replaceAll("~1", "/").replaceAll("~0", "~")], document);
}

/** Any of Unicode; fast-check's own unit of that kind takes seconds to set up. */
const CHARACTERS = fc
  .oneof(fc.integer({ min: 0, max: 0xff }), fc.integer({ min: 0, max: 0x10_ffff }))
  .filter((code) => code < 0xd800 || code > 0xdfff)
  .map((code) => String.fromCodePoint(code));

/** Text of every kind: plain, with any character of Unicode, and with what JSON and SQL write in their own ways. */
export function texts(minLength = 0, maxLength = 24): fc.Arbitrary<string> {
  const lengths = { minLength, maxLength: Math.max(minLength, Math.min(maxLength, 24)) };
  return fc.oneof(
    { weight: 4, arbitrary: fc.string({ ...lengths, unit: "grapheme-ascii" }) },
    { weight: 2, arbitrary: fc.string({ ...lengths, unit: CHARACTERS }) },
    { weight: 1, arbitrary: fc.constantFrom("\0", "'", '"', "%", "\\", "\u2028", "$1", "null").filter((text) => text.length >= minLength) },
  );
}

/** Values that the schema allows. */
export function conforming(schema: Schema, document: unknown): fc.Arbitrary<unknown> {
  const {
    $ref,
    const: only,
    enum: words,
    anyOf,
    oneOf,
    type,
  } = schema as {
    $ref?: string;
    const?: unknown;
    enum?: readonly unknown[];
    anyOf?: readonly Schema[];
    oneOf?: readonly Schema[];
    type?: string;
  };
  if ($ref !== undefined) return conforming(resolvePointer(document, $ref) as Schema, document);
  if ("const" in schema) return fc.constant(only);
  if (words !== undefined) return fc.constantFrom(...words);
  const choices = anyOf ?? oneOf;
  if (choices !== undefined) return fc.oneof(...choices.map((choice) => conforming(choice, document)));
  switch (type) {
    case "string":
      return strings(schema);
    case "integer":
    case "number":
      return numbers(schema, type);
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    case "array": {
      const { items = {}, minItems = 0, maxItems = 4 } = schema as { items?: Schema; minItems?: number; maxItems?: number };
      return fc.array(conforming(items, document), { minLength: minItems, maxLength: Math.min(maxItems, minItems + 3) });
    }
    case "object":
      return objects(schema, document);
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

function strings(schema: Schema): fc.Arbitrary<string> {
  const {
    pattern,
    format,
    minLength = 0,
    maxLength = 24,
  } = schema as {
    pattern?: string;
    format?: string;
    minLength?: number;
    maxLength?: number;
  };
  if (format === "date-time") return dateTimes();
  if (pattern === undefined) return texts(minLength, maxLength);
  return fc
    .stringMatching(new RegExp(pattern))
    .filter((text) => text.length >= minLength && (schema["maxLength"] === undefined || text.length <= maxLength));
}

/** As RFC 3339 writes them: any year of four digits, any offset, small letters, leap seconds, fractions of any length. */
function dateTimes(): fc.Arbitrary<string> {
  const plain = fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }).map((date) => date.toISOString());
  const two = (max: number) => fc.integer({ min: 0, max }).map((value) => String(value).padStart(2, "0"));
  const offset = fc.oneof(
    fc.constantFrom("Z", "z", "+23:59", "-23:59"),
    fc.tuple(fc.constantFrom("+", "-"), two(23), two(59)).map(([sign, hours, minutes]) => `${sign}${hours}:${minutes}`),
  );
  const date = fc
    .date({ noInvalidDate: true, min: new Date("0000-01-01T00:00:00Z"), max: new Date("9999-12-31T23:59:59Z") })
    .map((at) => at.toISOString().slice(0, 19));
  const extreme = fc.constantFrom("0000-01-01T00:00:00", "0001-01-01T00:00:00", "9999-12-31T23:59:59", "2024-02-29t12:00:00");
  const fraction = fc.oneof(fc.constant(""), fc.stringMatching(/^\.[0-9]{1,20}$/));
  return fc.oneof(
    { weight: 2, arbitrary: plain },
    { weight: 1, arbitrary: fc.constant("2016-12-31T23:59:60Z") },
    { weight: 3, arbitrary: fc.tuple(fc.oneof(date, extreme), fraction, offset).map((parts) => parts.join("")) },
  );
}

function numbers(schema: Schema, type: "integer" | "number"): fc.Arbitrary<number> {
  const { minimum = -(2 ** 40), maximum = Number.MAX_SAFE_INTEGER } = schema as { minimum?: number; maximum?: number };
  if (type === "number") return fc.double({ min: minimum, max: maximum, noNaN: true });
  return fc.oneof(fc.integer({ min: minimum, max: maximum }), fc.constantFrom(minimum, maximum));
}

function objects(schema: Schema, document: unknown): fc.Arbitrary<Record<string, unknown>> {
  const {
    properties = {},
    required = [],
    patternProperties = {},
  } = schema as {
    properties?: Readonly<Record<string, Schema>>;
    required?: readonly string[];
    patternProperties?: Readonly<Record<string, Schema>>;
  };
  const named = fc.record(
    Object.fromEntries(Object.entries(properties).map(([name, property]) => [name, conforming(property, document)])),
    { requiredKeys: required.filter((name) => name in properties), noNullPrototype: true },
  );
  const free = Object.entries(patternProperties).map(([pattern, value]) =>
    fc.dictionary(fc.stringMatching(new RegExp(pattern)), conforming(value, document), { maxKeys: 3, noNullPrototype: true }),
  );
  return fc.tuple(named, ...free).map((parts) => Object.assign({}, ...parts) as Record<string, unknown>);
}

/** A value that conforms, with one place of it changed: most often it conforms no more. */
export function changed(schema: Schema, document: unknown): fc.Arbitrary<unknown> {
  const other = fc.oneof(fc.jsonValue({ maxDepth: 1 }), texts(), fc.constantFrom(-1, 0.5, 1e300, 2 ** 53, "", null, [], {}));
  return fc.tuple(conforming(schema, document), fc.nat(), fc.constantFrom("replace", "drop", "add"), other).map(([value, at, how, by]) => {
    const places = placesOf(value);
    const place = places[at % places.length] as readonly string[];
    return changeAt(value, place, how, by);
  });
}

/** Paths to everything in a value, the value itself first. */
function placesOf(value: unknown, at: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [at];
  return [at, ...Object.entries(value).flatMap(([name, item]) => placesOf(item, [...at, name]))];
}

function changeAt(value: unknown, place: readonly string[], how: string, by: unknown): unknown {
  const [name, ...rest] = place;
  if (name === undefined) {
    if (how === "add" && typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value, unheardOf: by };
    return by;
  }
  const copy: Record<string, unknown> | unknown[] = Array.isArray(value) ? [...(value as unknown[])] : { ...(value as object) };
  const fields = copy as Record<string, unknown>;
  if (rest.length === 0 && how === "drop" && !Array.isArray(copy)) delete fields[name];
  else fields[name] = changeAt(fields[name], rest, how, by);
  return copy;
}
