/**
 * Every error code of the public table, raised through HTTP or the console's socket.
 *
 * `RAISED` has a way to each code: the compiler refuses a table that lacks one, or has one that is not of the contract. That no
 * answer has a code beside the list is what `ApiError`'s type says, and what `openapi-walk.test.ts` asks of every answer.
 */
import { rm, writeFile } from "node:fs/promises";
import pg from "pg";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { ERROR_CODES, ERROR_TABLE, type ErrorCode } from "../../src/control/errors/error-codes.ts";
import type { Problem } from "../../src/control/schemas/problem.ts";
import type { Vm } from "../../src/control/schemas/vm.ts";
import type { ControlSettings } from "../../src/control/settings.ts";
import { ConsoleSocket, ControlUnderTest, TOKEN } from "./support/control-under-test.ts";
import { smallImage } from "./support/image-archive.ts";
import { PostgresProxy } from "./support/postgres-proxy.ts";
import { databaseOfTest } from "./support/shared-databases.ts";

/** With two workers, and the protected VM "demo". */
let control: ControlUnderTest;

beforeAll(async () => {
  control = await ControlUnderTest.start({ workers: ["one", "two"] });
  await control.protectedVm("demo");
  return () => control.close();
});

/** A refusal by HTTP, or by the close frame of a console. */
type Refusal =
  | { readonly by: "http"; readonly status: number; readonly problem: Problem }
  | { readonly by: "close"; readonly code: number; readonly reason: string };

async function refused(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
  at: ControlUnderTest = control,
): Promise<Refusal> {
  const { status, body: problem } = await at.call<Problem>(method, path, body, headers);
  return { by: "http", status, problem };
}

async function upload(archive: Buffer<ArrayBuffer>, headers: Record<string, string> = {}): Promise<Refusal> {
  const answer = await fetch(`${control.url}/v1/images`, {
    method: "POST",
    headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/x-tar", ...headers },
    body: archive,
  });
  return { by: "http", status: answer.status, problem: (await answer.json()) as Problem };
}

/** An upgrade that is refused before it. */
async function refusedUpgrade(vm: string, query = "", headers: Record<string, string> = {}, at = control): Promise<Refusal> {
  const socket = new ConsoleSocket(`${at.url.replace("http", "ws")}/v1/vms/${vm}/console${query}`, {
    authorization: `Bearer ${TOKEN}`,
    ...headers,
  });
  onTestFinished(() => socket.terminate());
  const { status, body } = await socket.until(() => socket.refusal);
  return { by: "http", status, problem: body as unknown as Problem };
}

async function closedWith(socket: ConsoleSocket): Promise<Refusal> {
  return { by: "close", ...(await socket.until(() => socket.closed)) };
}

/** A control plane that may be spoilt. */
async function anotherControl(connection?: pg.PoolConfig, settings: Partial<ControlSettings> = {}): Promise<ControlUnderTest> {
  const another = await ControlUnderTest.start({ settings, ...(connection === undefined ? {} : { connection }) });
  onTestFinished(() => another.close());
  return another;
}

/** A protected VM on the only two workers, whose backup may be told to be elsewhere. */
async function pair() {
  const another = await anotherControl();
  await another.join("one");
  await another.join("two");
  const { primaryId, backupId } = await another.protectedVm("pair");
  const migrate = (targetWorker?: string) =>
    refused("POST", `/v1/vms/pair/replicas/${backupId}/migrate`, targetWorker === undefined ? {} : { targetWorker }, {}, another);
  return { another, primaryId, migrate };
}

async function inDatabase(sql: string, parameters: readonly unknown[] = []): Promise<pg.Client> {
  const client = new pg.Client(control.connection);
  await client.connect();
  onTestFinished(() => client.end());
  await client.query("BEGIN");
  await client.query(sql, [...parameters]);
  return client;
}

