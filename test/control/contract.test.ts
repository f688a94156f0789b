/** What is written down twice says the same: OpenAPI and routes, migrations and drizzle schema, answers and their schemas. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import Ajv from "ajv/dist/2020.js";
import { getTableColumns, getTableName, is } from "drizzle-orm";
import { PgTable } from "drizzle-orm/pg-core";
import pg from "pg";
import { beforeAll, describe, expect, test } from "vitest";
import { Database } from "../../src/control/db/database.ts";
import { migrate } from "../../src/control/db/migrate.ts";
import * as schema from "../../src/control/db/schema.ts";
import { declaredOpenApi } from "../../src/control/declared-openapi.ts";
import { ERROR_CODES } from "../../src/control/errors/error-codes.ts";
import { ControlUnderTest } from "./support/control-under-test.ts";
import { MIGRATIONS } from "./support/database.ts";
import { databaseOfTest } from "./support/shared-databases.ts";

let control: ControlUnderTest;
beforeAll(async () => {
  control = await ControlUnderTest.start();
  return () => control.close();
});

interface Document {
  readonly paths: Record<
    string,
    Record<string, { operationId: string; summary: string; responses: Record<string, { content?: Record<string, { schema: unknown }> }> }>
  >;
  readonly components: { readonly schemas: Record<string, { enum?: string[] }> };
}

describe("openapi/control-plane.json", () => {
  const committed = () => readFile(fileURLToPath(new URL("../../openapi/control-plane.json", import.meta.url)), "utf8");

  test("is what the routes declare: run `npx tsx src/control/write-openapi.ts`", async () => {
    expect(await committed()).toBe(await declaredOpenApi());
  });

  test("lists every error code, and none besides", async () => {
    const { components } = JSON.parse(await committed()) as Document;
    expect(components.schemas["ErrorCode"]?.enum).toEqual(ERROR_CODES);
  });

  test("describes what is answered", async () => {
    const document = JSON.parse(await committed()) as Document;
    const ajv = new Ajv({ strict: false, formats: { "date-time": true } });
    ajv.addSchema(document, "contract");
    const check = (path: string, method: string, status: number, body: unknown): void => {
      const media = status >= 400 ? "application/problem+json" : "application/json";
      const pointer = ["paths", path, method, "responses", String(status), "content", media, "schema"].map((part) =>
        encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1")),
      );
      const validate = ajv.compile({ $ref: `contract#/${pointer.join("/")}` });
      expect(validate(body), `${method} ${path} ${status}: ${JSON.stringify(validate.errors)}`).toBe(true);
    };
    await control.join("one");
    await control.join("two");
    const { vm } = await control.protectedVm("demo");
    const calls: readonly [string, string, string, unknown?][] = [
      ["post", "/v1/vms", "/v1/vms", { name: "other", spec: { image: "debian" } }],
      ["get", "/v1/vms", "/v1/vms"],
      ["get", "/v1/vms/{vm}", "/v1/vms/demo"],
      ["patch", "/v1/vms/{vm}", "/v1/vms/demo", { labels: { tier: "web" } }],
      ["patch", "/v1/vms/{vm}", "/v1/vms/demo", { spec: { cmdline: "quiet" } }],
      ["get", "/v1/vms/{vm}/wait", "/v1/vms/demo/wait?for=running"],
      ["post", "/v1/vms/{vm}/failover", "/v1/vms/demo/failover?wait=30", { mode: "test" }],
      ["get", "/v1/vms/{vm}", "/v1/vms/demo"],
      ["get", "/v1/vms/{vm}/failovers", "/v1/vms/demo/failovers"],
      ["get", "/v1/vms/{vm}/replicas", "/v1/vms/demo/replicas"],
      ["get", "/v1/workers", "/v1/workers"],
      ["get", "/v1/workers/{worker}", "/v1/workers/one"],
      ["patch", "/v1/workers/{worker}", "/v1/workers/one", { labels: { rack: "a" } }],
      ["post", "/v1/workers/{worker}/cordon", "/v1/workers/one/cordon"],
      ["post", "/v1/workers/{worker}/uncordon", "/v1/workers/one/uncordon"],
      ["delete", "/v1/workers/{worker}", "/v1/workers/one"],
      ["get", "/v1/images", "/v1/images"],
      ["get", "/v1/events", "/v1/events"],
      ["get", "/v1/vms/{vm}/events", "/v1/vms/demo/events"],
      ["get", "/v1/version", "/v1/version"],
      ["get", "/livez", "/livez"],
      ["get", "/readyz", "/readyz"],
      ["delete", "/v1/vms/{vm}", "/v1/vms/demo?wait=30"],
      ["delete", "/v1/vms/{vm}", `/v1/vms/${vm.id}`],
      ["get", "/v1/vms/{vm}", "/v1/vms/nobody"],
      ["post", "/v1/vms", "/v1/vms", { spec: {} }],
    ];
    for (const [method, path, url, body] of calls) {
      const answer = await control.call(method.toUpperCase(), url, body);
      check(path, method, answer.status, answer.body);
    }
    const { body: operation } = await control.get<{ id: string }>(
      `/v1/operations/${(await control.call<{ id: string }>("DELETE", `/v1/vms/${vm.id}`)).body.id}`,
    );
    check("/v1/operations/{operation}", "get", 200, operation);
  });
});

describe("migrations", () => {
  test("make the tables that drizzle knows, column by column", async () => {
    const client = new pg.Client(control.connection);
    await client.connect();
    const { rows } = await client.query<{
      table_name: string;
      column_name: string;
      data_type: string;
      is_nullable: string;
      has_default: boolean;
    }>(
      `SELECT table_name, column_name, data_type, is_nullable, column_default IS NOT NULL AS has_default
       FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'schema_migrations'`,
    );
    await client.end();
    const inDatabase = rows.map(
      (row) =>
        `${row.table_name}.${row.column_name} ${row.data_type} ${row.is_nullable === "YES" ? "null" : "not null"} ${row.has_default ? "default" : ""}`,
    );
    const types: Record<string, string> = { "text[]": "ARRAY", jsonb: "jsonb", "timestamp with time zone": "timestamp with time zone" };
    const tables = (Object.values(schema) as unknown[]).filter((value): value is PgTable => is(value, PgTable));
    const inDrizzle = tables.flatMap((table) =>
      Object.values(getTableColumns(table)).map((column) => {
        const type = column.getSQLType();
        return `${getTableName(table)}.${column.name} ${types[type] ?? type} ${column.notNull ? "not null" : "null"} ${column.hasDefault ? "default" : ""}`;
      }),
    );
    expect(inDatabase.length).toBeGreaterThan(50);
    expect(inDrizzle.sort()).toEqual(inDatabase.sort());
  });

  test("are applied once, by whoever comes first, when several start together", async () => {
    const connection = await databaseOfTest(false);
    const databases = [1, 2, 3].map(() => new Database({ connection }));
    const results = await Promise.all(databases.map((database) => migrate(database, MIGRATIONS)));
    expect(results.filter((result) => result.applied.length > 0)).toHaveLength(1);
    expect(new Set(results.map((result) => result.version)).size).toBe(1);
    for (const database of databases) await database.close();
  });

  test("say in their first line why they are there", async () => {
    const { readdir } = await import("node:fs/promises");
    const names = (await readdir(MIGRATIONS)).filter((name) => name.endsWith(".sql"));
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) expect(await readFile(`${MIGRATIONS}/${name}`, "utf8")).toMatch(/^-- Why: /);
  });

  test("that were changed after they had been applied are refused", async () => {
    const connection = await databaseOfTest();
    const database = new Database({ connection });
    await database.db.execute("UPDATE schema_migrations SET sha256 = 'other' WHERE version = 1");
    await expect(migrate(database, MIGRATIONS)).rejects.toMatchObject({ code: "schema_changed" });
    await database.close();
  });
});
