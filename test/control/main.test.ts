/** The process: what it prints, how it starts on what an earlier one left, how it stops, and how it refuses to start. */
import { once } from "node:events";
import { chmod, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { OtlpReceiver } from "../support/otlp-receiver.ts";
import { prepareData } from "../support/postgres-data.ts";
import { ControlPlaneProcess } from "./support/control-plane-process.ts";
import { databaseUrl } from "./support/database.ts";
import { databaseOfTest } from "./support/shared-databases.ts";

let folder: string;
const processes: Process[] = [];

class Process extends ControlPlaneProcess {
  constructor(env: Record<string, string>, args: readonly string[] = []) {
    super(folder, env, args);
    processes.push(this);
  }
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "understudy-main-test-"));
  // The database's user must get there, when the tests run as root.
  await chmod(folder, 0o755);
});
afterEach(async () => {
  for (const each of processes.splice(0)) {
    each.child.kill("SIGTERM");
    // One that a test has stopped hears nothing else.
    each.child.kill("SIGCONT");
    await each.end();
  }
  await rm(folder, { recursive: true, force: true });
});

const fromNothing = () => ({ UNDERSTUDY_DATA_DIR: join(folder, "data") });

/** On a database of its own that nobody has used yet. */
async function embedded(): Promise<Record<string, string>> {
  const settings = fromNothing();
  await prepareData(join(settings.UNDERSTUDY_DATA_DIR, "postgres"));
  return settings;
}