/** As the contract lists them; of what is not found it names two, and means one for each resource. */
const LISTED: readonly string[] = [
  ...["malformed_json", "bad_page_token", "bad_idempotency_key"],
  ...["unauthenticated", "token_expired", "scope_missing", "origin_not_allowed"],
  ...["vm_not_found", "worker_not_found", "vm_deleted", "event_cursor_expired"],
  ...["invalid_state", "name_taken", "operation_in_progress", "idempotency_in_progress", "not_protected", "term_mismatch"],
  ...["console_writer_busy", "input_session_expired", "input_offset_gap", "deletion_protected", "wait_target_unreachable"],
  ...["worker_not_drained", "image_in_use", "etag_mismatch", "if_match_required"],
  ...["payload_too_large", "unsupported_media_type", "upgrade_required"],
  ...["validation_failed", "idempotency_key_reused", "digest_mismatch", "unsupported_machine", "rate_limited", "quota_exceeded"],
  ...["no_capacity", "anti_affinity_unsatisfiable", "engine_mismatch", "no_backup_available", "arbiter_unavailable", "shutting_down"],
  "worker_timeout",
];
/** What HTTP itself wants a name for, and a store of images that fails (src/control/README.md). */
const BESIDE = ["bad_request", "image_store_error", "internal_error", "range_not_satisfiable"];

test("the table is the contract's list, with those that README tells of beside it", () => {
  expect(LISTED.filter((code) => !Object.hasOwn(ERROR_TABLE, code))).toEqual([]);
  expect(ERROR_CODES.filter((code) => !LISTED.includes(code) && !code.endsWith("not_found"))).toEqual(BESIDE);
});

