/**
 * The committed OpenAPI document as tests use it: its operations, validators of its schemas, and a judge of answers.
 *
 * Nothing here knows a route. Of each answer it is asked whether the document declares it: status, media type, schema, and of an error its
 * code.
 */
import { readFileSync } from "node:fs";
import Ajv, { type ValidateFunction } from "ajv/dist/2020.js";
import { expect } from "vitest";
import type { ErrorCode } from "../../../src/control/errors/error-codes.ts";
import { type ControlUnderTest, TOKEN } from "./control-under-test.ts";
import { resolvePointer, type Schema } from "./schema-inputs.ts";

/** Situations that this test does not make: an answer that tells of one is wrong here, though every operation declares it. */
const NOT_HERE: readonly string[] = [
  "internal_error",
  "shutting_down",
  "arbiter_unavailable",
  "image_store_error",
  "unauthenticated",
  "token_expired",
] satisfies readonly ErrorCode[];

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required: boolean;
  readonly schema: Schema;
}

export interface Content {
  readonly schema?: Schema;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, Example>>;
}

interface Example {
  readonly $ref?: string;
  readonly value?: unknown;
}

export interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly required: boolean; readonly content: Readonly<Record<string, Content>> };
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, Content>> }>>;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly examples: Readonly<Record<string, Example>>;
    readonly securitySchemes: Readonly<Record<string, { readonly in?: string; readonly name?: string }>>;
  };
}

export interface Input {
  readonly path: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer<ArrayBuffer> | undefined;
  /** False: by the document this is no request of the operation. */
  readonly allowed: boolean;
}

export const document = JSON.parse(readFileSync(new URL("../../../openapi/control-plane.json", import.meta.url), "utf8")) as Document;
export const ajv = new Ajv({ strict: false, formats: { "date-time": /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/ } });
ajv.addSchema(document, "contract");
const validators = new Map<string, ValidateFunction>();

/** @param place names from the document's root to a schema */
export function validator(...place: string[]): ValidateFunction {
  const pointer = place.map((part) => encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1"))).join("/");
  const validate = validators.get(pointer) ?? ajv.compile({ $ref: `contract#/${pointer}` });
  validators.set(pointer, validate);
  return validate;
}

export interface Walked {
  readonly path: string;
  readonly method: string;
  readonly operation: Operation;
}

/** Reads first, deletions last: what is asked about shall be there as long as it may. */
const ORDER = ["get", "post", "put", "patch", "delete"];
export const OPERATIONS: readonly Walked[] = Object.entries(document.paths)
  .flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => ({ path, method, operation })))
  .sort((a, b) => ORDER.indexOf(a.method) - ORDER.indexOf(b.method));
/** Parameters that say who is calling: a token says it here. */
export const CREDENTIALS = Object.values(document.components.securitySchemes).flatMap(({ name }) => (name === undefined ? [] : [name]));
export const JSON_MEDIA = /^application\/(?:[\w.-]+\+)?json$/;

/** The values of its examples. */
export function shownBy({ example, examples = {} }: Content): readonly unknown[] {
  const named = Object.values(examples).map((each) => (each.$ref === undefined ? each : (resolvePointer(document, each.$ref) as Example)));
  return [...(example === undefined ? [] : [example]), ...named.map(({ value }) => value)];
}

export function codesOf(content: Content | undefined): readonly string[] {
  return Object.keys(content?.examples ?? {});
}

export function filled(path: string, values: Readonly<Record<string, string>>): string {
  return path.replaceAll(/\{(.+?)\}/g, (_all, name: string) => encodeURIComponent(values[name] ?? ""));
}

export async function judge({ path, method, operation }: Walked, input: Input, response: Response): Promise<void> {
  const { status, headers } = response;
  const media = headers.get("content-type")?.split(";")[0] ?? "";
  const text = media === "text/event-stream" ? await firstOf(response) : await response.text();
  const told = `${operation.operationId} ${JSON.stringify(input)}: ${status} ${media} ${text.slice(0, 600)}`;
  const declared = operation.responses[String(status)];
  expect(declared, `${told}\nThe document has no answer ${status}`).toBeDefined();
  expect(headers.get("request-id"), told).toMatch(/./);
  const content = declared?.content?.[media];
  if (text !== "" || declared?.content !== undefined) expect(content, `${told}\nThe document has no ${media}`).toBeDefined();
  if (JSON_MEDIA.test(media)) {
    const validate = validator("paths", path, method, "responses", String(status), "content", media, "schema");
    expect(validate(JSON.parse(text)), `${told}\n${ajv.errorsText(validate.errors)}`).toBe(true);
  }
  if (media === "application/problem+json") {
    const problem = JSON.parse(text) as { code: string; status: number; detail: string; requestId: string };
    expect(problem.status, told).toBe(status);
    expect(codesOf(content), `${told}\nThe document does not declare ${problem.code}`).toContain(problem.code);
    expect(NOT_HERE, told).not.toContain(problem.code);
    expect(problem.detail, told).toMatch(/^Cannot /);
    expect(problem.requestId, told).toBe(headers.get("request-id"));
  } else {
    expect(status, told).toBeLessThan(400);
    served.add(operation.operationId);
    expect(input.allowed, `${told}\nThe document does not allow this request, and it was served`).toBe(true);
  }
}

/** Operations that were answered with success. */
export const served = new Set<string>();

/** The first event of a stream, which is left then. */
async function firstOf(response: Response): Promise<string> {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  let text = "";
  while (!text.includes("\n\n")) {
    const { value, done } = await reader.read();
    if (done) break;
    text += Buffer.from(value).toString();
  }
  await reader.cancel();
  expect(text).toMatch(/^id: \d+\nevent: [\w.]+\ndata: \{.*\}\n\n/);
  return text;
}

export function ask(
  control: ControlUnderTest,
  { path, method }: Walked,
  { path: values, query, headers, body }: Omit<Input, "allowed">,
): Promise<Response> {
  return fetch(`${control.url}${filled(path, values)}${searchOf(query)}`, {
    method: method.toUpperCase(),
    headers: { authorization: `Bearer ${TOKEN}`, ...headers },
    ...(body === undefined ? {} : { body }),
    redirect: "error",
  });
}

export function searchOf(query: Input["query"]): string {
  return Object.keys(query).length === 0 ? "" : `?${new URLSearchParams(query)}`;
}
