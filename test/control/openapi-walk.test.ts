/**
 * Walks every operation of the committed OpenAPI document against a running control plane, with inputs made from its schemas.
 *
 * The walk knows no route: what goes into a path is read from the lists that the service itself gives, bodies and parameters
 * come from the schemas and the examples. Of each answer it is asked whether the document declares it: status, media type, schema,
 * and of an error its code. What the document does not allow must be refused, and nothing may be an error of ours. Each operation is
 * to be served at least once: those whose success needs a state of its own are asked again once `served-operations.ts` has made that.
 *
 * Runs a seed that is fixed; `UNDERSTUDY_WALK_SEED` and `UNDERSTUDY_WALK_RUNS` (inputs for each operation) take others.
 */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import {
  ajv,
  ask,
  type Content,
  CREDENTIALS,
  codesOf,
  document,
  filled,
  type Input,
  JSON_MEDIA,
  judge,
  OPERATIONS,
  type Operation,
  type Parameter,
  searchOf,
  served,
  shownBy,
  validator,
  type Walked,
} from "./support/contract-document.ts";
import { ControlUnderTest, TOKEN } from "./support/control-under-test.ts";
import { changed, conforming, resolvePointer, type Schema, texts } from "./support/schema-inputs.ts";
import { prepared } from "./support/served-operations.ts";

const SEED = Number(process.env["UNDERSTUDY_WALK_SEED"] ?? 20_261_128);
const RUNS = Number(process.env["UNDERSTUDY_WALK_RUNS"] ?? 24);

describe("every operation of the document", () => {
  test("has an id of its own, a summary and its codes", () => {
    expect(OPERATIONS.length).toBeGreaterThan(30);
    expect(new Set(OPERATIONS.map(({ operation }) => operation.operationId)).size).toBe(OPERATIONS.length);
    for (const { operation } of OPERATIONS) {
      expect(operation.summary, operation.operationId).toMatch(/\w{3}/);
      const refusals = Object.entries(operation.responses).filter(([, { content }]) => content?.["application/problem+json"] !== undefined);
      expect(
        refusals.map(([status]) => status),
        operation.operationId,
      ).toEqual(expect.arrayContaining(["400", "500", "503"]));
      for (const [status, { content }] of refusals) {
        const codes = codesOf(content?.["application/problem+json"]);
        expect(codes.length, `${operation.operationId} ${status}`).toBeGreaterThan(0);
        for (const code of codes) {
          const example = document.components.examples[code]?.value as { code: string; status: number };
          expect([example.code, String(example.status)], `${operation.operationId} ${status}`).toEqual([code, status]);
        }
      }
    }
  });

  test("has examples, of what it takes and of what it answers, that are as its schemas say", () => {
    const wrong: string[] = [];
    for (const { path, method, operation } of OPERATIONS) {
      const places: [Content, string[]][] = [];
      for (const [media, content] of Object.entries(operation.requestBody?.content ?? {}))
        places.push([content, ["paths", path, method, "requestBody", "content", media]]);
      for (const [status, { content = {} }] of Object.entries(operation.responses))
        for (const [media, described] of Object.entries(content))
          if (media !== "application/problem+json")
            places.push([described, ["paths", path, method, "responses", status, "content", media]]);
      for (const [content, place] of places) {
        const validate = validator(...place, "schema");
        const shown = shownBy(content);
        if (shown.length === 0) wrong.push(`${place.join(" ")}: no example`);
        for (const value of shown) if (!validate(value)) wrong.push(`${place.join(" ")}: ${ajv.errorsText(validate.errors)}`);
      }
      for (const { name, in: where, required, schema } of operation.parameters ?? [])
        if (required && where === "path" && !Array.isArray(schema["examples"])) wrong.push(`${operation.operationId} ${name}: no examples`);
    }
    expect(wrong).toEqual([]);
  });
});