test("the type of a problem leads to what its code means", async () => {
  const { body: problem } = await control.get<Problem>("/v1/vms/nobody");
  const [path, anchor] = problem.type.split("#");
  const page = await fetch(`${control.url}${path}`);
  expect([page.status, page.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
  const html = await page.text();
  expect(html).toContain(`<dt id="${anchor}">`);
  for (const code of ERROR_CODES) expect(html).toContain(`<dt id="${code}">`);
});

const vm = { spec: { image: "debian" } };
/** As a bearer token, with this scope alone. */
async function tokenWith(scope: string): Promise<{ id: string; headers: Record<string, string> }> {
  const { body } = await control.call<{ token: { id: string }; secret: string }>("POST", "/v1/tokens", { name: scope, scopes: [scope] });
  return { id: body.token.id, headers: { authorization: `Bearer ${body.secret}` } };
}

const RAISED: Readonly<Record<ErrorCode, () => Promise<Refusal>>> = {
  malformed_json: () => refused("POST", "/v1/vms", "{"),
  bad_request: () => refused("GET", "/v1/vms/%zz"),
  bad_page_token: () => refused("GET", `/v1/vms?pageToken=${Buffer.from('["2026-02-31 00:00:00+00","vm_1"]').toString("base64url")}`),
  bad_idempotency_key: () => refused("POST", "/v1/vms", vm, { "idempotency-key": "a b" }),
  unauthenticated: () => refused("GET", "/v1/vms", undefined, { authorization: "Bearer ust_nobodys" }),
  token_expired: async () => {
    const { id, headers } = await tokenWith("vms:read");
    const client = await inDatabase("UPDATE tokens SET expires_at = now() - interval '1 minute' WHERE id = $1", [id]);
    await client.query("COMMIT");
    return refused("GET", "/v1/vms", undefined, headers);
  },
  rate_limited: async () => {
    const another = await anotherControl(undefined, { rateLimitBurst: 1, rateLimitPerSecond: 1 });
    let refusal: Refusal;
    do {
      refusal = await refused("GET", "/v1/vms", undefined, {}, another);
    } while (refusal.by === "http" && refusal.status === 200);
    return refusal;
  },
  scope_missing: async () => refused("POST", "/v1/vms", vm, (await tokenWith("vms:read")).headers),
  origin_not_allowed: () => refusedUpgrade("demo", "", { origin: "https://elsewhere.example" }),
  not_found: () => refused("GET", "/v1/cats"),
  vm_not_found: () => refused("GET", "/v1/vms/nobody"),
  worker_not_found: () => refused("GET", "/v1/workers/nobody"),
  image_not_found: () => refused("POST", "/v1/vms", { spec: { image: "plan9" } }),
  operation_not_found: () => refused("GET", "/v1/operations/op_nothing"),
  token_not_found: () => refused("DELETE", "/v1/tokens/tok_nobodys"),
  console_session_not_found: () => refused("DELETE", "/v1/vms/demo/console/sessions/con_nobodys"),
  vm_deleted: async () => {
    const { id } = await control.createVm("gone", "none");
    await control.call("DELETE", `/v1/vms/${id}?wait=60`);
    return refused("GET", `/v1/vms/${id}`);
  },
  event_cursor_expired: async () => {
    const another = await anotherControl();
    await another.createVm("a", "none");
    await another.parts.database.db.execute("DELETE FROM events WHERE seq < (SELECT max(seq) FROM events)");
    return refused("GET", "/v1/events?after=0", undefined, {}, another);
  },
  invalid_state: () => refused("PATCH", "/v1/vms/demo", { spec: { cmdline: "of another guest" } }),
  name_taken: () => refused("POST", "/v1/vms", { name: "demo", ...vm }),
  operation_in_progress: async () => {
    await control.createVm("promoted");
    const { id, status } = await control.waitFor("promoted", "protected");
    const backup = status.replicas.find(({ role }) => role === "backup");
    // The order to promote arrives at nobody: the failover goes on.
    control.workers.find(({ workerId }) => workerId === backup?.worker)?.reports.delete(backup?.id ?? "");
    await control.call("POST", `/v1/vms/${id}/failover`, { mode: "planned" });
    return refused("POST", `/v1/vms/${id}/pause`);
  },
  idempotency_in_progress: async () => {
    const { body } = await control.get<{ token: { id: string } }>("/v1/whoami");
    await inDatabase("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [JSON.stringify([body.token.id, "POST /v1/vms", "running"])]);
    return refused("POST", "/v1/vms", vm, { "idempotency-key": "running" });
  },
  not_protected: async () => {
    await control.createVm("alone", "none");
    await control.waitFor("alone", "running");
    return refused("POST", "/v1/vms/alone/failover", { mode: "planned" });
  },
  term_mismatch: () => refused("POST", "/v1/vms/demo/failover", { mode: "planned", expectedTerm: 999 }),
  console_writer_busy: async () => {
    const writer = await control.attach("demo", { mode: "write" });
    const refusal = await refusedUpgrade("demo", "?mode=write");
    writer.terminate();
    return refusal;
  },
  input_session_expired: async () => {
    await control.createVm("forgetful", "none");
    const { id } = await control.waitFor("forgetful", "running");
    const writer = await control.attach("forgetful", { mode: "write" });
    writer.type("typed");
    await writer.message("ack", (ack) => ack["inputNext"] === "5");
    control.guests.get(id)?.sessions.clear();
    const worker = control.workers.find(({ reports }) => [...reports.values()].some((report) => report.vmId === id));
    worker?.kill();
    await worker?.reconnect();
    return closedWith(writer);
  },
  input_offset_gap: async () => {
    const writer = await control.attach("demo", { mode: "write", takeover: "true" });
    writer.input(10n, "behind a hole");
    return closedWith(writer);
  },
  wait_target_unreachable: async () => {
    const { id } = await control.createVm("bare", "none");
    return refused("GET", `/v1/vms/${id}/wait?for=protected`);
  },
  deletion_protected: async () => {
    await control.call("POST", "/v1/vms", { name: "kept", spec: { ...vm.spec, deletionProtection: true } });
    return refused("DELETE", "/v1/vms/kept");
  },
  worker_not_drained: () => refused("DELETE", "/v1/workers/one"),
  etag_mismatch: () => refused("PATCH", "/v1/vms/demo", { labels: { a: "b" } }, { "if-match": '"g99"' }),
  payload_too_large: () => refused("POST", "/v1/vms", { ...vm, labels: { a: "x".repeat(1_100_000) } }),
  unsupported_media_type: () => refused("POST", "/v1/vms", "<vm/>", { "content-type": "application/xml" }),
  range_not_satisfiable: () => refused("GET", "/v1/images/debian/content", undefined, { range: "bytes=999999999-" }),
  upgrade_required: () => refused("GET", "/v1/vms/demo/console"),
  validation_failed: () => refused("POST", "/v1/vms", { ...vm, name: "a\0b" }),
  idempotency_key_reused: async () => {
    await control.call("POST", "/v1/vms", vm, { "idempotency-key": "used" });
    return refused("POST", "/v1/vms", { ...vm, labels: { other: "" } }, { "idempotency-key": "used" });
  },
  quota_exceeded: async () => {
    const another = await anotherControl(undefined, { consoleSessionsMax: 0 });
    await another.createVm("full", "none");
    return refusedUpgrade("full", "", {}, another);
  },
  digest_mismatch: async () => await upload((await smallImage("other")).archive, { "repr-digest": `sha-256=:${"A".repeat(43)}=:` }),
  unsupported_machine: async () => await upload((await smallImage("amd64", { kernel: Buffer.alloc(4096, "MZ") })).archive),
  image_alias_not_found: () => refused("GET", "/v1/image-aliases/nobodys"),
  image_in_use: () => refused("DELETE", "/v1/images/debian"),
  if_match_required: async () => {
    await control.call("PUT", "/v1/image-aliases/moved", { image: "debian" });
    return await refused("PUT", "/v1/image-aliases/moved", { image: "debian" });
  },
  replica_not_found: () => refused("POST", "/v1/vms/demo/replicas/rep_nobodys/restart"),
  failover_not_found: () => refused("GET", "/v1/vms/demo/failovers/fo_nobodys"),
  no_capacity: async () => {
    const { another, migrate } = await pair();
    await another.join("small", { memoryMiB: 64 });
    return await migrate("small");
  },
  anti_affinity_unsatisfiable: async () => await (await pair()).migrate(),
  engine_mismatch: async () => {
    const { another, migrate } = await pair();
    await another.join("other-build", { buildDigest: "c".repeat(64) });
    return await migrate();
  },
  no_backup_available: async () => {
    const { another, primaryId } = await pair();
    return await refused("POST", "/v1/vms/pair/failover", { mode: "planned", targetReplica: primaryId }, {}, another);
  },
  internal_error: async () => {
    const another = await anotherControl();
    await another.parts.database.db.execute("ALTER TABLE operations RENAME TO somewhere_else");
    return refused("GET", "/v1/operations", undefined, {}, another);
  },
  arbiter_unavailable: async () => {
    const proxy = await PostgresProxy.start(await databaseOfTest());
    const another = await anotherControl({ connectionString: proxy.url });
    proxy.close();
    return refused("GET", "/v1/vms", undefined, {}, another);
  },
  image_store_error: async () => {
    const another = await anotherControl();
    await rm(another.images.dir, { recursive: true });
    await writeFile(another.images.dir, "a file where a folder was");
    return refused("POST", "/v1/vms", vm, {}, another);
  },
  shutting_down: async () => {
    const another = await anotherControl();
    another.beginStopping();
    return refused("GET", "/v1/vms", undefined, {}, another);
  },
  worker_timeout: async () => {
    await control.join("three", { memoryMiB: 64_000 });
    const { id } = await control.createVm("silent", "none");
    await control.waitFor(id, "running");
    const { body } = await control.get<Vm>(`/v1/vms/${id}`);
    const worker = control.workers.find(({ workerId }) => workerId === body.status.replicas[0]?.worker);
    worker?.pause();
    const refusal = await refusedUpgrade(id);
    worker?.resume();
    return refusal;
  },
};

/** What a console says of these by its close code. */
const CLOSE_CODE = 4409;

describe("the table of error codes", () => {
  test("is the list of the document", () => {
    expect(Object.keys(RAISED).sort()).toEqual(ERROR_CODES);
  });

  test.each(Object.entries(RAISED) as [ErrorCode, () => Promise<Refusal>][])("%s is raised", async (code, raise) => {
    const refusal = await raise();
    if (refusal.by === "close") {
      expect(refusal).toMatchObject({ code: CLOSE_CODE, reason: expect.stringMatching(new RegExp(`^${code}: `)) as string });
      return;
    }
    const { status, title } = ERROR_TABLE[code];
    expect(refusal.problem).toMatchObject({ code, status, title, type: `/docs/errors#${code}` });
    expect(refusal.problem.detail).toMatch(/^Cannot /);
    expect(refusal.status).toBe(status);
  });
});
