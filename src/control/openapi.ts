/**
 * The OpenAPI 3.1 document, made from what the routes declare.
 *
 * Schemas are written once, in `schemas/`; one that carries an `$id` becomes a component, wherever it is used.
 */
import type { RouteOptions } from "fastify";
import { pathTemplate } from "./api-calls.ts";
import type { Scope } from "./domain/scopes.ts";
import { ApiError } from "./errors/api-error.ts";
import { ERROR_CODES, ERROR_TABLE, type ErrorCode } from "./errors/error-codes.ts";
import { problemOf } from "./errors/problem.ts";
import { ConsoleClientMessage, ConsoleServerMessage } from "./schemas/console.ts";
import { EXAMPLES, MEDIA_EXAMPLES } from "./schemas/examples.ts";
import { Problem } from "./schemas/problem.ts";
import { SERVICE_VERSION } from "./version.ts";

declare module "fastify" {
  interface FastifySchema {
    operationId?: string;
    summary?: string;
    description?: string;
    tags?: readonly string[];
    /** Codes that this route may answer with, besides those that every route may. */
    errors?: readonly ErrorCode[];
    /** Media type of the successful answer where it is not JSON, with its description. */
    otherMedia?: Readonly<Record<string, string>>;
    /** Media types of the body where it is not JSON alone. */
    bodyMedia?: readonly string[];
    /** Media types of a body that is read as a stream, with what it is. */
    streamedBody?: Readonly<Record<string, string>>;
    /** Headers of the successful answer. */
    answerHeaders?: Readonly<Record<string, string>>;
    /** What the caller's token must be allowed; null: any token will do. */
    scope?: Scope | null;
    /** False: the route takes no token. */
    authenticated?: boolean;
    /** An upgrade may show a console ticket in the place of a token. */
    takesTicket?: boolean;
  }
}

type Json = Record<string, unknown>;

/** Every route may answer with these. */
const COMMON_ERRORS: readonly ErrorCode[] = ["bad_request", "internal_error", "shutting_down"];
const AUTHENTICATED_ERRORS: readonly ErrorCode[] = ["unauthenticated", "token_expired", "rate_limited", "arbiter_unavailable"];

const SCOPED_ERRORS: readonly ErrorCode[] = ["scope_missing"];
const INPUT_ERRORS: readonly ErrorCode[] = ["validation_failed"];
/** A body that is sent where none is wanted is read, too. */
const BODY_ERRORS: readonly ErrorCode[] = ["malformed_json", "payload_too_large", "unsupported_media_type"];

export function describeRoutes(routes: readonly RouteOptions[]): Json {
  const components = new Components();
  components.add(Problem);
  components.add(ConsoleServerMessage);
  components.add(ConsoleClientMessage);
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    if (route.schema?.operationId === undefined) continue;
    const path = pathTemplate(route.url);
    const methods = Array.isArray(route.method) ? route.method : [route.method];
    for (const method of methods) {
      if (method === "HEAD") continue;
      paths[path] = { ...paths[path], [method.toLowerCase()]: describeRoute(route, method, components) };
    }
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Understudy",
      version: SERVICE_VERSION,
      description:
        "Fault-tolerant virtual machines: a guest that goes on at the same instruction when its worker dies.\n\n" +
        "Answers to calls with a token have the headers `RateLimit-Policy` and `RateLimit` (IETF draft), by `token` and, for what changes a VM, by " +
        "`vm_verb`; a call that is too much is refused as 429 `rate_limited` with `Retry-After`. `Request-Id` is given back, or made; " +
        "`traceparent` is taken up.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    security: [{ bearer: [] }],
    paths: Object.fromEntries(Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1))),
    components: {
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer" },
        ticket: { type: "apiKey", in: "query", name: "ticket", description: "Of `POST /v1/vms/{vm}/console/tickets`; good once" },
      },
      examples: {
        ...Object.fromEntries(Object.entries(EXAMPLES).map(([name, value]) => [name, { value }])),
        ...Object.fromEntries(ERROR_CODES.map((code) => [code, problemExample(code)])),
      },
      schemas: components.sorted(),
    },
  };
}

/** The text of the committed document. */
export function openApiText(document: Json): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}

