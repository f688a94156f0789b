/** The typed openapi-fetch client over our transport, and what turns its answers into values or typed errors. */
import createClient from "openapi-fetch";
import { errorFromAnswer, ProtocolError } from "./errors.ts";
import type { components, paths } from "./generated.ts";
import type { Transport } from "./transport.ts";

export type Schemas = components["schemas"];
export type RawClient = ReturnType<typeof createRawClient>;

export function createRawClient(transport: Transport) {
  return createClient<paths>({ baseUrl: transport.url, fetch: (request) => transport.send(request) });
}

interface Answer<T> {
  readonly data?: T;
  readonly error?: unknown;
  readonly response: Response;
}

/** Of a call that sets an operation going; the other answer is that of a dry run, which was not asked for. */
export function unwrapOperation(answer: Answer<Schemas["Operation"] | Schemas["Vm"] | Schemas["Worker"]>): Schemas["Operation"] {
  const value = unwrap(answer);
  if ("kind" in value) return value;
  throw new ProtocolError("Cannot follow the operation: the answer is that of a dry run");
}

/** @throws {ClientError} the class of the problem's code */
export function unwrap<T>(answer: Answer<T>): T {
  const { data, error, response } = answer;
  if (response.ok && data !== undefined) return data;
  const body = typeof error === "string" ? error : JSON.stringify(error ?? null);
  throw errorFromAnswer(response.url === "" ? "the API" : response.url, response.status, body, response.headers.get("request-id"));
}

/**
 * What the service says, with its words open: `"running" | … | (string & {})`. A new word in an answer is no breaking change of the
 * contract, so who knows every word of today has to have a default. What callers send is one of the words.
 */
export type Opened<T> = T extends string
  ? string extends T
    ? T
    : T | (string & {})
  : T extends readonly (infer Item)[]
    ? readonly Opened<Item>[]
    : T extends object
      ? { readonly [Name in keyof T]: Opened<T[Name]> }
      : T;