describe("a running control plane", () => {
  let control: ControlUnderTest;
  let ownToken = "";

  beforeAll(async () => {
    control = await ControlUnderTest.start({ workers: ["one", "two", "three"] });
    await control.protectedVm("demo");
    await control.createVm("spare", "none");
    await control.waitFor("spare", "running");
    ownToken = (await control.get<{ token: { id: string } }>("/v1/whoami")).body.token.id;
    process.stderr.write(`openapi walk: UNDERSTUDY_WALK_SEED=${SEED} UNDERSTUDY_WALK_RUNS=${RUNS}\n`);
    return () => control.close();
  });

  test.each(OPERATIONS.map((walked) => [walked.operation.operationId, walked] as const))(
    "keeps to the document: %s",
    async (_id, walked) => {
      const known = await knownPaths(walked.path);
      await fc.assert(
        fc.asyncProperty(inputs(walked, known), async (input) => {
          await judge(walked, input, await ask(control, walked, input));
          if (walked.operation.responses["101"] !== undefined) await judgeUpgrade(walked, input);
        }),
        { seed: SEED, numRuns: RUNS, endOnFailure: true },
      );
    },
  );

  test("leaves nothing of what callers send to the database to refuse", () => {
    expect(control.log.filter(({ msg }) => String(msg).includes("the database refused a value"))).toEqual([]);
  });

  /** Values for the path's parameters: of each list on the way, the ids and names of what is in it. */
  async function knownPaths(path: string): Promise<readonly Readonly<Record<string, string>>[]> {
    let found: Readonly<Record<string, string>>[] = [{}];
    const parts = path.split("/");
    for (const [index, part] of parts.entries()) {
      const name = /^\{(.+)\}$/.exec(part)?.[1];
      if (name === undefined) continue;
      const list = parts.slice(0, index).join("/");
      if (document.paths[list]?.["get"] === undefined) return [];
      const deeper: Readonly<Record<string, string>>[] = [];
      for (const values of found.slice(0, 4)) {
        const { body } = await control.get<{ items?: readonly { id?: string; name?: string | null }[] }>(filled(list, values));
        for (const { id, name: called } of (body.items ?? []).slice(0, 12))
          for (const value of [id, called]) if (typeof value === "string" && value !== ownToken) deeper.push({ ...values, [name]: value });
      }
      found = deeper;
    }
    return found.filter((values) => Object.keys(values).length > 0);
  }

  /** The operation's WebSocket: refused with a problem as every answer is, or a first message of the contract. */
  async function judgeUpgrade(walked: Walked, { path, query, headers, allowed }: Input): Promise<void> {
    const socket = new WebSocket(
      `${control.url.replace("http", "ws")}${filled(walked.path, path)}${searchOf(query)}`,
      ["understudy.console.v1"],
      {
        headers: { authorization: `Bearer ${TOKEN}`, ...headers },
      },
    );
    const outcome = await new Promise<Response | string>((resolve) => {
      socket.on("error", () => undefined);
      socket.on("unexpected-response", (_request, response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => {
          const answered = response.headers as Record<string, string>;
          resolve(new Response(Buffer.concat(chunks), { status: response.statusCode ?? 0, headers: answered }));
        });
      });
      socket.once("message", (data: Buffer) => resolve(data.toString()));
      socket.once("close", (code, reason) => resolve(`closed ${code} ${reason.toString()}`));
    });
    socket.terminate();
    if (typeof outcome !== "string") return judge(walked, { path, query, headers, body: undefined, allowed }, outcome);
    expect(allowed, `${walked.operation.operationId} ${JSON.stringify(query)}: it was upgraded`).toBe(true);
    const validate = validator("components", "schemas", "ConsoleServerMessage");
    expect(validate(JSON.parse(outcome)), `${outcome}: ${ajv.errorsText(validate.errors)}`).toBe(true);
    served.add(walked.operation.operationId);
  }
});