function describeRoute(route: RouteOptions, method: string, components: Components): Json {
  const schema = route.schema ?? {};
  const authenticated = schema.authenticated !== false;
  const codes = [
    ...COMMON_ERRORS,
    ...(authenticated ? AUTHENTICATED_ERRORS : []),
    ...(schema.scope == null ? [] : SCOPED_ERRORS),
    ...([schema.params, schema.querystring, schema.headers, schema.body].some((part) => part !== undefined) ? INPUT_ERRORS : []),
    ...(method === "GET" ? [] : BODY_ERRORS),
    ...(schema.errors ?? []),
  ];
  const parameters = [
    ...parametersOf("path", schema.params, components),
    ...parametersOf("query", schema.querystring, components),
    ...parametersOf("header", schema.headers, components),
  ];
  return {
    operationId: schema.operationId,
    summary: schema.summary,
    ...(schema.description === undefined ? {} : { description: schema.description }),
    tags: schema.tags ?? [],
    ...(authenticated ? (schema.scope == null ? {} : { security: securityOf(schema.scope, schema.takesTicket) }) : { security: [] }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(schema.body === undefined ? {} : { requestBody: requestBody(schema, components) }),
    responses: { ...successes(schema, components), ...failures(codes, components) },
  };
}

function securityOf(scope: Scope, takesTicket = false): readonly Json[] {
  return takesTicket ? [{ bearer: [scope] }, { ticket: [] }] : [{ bearer: [scope] }];
}

function requestBody(schema: NonNullable<RouteOptions["schema"]>, components: Components): Json {
  const media = schema.bodyMedia ?? ["application/json"];
  const { default: nothing } = schema.body as { readonly default?: unknown };
  const read = bodySchema(schema.body);
  const content = { schema: components.reference(read), ...exampleOf(read) };
  const streamed = Object.entries(schema.streamedBody ?? {}).map(([name, description]) => [name, textContent(name, description)]);
  return { required: nothing === undefined, content: Object.fromEntries([...media.map((name) => [name, content]), ...streamed]) };
}

/** Of a route that takes a stream as well, fastify wants to know that JSON alone is to be checked. */
function bodySchema(body: unknown): unknown {
  const { content } = body as { readonly content?: Readonly<Record<string, { readonly schema: unknown }>> };
  return content?.["application/json"]?.schema ?? body;
}

/** Of what is no JSON. */
function textContent(media: string, description: string): Json {
  const example = MEDIA_EXAMPLES[media];
  return { schema: { type: "string", description }, ...(example === undefined ? {} : { example }) };
}

function exampleOf(schema: unknown): { readonly example?: unknown; readonly examples?: Json } {
  const { $id = "", examples = [] } = schema as { readonly $id?: string; readonly examples?: readonly unknown[] };
  if (Object.hasOwn(EXAMPLES, $id)) return { examples: { [$id]: { $ref: `#/components/examples/${$id}` } } };
  return examples.length === 0 ? {} : { example: examples[0] };
}

function problemExample(code: ErrorCode): Json {
  const { title } = ERROR_TABLE[code];
  return {
    summary: title,
    value: problemOf(new ApiError(code, `Cannot serve the request: ${title}`), "/v1/…", "req_01KJM6Z1Y0A1B2C3D4E5F6G7H8"),
  };
}

function successes(schema: NonNullable<RouteOptions["schema"]>, components: Components): Json {
  const answers: Json = {};
  for (const [status, answer] of Object.entries((schema.response ?? {}) as Json)) {
    const content: Json = {};
    // Text alone is no JSON.
    if (status !== "101" && !isEmpty(answer) && (answer as { type?: string }).type !== "string")
      content["application/json"] = { schema: components.reference(answer), ...exampleOf(answer) };
    for (const [media, description] of Object.entries(isEmpty(answer) ? {} : (schema.otherMedia ?? {})))
      content[media] = textContent(media, description);
    const headers = Object.entries(schema.answerHeaders ?? {}).map(([name, description]) => [
      name,
      { description, schema: { type: "string" } },
    ]);
    answers[status] = {
      description: (answer as { description?: string }).description ?? "Done",
      ...(headers.length === 0 ? {} : { headers: Object.fromEntries(headers) }),
      ...(Object.keys(content).length === 0 ? {} : { content }),
    };
  }
  return answers;
}

/** An answer that has no body. */
function isEmpty(answer: unknown): boolean {
  return (answer as { readonly type?: string }).type === "null";
}

function failures(codes: readonly ErrorCode[], components: Components): Json {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of new Set(codes)) {
    const { status } = ERROR_TABLE[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const answers: Json = {};
  for (const [status, list] of [...byStatus].sort(([a], [b]) => a - b)) {
    answers[String(status)] = {
      description: list.map((code) => `\`${code}\`: ${ERROR_TABLE[code].title}`).join(". "),
      content: {
        "application/problem+json": {
          schema: { allOf: [components.reference(Problem), { type: "object", properties: { code: { type: "string", enum: list } } }] },
          examples: Object.fromEntries(list.map((code) => [code, { $ref: `#/components/examples/${code}` }])),
        },
      },
    };
  }
  return answers;
}

function parametersOf(where: "path" | "query" | "header", schema: unknown, components: Components): Json[] {
  const { properties = {}, required = [] } = (schema ?? {}) as { properties?: Record<string, Json>; required?: readonly string[] };
  return Object.entries(properties).map(([name, property]) => {
    const { description, ...rest } = components.reference(property) as Json;
    return {
      name,
      in: where,
      required: where === "path" || required.includes(name),
      ...(description === undefined ? {} : { description }),
      schema: rest,
    };
  });
}

class Components {
  private readonly schemas = new Map<string, Json>();

  add(schema: unknown): void {
    this.reference(schema);
  }

  /** @returns a copy in which every schema with an `$id` is a reference to its component */
  reference(schema: unknown): unknown {
    if (Array.isArray(schema)) return schema.map((item) => this.reference(item));
    if (typeof schema !== "object" || schema === null) return schema;
    const { $id, ...rest } = schema as Json;
    if (typeof $id !== "string") return this.plain(rest);
    if (!this.schemas.has($id)) {
      this.schemas.set($id, {});
      this.schemas.set($id, this.plain(rest));
    }
    return { $ref: `#/components/schemas/${$id}` };
  }

  sorted(): Json {
    return Object.fromEntries([...this.schemas].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  private plain(schema: Json): Json {
    const out: Json = {};
    for (const [name, value] of Object.entries(schema)) {
      if (!name.startsWith("~")) out[name] = this.reference(value);
    }
    return out;
  }
}
