/** Tokens: who may do what, until when; through HTTP and the console's upgrade, with Postgres. */
import { beforeEach, describe, expect, test } from "vitest";
import { beginOperation } from "../../src/control/db/queries/begin-operation.ts";
import { findToken, sha256Of } from "../../src/control/db/queries/tokens.ts";
import { SCOPES } from "../../src/control/domain/scopes.ts";
import type { Problem } from "../../src/control/schemas/problem.ts";
import type { CreatedToken, Token } from "../../src/control/schemas/token.ts";
import { seal, unseal } from "../../src/control/sealed-secret.ts";
import { ConsoleSocket, ControlUnderTest, TOKEN } from "./support/control-under-test.ts";

let control: ControlUnderTest;
beforeEach(async () => {
  control = await ControlUnderTest.ofTest({ settings: { allowedOrigins: ["https://console.example"] } });
});

async function make(scopes: readonly string[], more: Record<string, unknown> = {}, by = TOKEN): Promise<CreatedToken> {
  const { body, status } = await control.call<CreatedToken>("POST", "/v1/tokens", { name: "of a test", scopes, ...more }, bearer(by));
  expect(status, JSON.stringify(body)).toBe(201);
  return body;
}

function bearer(secret: string): { authorization: string } {
  return { authorization: `Bearer ${secret}` };
}

async function answer(secret: string, path = "/v1/whoami", method = "GET", body?: unknown): Promise<[number, string | undefined]> {
  const answered = await control.call<Problem>(method, path, body, bearer(secret));
  return [answered.status, answered.body.code];
}