describe("a control plane in the state that an operation needs", () => {
  let control: ControlUnderTest;
  const operations = prepared(() => control);

  beforeAll(async () => {
    control = await ControlUnderTest.start({ workers: ["one", "two", "three"] });
    await control.protectedVm("demo");
    return () => control.close();
  });

  test.each(Object.entries(operations))("serves it: %s", async (id, prepare) => {
    const walked = OPERATIONS.find(({ operation }) => operation.operationId === id) as Walked;
    const input = await prepare();
    const answer = await ask(control, walked, input);
    expect(answer.status, await answer.clone().text()).toBeLessThan(300);
    await judge(walked, { ...input, allowed: true }, answer);
  });

  test("is one of those, or was served by the walk", () => {
    const all = OPERATIONS.map(({ operation }) => operation.operationId);
    expect(all.filter((id) => !served.has(id))).toEqual([]);
  });
});

/** What an input is made of, piece by piece, each with whether the document allows it. */
interface Piece<T> {
  readonly value: T;
  readonly allowed: boolean;
}

function inputs(walked: Walked, known: readonly Readonly<Record<string, string>>[]): fc.Arbitrary<Input> {
  const { parameters = [] } = walked.operation;
  const of = (where: string) => parameters.filter((parameter) => parameter.in === where && !CREDENTIALS.includes(parameter.name));
  return fc
    .record({
      path: pathPiece(of("path"), known),
      query: parametersPiece(of("query")),
      headers: parametersPiece(of("header")),
      body: bodyPiece(walked),
      accept: fc.constantFrom(...acceptable(walked.operation)),
    })
    .map(({ path, query, headers, body, accept }) => ({
      path: path.value,
      query: query.value,
      headers: { accept, ...headers.value, ...(body.value === null ? {} : { "content-type": body.value.media }) },
      body: body.value?.text,
      allowed: path.allowed && query.allowed && headers.allowed && body.allowed,
    }));
}

function acceptable({ responses }: Operation): string[] {
  const medias = Object.entries(responses).flatMap(([status, { content = {} }]) => (Number(status) < 400 ? Object.keys(content) : []));
  return medias.length === 0 ? ["*/*"] : [...new Set(medias)];
}

type Values = Readonly<Record<string, string>>;

/** Mostly what is there; else what looks like it. */
function pathPiece(parameters: readonly Parameter[], known: readonly Values[]): fc.Arbitrary<Piece<Values>> {
  const strange = fc
    .record(
      Object.fromEntries(
        parameters.map(({ name, schema }) => [
          name,
          // A path is cut and folded before it is sent: these two would be another path.
          (conforming(schema, document) as fc.Arbitrary<string>).filter((text) => text !== "" && text !== "." && text !== ".."),
        ]),
      ),
    )
    .map((value) => ({ value, allowed: true }));
  if (parameters.length === 0) return strange;
  const long = fc.nat(1000).map((more) => ({
    value: Object.fromEntries(parameters.map(({ name, schema }) => [name, "x".repeat(Number(schema["maxLength"] ?? 80) + 1 + more)])),
    allowed: false,
  }));
  return fc.oneof(
    { weight: 2, arbitrary: strange },
    { weight: 1, arbitrary: long },
    ...(known.length === 0 ? [] : [{ weight: 9, arbitrary: fc.constantFrom(...known).map((value) => ({ value, allowed: true })) }]),
  );
}

/** Seconds that a call may take: as few as are allowed, this is no test of patience. */
const DURATIONS = ["wait", "timeout"];

const PAGE_TOKEN = "pageToken";

/** Made like a page token of the service's, by somebody else: in base64url and JSON, with a time at the edge of what there is. */
const forgedTokens = fc
  .tuple(
    fc.constantFrom<string[]>([], ["createdAt"]),
    fc.constantFrom("0000-01-01 00:00:00+00", "0001-01-01 00:00:00+15:59", "9999-12-31 23:59:59-15:59"),
    fc.constantFrom("vm_1", "op_1"),
  )
  .map(([order, time, id]) => Buffer.from(JSON.stringify([...order, time, id])).toString("base64url"));