describe("with the embedded database", () => {
  test("starts from nothing, makes its tokens, and masks secrets in what it prints", async () => {
    const first = new Process({ ...fromNothing(), UNDERSTUDY_JOIN_TOKEN: "usj_secret" });
    const listening = await first.line("understudy control plane listening");
    const token = (await readFile(listening["tokenFile"] as string, "utf8")).trim();
    expect((await stat(listening["tokenFile"] as string)).mode & 0o777).toBe(0o600);
    const answer = await fetch(`${listening["url"]}/v1/version`, { headers: { authorization: `Bearer ${token}` } });
    expect(await answer.json()).toMatchObject({ service: "understudy", api: "v1" });
    expect(JSON.stringify(first.lines)).not.toContain(token);
    expect(JSON.stringify(first.lines)).not.toContain("usj_secret");
    expect((await first.line("effective configuration"))["configuration"]).toMatchObject({ databaseUrl: "embedded", joinToken: "***" });
  });

  test("exports the spans of its calls where a flag says, with the headers that it masks; those of the last moment too, when it stops", async () => {
    const receiver = await OtlpReceiver.start();
    const headers = { OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer otlp_secret" };
    const traced = new Process({ ...(await embedded()), ...headers }, ["--otel-exporter-otlp-endpoint", receiver.url]);
    const listening = await traced.line("understudy control plane listening");
    const token = (await readFile(listening["tokenFile"] as string, "utf8")).trim();
    await (await fetch(`${listening["url"]}/v1/version`, { headers: { authorization: `Bearer ${token}` } })).text();
    traced.child.kill("SIGTERM");
    expect(await traced.end()).toBe(0);
    const span = receiver.spans.find(({ name }) => name === "GET /v1/version");
    expect(span?.resource).toMatchObject({ "service.name": "understudy-control-plane", "process.pid": traced.child.pid });
    expect(receiver.requests[0]?.headers.authorization).toBe("Bearer otlp_secret");
    expect(JSON.stringify(traced.lines)).not.toContain("otlp_secret");
    expect((await traced.line("effective configuration"))["configuration"]).toMatchObject({
      tracing: { endpoint: `${receiver.url}/v1/traces`, OTEL_EXPORTER_OTLP_HEADERS: "***" },
    });
    await receiver.close();
  });

  test("finds its data and its token again, after a stop and after a kill", async () => {
    const settings = await embedded();
    const first = new Process(settings);
    const { tokenFile } = (await first.line("understudy control plane listening")) as { tokenFile?: string };
    const token = await readFile(tokenFile as string, "utf8");
    first.child.kill("SIGTERM");
    expect(await first.end()).toBe(0);
    expect(first.lines.at(-1)?.msg).toBe("stopped");

    const second = new Process(settings);
    await second.line("understudy control plane listening");
    expect((await second.line("embedded database started"))["adopted"]).toBe(false);
    expect(second.lines.some((line) => line.msg === "API token registered")).toBe(false);
    second.child.kill("SIGKILL");
    await second.end();

    // The database outlived its control plane: the next one takes it over.
    const third = new Process(settings);
    const adopted = await third.line("took over the embedded database");
    const { url } = (await third.line("understudy control plane listening")) as { url?: string };
    const answer = await fetch(`${url}/v1/vms`, { headers: { authorization: `Bearer ${token.trim()}` } });
    expect(answer.status).toBe(200);

    // And with both killed, recovery brings it back.
    third.child.kill("SIGKILL");
    await third.end();
    process.kill(adopted["pid"] as number, "SIGKILL");
    const fourth = new Process(settings);
    await fourth.line("understudy control plane listening");
    expect(await readFile(tokenFile as string, "utf8")).toBe(token);
  });

  test("starts it again when it dies", async () => {
    const process_ = new Process(await embedded());
    const { url } = (await process_.line("understudy control plane listening")) as { url?: string };
    process.kill((await process_.line("embedded database started"))["pid"] as number, "SIGKILL");
    await process_.line("the embedded database ended");
    await process_.line("the embedded database is ready");
    await expect.poll(async () => (await fetch(`${url}/readyz`)).status, { timeout: 240_000 }).toBe(200);
  });

  test("refuses a folder that another one runs on", async () => {
    const settings = await embedded();
    const first = new Process(settings);
    await first.line("understudy control plane listening");
    const second = new Process(settings);
    expect(await second.end()).toBe(1);
    expect(second.lines.at(-1)).toMatchObject({
      code: "data_directory_in_use",
      msg: expect.stringContaining(`process ${first.child.pid} runs on it`),
    });
  });
});

describe("with a database of its user's", () => {
  let url: string;

  beforeEach(async () => {
    url = databaseUrl(await databaseOfTest(false));
  });

  const given = () => ({ DATABASE_URL: url, UNDERSTUDY_DATA_DIR: join(folder, "data"), UNDERSTUDY_TOKEN: "ust_given" });

  test("migrates it, and takes the token it is given; only its hash is stored", async () => {
    const first = new Process(given());
    const listening = await first.line("understudy control plane listening");
    const answer = await fetch(`${listening["url"]}/v1/vms`, { headers: { authorization: "Bearer ust_given" } });
    expect(answer.status).toBe(200);
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query("SELECT * FROM tokens");
    await client.end();
    expect(JSON.stringify(rows)).not.toContain("ust_given");
    expect(rows[0].secret_sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  test.each([
    ["UNDERSTUDY_LISTEN", "public"],
    ["UNDERSTUDY_INTERNAL_LISTEN", "internal"],
  ])("says which port is in use, and leaves nothing running (%s)", async (variable) => {
    const holder = createServer().listen(0, "127.0.0.1");
    await once(holder, "listening");
    const { port } = holder.address() as { port: number };
    const refused = new Process({ ...given(), [variable]: `127.0.0.1:${port}` });
    expect(await refused.end()).toBe(1);
    expect(refused.lines.at(-1)).toMatchObject({
      code: "port_in_use",
      msg: `Cannot listen on 127.0.0.1:${port}: the port is in use. Stop what uses it, or set ${variable} to another`,
    });
    expect(refused.stderr).toContain("the port is in use");
    holder.close();
  });

  test("speaks TLS to workers where others than this machine reach it, and says so where it is told not to", async () => {
    const everywhere = { ...given(), UNDERSTUDY_INTERNAL_LISTEN: "0.0.0.0:0" };
    const secure = new Process(everywhere);
    expect((await secure.line("understudy control plane listening"))["internalUrl"]).toMatch(/^https:/);
    const plain = new Process({ ...everywhere, UNDERSTUDY_TLS: "never" });
    expect((await plain.line("understudy control plane listening"))["internalUrl"]).toMatch(/^http:/);
    expect(await plain.line("unencrypted")).toMatchObject({ code: "unencrypted", level: 40 });
  });

  test("says so where others than this machine reach its API without TLS", async () => {
    const open = new Process({ ...given(), UNDERSTUDY_LISTEN: "0.0.0.0:0" });
    expect(await open.line("the public API speaks no TLS")).toMatchObject({ code: "unencrypted", level: 40 });
  });

  test("that is of a later build is refused", async () => {
    const first = new Process(given());
    await first.line("understudy control plane listening");
    first.child.kill("SIGTERM");
    await first.end();
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query("INSERT INTO schema_migrations (version, name, sha256) VALUES (99, '0099_from_the_future.sql', 'x')");
    await client.end();
    const second = new Process(given());
    expect(await second.end()).toBe(1);
    expect(second.lines.at(-1)).toMatchObject({ code: "schema_too_new", msg: expect.stringContaining("0099_from_the_future.sql") });
  });

  test("that does not answer is named", async () => {
    const refused = new Process({ ...given(), DATABASE_URL: "postgres://nobody:hidden@127.0.0.1:1/none" });
    expect(await refused.end()).toBe(1);
    expect(refused.lines.at(-1)).toMatchObject({ code: "arbiter_unavailable", msg: expect.stringContaining("Check DATABASE_URL") });
    expect(JSON.stringify(refused.lines)).not.toContain("hidden");
  });
});

describe("settings", () => {
  test.each([
    [{ UNDERSTUDY_LISTEN: "nowhere" }, [], /UNDERSTUDY_LISTEN: it is "nowhere"/],
    [{ DATABASE_URL: "mysql://x" }, [], /DATABASE_URL/],
    [{ UNDERSTUDY_WORKER_LOST_MS: "soon" }, [], /UNDERSTUDY_WORKER_LOST_MS: it is "soon"/],
    [{}, ["--colour", "red"], /flags/],
    [{ UNDERSTUDY_TLS_KEY: "some.key" }, [], /without both UNDERSTUDY_TLS_CERT and UNDERSTUDY_TLS_KEY/],
    [{}, ["--tls-cert", "none.pem", "--tls-key", "none.key"], /Cannot use UNDERSTUDY_TLS_CERT and UNDERSTUDY_TLS_KEY: ENOENT/],
    [{}, ["--ca-file", "none.pem", "--ca-key-file", "none.key"], /Cannot use UNDERSTUDY_CA_FILE and UNDERSTUDY_CA_KEY_FILE: ENOENT/],
  ])("%j %j is refused with its name", async (env, args, says) => {
    const refused = new Process(env as Record<string, string>, args);
    expect(await refused.end()).toBe(1);
    expect(refused.lines.at(-1)).toMatchObject({ code: "bad_setting", msg: expect.stringMatching(says) });
  });
});

describe("of two on one database", () => {
  /** Ends the wait for a process that never takes over; the service says two seconds. */
  const TAKEOVER_LIMIT_MS = 10_000;

  test.each(["SIGKILL", "SIGSTOP"] as const)("the other one reconciles soon after the leader had %s", async (signal) => {
    const database = { DATABASE_URL: databaseUrl(await databaseOfTest()) };
    const leader = new Process({ ...database, UNDERSTUDY_DATA_DIR: join(folder, "leader") });
    await leader.line("this control plane reconciles");
    const other = new Process({ ...database, UNDERSTUDY_DATA_DIR: join(folder, "other") });
    await other.line("understudy control plane listening");
    expect(other.lines.some(({ msg }) => msg.includes("this control plane reconciles"))).toBe(false);
    const tookOver = other.line("this control plane reconciles");
    const lostMs = performance.now();
    leader.child.kill(signal);
    await tookOver;
    expect(performance.now() - lostMs).toBeLessThan(TAKEOVER_LIMIT_MS);
    if (signal === "SIGSTOP") {
      leader.child.kill("SIGCONT");
      // It learns that it was replaced, and says so.
      await leader.line("does not reconcile any more");
    }
  });
});