describe("a token", () => {
  test("is made with its scopes, shows its secret once, and is kept as a hash", async () => {
    const { token, secret } = await make(["vms:read", "events:read"]);
    expect(token).toMatchObject({
      name: "of a test",
      scopes: ["vms:read", "events:read"],
      expiresAt: null,
      createdBy: expect.stringMatching(/^tok_/),
    });
    const { body } = await control.call<{ token: Token; project: string }>("GET", "/v1/whoami", undefined, bearer(secret));
    expect(body).toEqual({ token, project: "default" });
    const { database } = control.parts;
    expect((await findToken(database.db, { secretSha256: sha256Of(secret) }))?.id).toBe(token.id);
    for (const table of ["tokens", "events", "idempotency_records"]) {
      const { rows } = await database.query<{ text: string }>(
        `SELECT coalesce(string_agg(t::text, ' '), '') AS text FROM ${table} AS t`,
        [],
      );
      expect(rows[0]?.text).not.toContain(secret);
    }
    expect(JSON.stringify(control.log)).not.toContain(secret);
    const { body: list } = await control.get<{ items: Token[] }>("/v1/tokens");
    expect(list.items.map(({ id }) => id)).toContain(token.id);
    expect(JSON.stringify(list)).not.toContain(secret);
  });

  test("is told again to whoever asks with the same key and the same token, and to nobody else", async () => {
    const request = { name: "twice", scopes: ["vms:read"] };
    const key = { "idempotency-key": "k" };
    const first = await control.call<CreatedToken>("POST", "/v1/tokens", request, key);
    const second = await control.call<CreatedToken>("POST", "/v1/tokens", request, key);
    expect(second.headers.get("idempotency-replayed")).toBe("true");
    expect(second.body).toEqual(first.body);
    const { rows } = await control.parts.database.query<{ body: { secret: string } }>("SELECT body FROM idempotency_records", []);
    const sealed = rows[0]?.body.secret as string;
    expect(unseal(sealed, TOKEN, "idempotent answer")).toBe(first.body.secret);
    expect(() => unseal(sealed, first.body.secret, "idempotent answer")).toThrow();
    expect(seal("x", TOKEN, "idempotent answer")).not.toBe(seal("x", TOKEN, "idempotent answer"));
  });

  test("may do what its scopes say, whatever the route is", async () => {
    const { body: document } = await control.get<{
      paths: Record<string, Record<string, { operationId: string; security?: { bearer?: string[] }[] }>>;
    }>("/openapi.json");
    const [writer, viewer] = [await make(["console:write"]), await make(["vms:read"])];
    const refused: string[] = [];
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const [method, { operationId, security }] of Object.entries(methods)) {
        const scope = security?.[0]?.bearer?.[0];
        if (!path.startsWith("/v1/")) continue;
        // Only what tells a caller who it is, and what the service is, is for any token.
        expect(scope === undefined, operationId).toBe(["getVersion", "whoami"].includes(operationId));
        if (scope === undefined) continue;
        expect(SCOPES).toContain(scope);
        const { secret } = scope === "console:write" ? viewer : writer;
        const url = path.replaceAll(/\{\w+\}/g, "nothing");
        const { status, body } = await control.call<Problem & { scope?: string }>(method.toUpperCase(), url, undefined, bearer(secret));
        expect([status, body.code, body.scope], operationId).toEqual([403, "scope_missing", scope]);
        refused.push(operationId);
      }
    }
    expect(refused.length).toBeGreaterThan(25);
    expect((await answer(viewer.secret, "/v1/vms"))[0]).toBe(200);
    expect(await answer(viewer.secret, "/v1/vms", "POST", { spec: { image: "debian" } })).toEqual([403, "scope_missing"]);
  });

  test("does not delete a VM by its end, nor take a failover back, where it may only change VMs", async () => {
    const { id } = await control.createVm("kept");
    const { secret } = await make(["vms:read", "vms:write"]);
    expect(await answer(secret, `/v1/vms/${id}`, "PATCH", { spec: { ttlSeconds: 1 } })).toEqual([403, "scope_missing"]);
    expect(await answer(secret, `/v1/vms/${id}?dryRun=true`, "PATCH", { spec: { ttlSeconds: 1 } })).toEqual([403, "scope_missing"]);
    expect((await answer(secret, `/v1/vms/${id}`, "PATCH", { spec: { ttlSeconds: null } }))[0]).toBe(200);
    const { operation } = await control.parts.database.transaction(async (tx) => ({
      operation: await beginOperation(tx, { kind: "vm.failover", vmId: id }),
    }));
    expect(await answer(secret, `/v1/operations/${operation.id}/cancel`, "POST")).toEqual([403, "scope_missing"]);
    const { secret: both } = await make(["vms:read", "vms:write", "vms:delete"]);
    expect((await answer(both, `/v1/vms/${id}`, "PATCH", { spec: { ttlSeconds: 86_400 } }))[0]).toBe(200);
  });

  test("cannot make another one that may do more", async () => {
    const { secret } = await make(["tokens:write", "vms:read"]);
    await make(["vms:read"], {}, secret);
    expect(await answer(secret, "/v1/tokens", "POST", { name: "more", scopes: ["vms:read", "vms:delete"] })).toEqual([
      403,
      "scope_missing",
    ]);
    expect(await answer(secret, "/v1/tokens", "POST", { name: "all", scopes: ["admin"] })).toEqual([403, "scope_missing"]);
  });

  test("expires, also where it was good a moment ago", async () => {
    const { token, secret } = await make(["vms:read"], { ttlSeconds: 3600 });
    expect(Date.parse(token.expiresAt as string)).toBeGreaterThan(Date.now());
    expect(await answer(secret)).toEqual([200, undefined]);
    await control.parts.database.query("UPDATE tokens SET expires_at = now() - interval '1 second' WHERE id = $1", [token.id]);
    // Another control plane has not seen it before.
    const other = await ControlUnderTest.start({ connection: control.connection, images: control.images });
    const { status, body, headers } = await other.call<Problem>("GET", "/v1/vms", undefined, bearer(secret));
    expect([status, body.code, headers.get("www-authenticate")]).toEqual([401, "token_expired", 'Bearer realm="understudy"']);
    await other.stopButWorkers();
  });

  test("that was revoked is good nowhere any more, at once", async () => {
    const other = await ControlUnderTest.start({ connection: control.connection, images: control.images });
    const { token, secret } = await make(["vms:read"]);
    const there = async () => (await other.call<Problem>("GET", "/v1/whoami", undefined, bearer(secret))).status;
    expect([await answer(secret), await there()]).toEqual([[200, undefined], 200]);
    const { body: revoked } = await control.call<Token>("DELETE", `/v1/tokens/${token.id}`);
    expect(revoked.id).toBe(token.id);
    expect((await control.call("DELETE", `/v1/tokens/${token.id}`)).status).toBe(200);
    expect(await answer(secret)).toEqual([401, "unauthenticated"]);
    for (;;) {
      const news = other.parts.feed.next(50);
      if ((await there()) === 401) break;
      await news;
    }
    expect(await answer(TOKEN, "/v1/tokens/tok_nothing", "DELETE")).toEqual([404, "token_not_found"]);
    const { body: events } = await control.get<{ items: { type: string; actor: { id: string } }[] }>("/v1/events?types=token.*");
    expect(events.items.map(({ type }) => type)).toEqual(["token.created", "token.revoked"]);
    for (const { actor } of events.items) expect(actor.id).toMatch(/^tok_/);
    await other.stopButWorkers();
  });
});

describe("the console's upgrade", () => {
  test("is refused before it happens: without a token, without the scope, from a page of somewhere else", async () => {
    await control.join("one");
    await control.createVm("a", "none");
    await control.waitFor("a", "running");
    const { secret } = await make(["console:read"]);
    const attach = async (query: string, headers: Record<string, string>) => {
      const socket = new ConsoleSocket(`${control.url.replace("http", "ws")}/v1/vms/a/console${query}`, headers);
      const found = await socket.until(() => (socket.refusal ?? socket.messages[0]) as { status?: number; body?: Problem; type?: string });
      socket.terminate();
      return found.status === undefined ? found.type : [found.status, found.body?.code];
    };
    expect(await attach("", {})).toEqual([401, "unauthenticated"]);
    expect(await attach("", bearer(secret))).toBe("hello");
    expect(await attach("?mode=write", bearer(secret))).toEqual([403, "scope_missing"]);
    expect(await attach("", { ...bearer(secret), origin: "https://elsewhere.example" })).toEqual([403, "origin_not_allowed"]);
    expect(await attach("", { ...bearer(secret), origin: "null" })).toEqual([403, "origin_not_allowed"]);
    expect(await attach("", { ...bearer(secret), origin: "https://console.example" })).toBe("hello");
    expect(await attach("", { ...bearer(secret), origin: control.url })).toBe("hello");
    const { secret: none } = await make(["vms:read"]);
    expect(await attach("", bearer(none))).toEqual([403, "scope_missing"]);
  });
});