function parametersPiece(parameters: readonly Parameter[]): fc.Arbitrary<Piece<Values>> {
  const one = ({ name, in: where, required, schema }: Parameter): fc.Arbitrary<Piece<string | null>> => {
    const fits = where === "header" ? isHeader : () => true;
    const shortest = String(resolved(schema)["minimum"] ?? 0);
    const right = fc
      .oneof(
        DURATIONS.includes(name) ? fc.constant(shortest) : conforming(schema, document),
        ...(name === PAGE_TOKEN ? [forgedTokens] : []),
      )
      .map((value) => String(value))
      .filter(fits)
      .map((value) => ({ value, allowed: true }));
    const strange = texts()
      .filter((value) => fits(value) && !isReadAs(value, schema))
      .map((value) => ({ value, allowed: false }));
    // Left out, a duration is what the service thinks patient.
    const absent = fc.constant(DURATIONS.includes(name) ? { value: shortest, allowed: true } : { value: null, allowed: !required });
    const mayBeStrange = resolved(schema)["type"] !== "string" || resolved(schema)["pattern"] !== undefined || resolved(schema)["enum"];
    return fc.oneof(
      { weight: required ? 8 : 3, arbitrary: right },
      { weight: required ? 1 : 4, arbitrary: absent },
      ...(mayBeStrange ? [{ weight: 1, arbitrary: strange }] : []),
    );
  };
  return fc.tuple(...parameters.map(one)).map((pieces) => ({
    value: Object.fromEntries(
      pieces.flatMap(({ value }, index) => (value === null ? [] : [[(parameters[index] as Parameter).name, value] as const])),
    ),
    allowed: pieces.every(({ allowed }) => allowed),
  }));
}

function resolved(schema: Schema): Schema {
  return typeof schema["$ref"] === "string" ? resolved(resolvePointer(document, schema["$ref"]) as Schema) : schema;
}

/** Visible characters and blanks between them: what a header can carry. */
function isHeader(text: string): boolean {
  return /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(text);
}

/** Text that a server may read as the number or truth value that is wanted, or that is the text that is wanted. */
function isReadAs(text: string, schema: Schema): boolean {
  const { type, pattern, enum: words } = resolved(schema) as { type?: string; pattern?: string; enum?: readonly unknown[] };
  if (words !== undefined) return words.includes(text);
  if (type === "string") return pattern === undefined || new RegExp(pattern).test(text);
  return text.trim() === "" || !Number.isNaN(Number(text)) || /^(true|false|null|undefined|yes|no|on|off)$/i.test(text.trim());
}

interface Body {
  readonly media: string;
  readonly text: string;
}

function bodyPiece({ path, method, operation }: Walked): fc.Arbitrary<Piece<Body | null>> {
  const { requestBody } = operation;
  if (requestBody === undefined) {
    const none = fc.constant({ value: null, allowed: true });
    if (method === "get") return none;
    // Of a body that is not asked for the document says nothing; what is answered must be of it all the same.
    const any = texts(1).map((text) => ({ value: { media: "application/json", text }, allowed: true }));
    return fc.oneof({ weight: 4, arbitrary: none }, { weight: 1, arbitrary: any });
  }
  const medias = Object.entries(requestBody.content).map(([media, content]) => {
    const { schema = {} } = content;
    if (!JSON_MEDIA.test(media)) {
      return texts(0, 24).map((text) => ({ value: { media, text }, allowed: true }));
    }
    const validate = validator("paths", path, method, "requestBody", "content", media, "schema");
    const encode = (value: unknown): Piece<Body> => ({ value: { media, text: JSON.stringify(value) }, allowed: validate(value) });
    return fc.oneof(
      { weight: 2, arbitrary: fc.constantFrom(...shownBy(content)).map(encode) },
      { weight: 3, arbitrary: conforming(schema, document).map(encode) },
      { weight: 3, arbitrary: changed(schema, document).map(encode) },
      { weight: 1, arbitrary: texts(1).map((text) => ({ value: { media, text }, allowed: isJson(text) && validate(JSON.parse(text)) })) },
      { weight: 1, arbitrary: fc.constant({ value: { media: "application/x-other", text: "{}" }, allowed: false }) },
    );
  });
  return fc.oneof(...medias, fc.constant({ value: null, allowed: !requestBody.required }));
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
