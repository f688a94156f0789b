/** Where the embedded database puts itself, and what it does where its folder is of no use to it. */
import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import { EmbeddedPostgres } from "../../src/control/db/embedded-postgres.ts";
import { prepareData } from "../support/postgres-data.ts";

let folder: string;
const servers: EmbeddedPostgres[] = [];
const leftovers: string[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "understudy-embedded-test-"));
  await chmod(folder, 0o755);
});
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
  for (const each of [...leftovers.splice(0), folder]) await rm(each, { recursive: true, force: true });
});

async function start(directory: string): Promise<EmbeddedPostgres> {
  const server = await EmbeddedPostgres.start({ directory, durable: false });
  servers.push(server);
  return server;
}

async function ask(server: EmbeddedPostgres, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(server.connection);
  await client.connect();
  const { rows } = await client.query(sql);
  await client.end();
  return rows;
}

test("it is a real Postgres, on a socket that only its owner reaches, and keeps what it was given", async () => {
  const server = await start(join(folder, "postgres"));
  expect(server.directory).toBe(join(folder, "postgres"));
  await ask(server, "CREATE TABLE kept (n integer)");
  await ask(server, "INSERT INTO kept VALUES (7)");
  expect(await ask(server, "SHOW listen_addresses")).toEqual([{ listen_addresses: "" }]);
  await server.stop("immediate");
  await server.startAgain();
  expect(await ask(server, "SELECT n FROM kept")).toEqual([{ n: 7 }]);
});

test("where its path is too long for a socket, the socket is elsewhere", async () => {
  const directory = join(folder, "d".repeat(60), "e".repeat(60));
  await prepareData(directory);
  const server = await start(directory);
  expect(server.connection.host?.length).toBeLessThan(90);
  expect(await ask(server, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
  leftovers.push(server.connection.host as string);
});

test.runIf(process.getuid?.() === 0)(
  "where its user cannot get to the folder, it goes elsewhere, says so, and finds itself again",
  async () => {
    await chmod(folder, 0o700);
    const server = await start(join(folder, "postgres"));
    leftovers.push(server.directory);
    expect(server.directory.startsWith(folder)).toBe(false);
    expect(await readFile(join(folder, "postgres", "MOVED"), "utf8")).toContain(server.directory);
    await ask(server, "CREATE TABLE kept (n integer)");
    await server.close();
    const again = await start(join(folder, "postgres"));
    expect(again.directory).toBe(server.directory);
    expect(await ask(again, "SELECT count(*)::integer AS rows FROM kept")).toEqual([{ rows: 0 }]);
  },
);
