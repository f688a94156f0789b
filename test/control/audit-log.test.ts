/** The audit log: an entry for each call, begun with its work, completed by its answer, and final once it was read. */
import { once } from "node:events";
import { get } from "node:http";
import { describe, expect, test } from "vitest";
import { completeAuditEntries, listAuditEntries } from "../../src/control/db/queries/audit-log.ts";
import { trimHistory } from "../../src/control/db/queries/trim-history.ts";
import type { ApiCall } from "../../src/control/domain/api-call.ts";
import type { AuditEntry } from "../../src/control/schemas/audit-entry.ts";
import type { CreatedToken } from "../../src/control/schemas/token.ts";
import { Understudy } from "../../src/sdk/index.ts";
import { ControlUnderTest, TOKEN } from "./support/control-under-test.ts";
import { killedAfterCommit } from "./support/killed-after-commit.ts";

async function audited(control: ControlUnderTest, range: { startTime?: string; endTime?: string } = {}): Promise<AuditEntry[]> {
  return await new Understudy({ url: control.url, token: TOKEN }).audit.list(range).all();
}

describe("an entry", () => {
  test("says who asked for what, by which request, and what came of it: of writes, reads, refusals and strangers", async () => {
    const control = await ControlUnderTest.ofTest();
    const { body: vm } = await control.call<{ id: string }>(
      "POST",
      "/v1/vms",
      { name: "a", spec: { image: "debian" } },
      { "request-id": "of-the-create" },
    );
    await control.get("/v1/vms/a?secret=1");
    await control.call("POST", "/v1/vms", { name: "a", spec: { image: "debian" } });
    await control.call("GET", "/v1/vms", undefined, { authorization: "Bearer nobody" });
    const { body: reader } = await control.call<CreatedToken>("POST", "/v1/tokens", { name: "reader", scopes: ["vms:read"] });
    const refused = await control.call("DELETE", `/v1/vms/${vm.id}`, undefined, { authorization: `Bearer ${reader.secret}` });
    expect(refused.status).toBe(403);
    const entries = await audited(control);
    const summary = entries.map(({ operation, resource, actor, status, code, outcome }) => [
      operation,
      resource,
      actor?.tokenName ?? null,
      status,
      code,
      outcome,
    ]);
    expect(summary).toEqual([
      ["createVm", "/v1/vms", "test", 201, null, "succeeded"],
      ["getVm", "/v1/vms/a", "test", 200, null, "succeeded"],
      ["createVm", "/v1/vms", "test", 409, "name_taken", "refused"],
      ["listVms", "/v1/vms", null, 401, "unauthenticated", "refused"],
      ["createToken", "/v1/tokens", "test", 201, null, "succeeded"],
      ["deleteVm", `/v1/vms/${vm.id}`, "reader", 403, "scope_missing", "refused"],
    ]);
    expect(entries[0]).toMatchObject({
      id: expect.stringMatching(/^aud_/),
      requestId: "of-the-create",
      method: "POST",
      route: "/v1/vms",
      sourceAddress: "127.0.0.1",
      actor: { tokenId: expect.stringMatching(/^tok_/) },
    });
    expect(entries[1]?.route).toBe("/v1/vms/{vm}");
    for (const { startedAt, completedAt, durationMs } of entries) {
      expect(durationMs).toBeGreaterThan(0);
      expect(Date.parse(startedAt)).toBeLessThanOrEqual(Date.parse(completedAt));
    }
    // The one who read is in it too, when it is read again.
    expect((await audited(control)).at(-1)).toMatchObject({ operation: "listAuditLog", status: 200 });
  });

  test("of a stream and of a console is there while they go on; of a caller that went away it has no answer", async () => {
    const control = await ControlUnderTest.ofTest();
    await control.join("one");
    await control.createVm("a", "none");
    await control.waitFor("a", "running");
    const socket = await control.attach("a");
    const stream = await fetch(`${control.url}/v1/events`, { headers: { authorization: `Bearer ${TOKEN}`, accept: "text/event-stream" } });
    let entries: AuditEntry[] = [];
    // Until the call has come so far that it was known, and not so far that it was answered.
    while (!entries.some(({ operation, outcome }) => operation === "waitForVm" && outcome === "unknown")) {
      const waiting = get(`${control.url}/v1/vms/a/wait?for=stopped&timeout=60`, {
        headers: { authorization: `Bearer ${TOKEN}` },
        agent: false,
      });
      waiting.on("error", () => undefined);
      waiting.setTimeout(100, () => waiting.destroy());
      await new Promise((resolve) => waiting.on("close", resolve));
      entries = await audited(control);
    }
    expect(entries.find(({ operation }) => operation === "attachConsole")).toMatchObject({ status: 101, outcome: "succeeded" });
    expect(entries.find(({ operation }) => operation === "listEvents")).toMatchObject({ status: 200, outcome: "succeeded" });
    expect(entries.find(({ operation, outcome }) => operation === "waitForVm" && outcome === "unknown")).toMatchObject({ status: null });
    socket.terminate();
    await stream.body?.cancel();
  });

  test("begins with its call's work, and is not told of before it is complete", async () => {
    const control = await ControlUnderTest.ofTest();
    const { database } = control.parts;
    const call = apiCall("aud_begun");
    await database.transaction(async (tx) => {
      tx.emit({ type: "token.created", cause: "user_action" });
    }, call);
    const open = await database.query("SELECT id, completed_at FROM audit_entries", []);
    expect(open.rows).toEqual([{ id: "aud_begun", completed_at: null }]);
    expect(await audited(control)).toEqual([]);
    // What was refused has begun nothing.
    const refused = database.transaction(async () => {
      throw new Error("refused");
    }, apiCall("aud_refused"));
    await expect(refused).rejects.toThrow("refused");
    expect((await database.query("SELECT FROM audit_entries WHERE id = 'aud_refused'", [])).rowCount).toBe(0);
    control.parts.audit.complete(call, { status: 201, code: null, durationMs: 3 });
    await control.parts.audit.flush();
    expect((await audited(control)).find(({ id }) => id === "aud_begun")).toMatchObject({ status: 201, durationMs: 3 });
  });

  test("of a control plane that was killed before it answered is completed by the next one, without an answer", async () => {
    const { connection, images } = await killedAfterCommit({ name: "a", spec: { image: "debian" } });
    const next = await ControlUnderTest.ofTest({ connection, images, settings: { auditAbandonedMs: 0 } });
    if (!next.parts.presence.isLeader) await once(next.parts.presence, "elected");
    const create = async () => (await audited(next)).filter(({ operation }) => operation === "createVm");
    // The server may not have noticed yet that the former one's session is gone.
    while ((await next.parts.presence.present()).size > 1) await next.parts.feed.next(20);
    expect(await create()).toEqual([]);
    await next.parts.audit.sweep();
    expect(await create()).toMatchObject([{ outcome: "unknown", status: null, durationMs: null, resource: "/v1/vms" }]);
  });
});

describe("a range", () => {
  test("is the same with every offset that its times may have", async () => {
    const control = await ControlUnderTest.ofTest();
    await audited(control);
    const [entry] = await audited(control);
    const at = Date.parse((entry as AuditEntry).completedAt as string);
    const within = async (from: string, to: string) => {
      const query = new URLSearchParams({ startTime: from, endTime: to });
      const { status, body } = await control.get<{ items: AuditEntry[] }>(`/v1/audit-log?${query}`);
      expect(status).toBe(200);
      return body.items.some(({ id }) => id === entry?.id);
    };
    const shifted = (ms: number, offset: string, hours: number) => new Date(ms + hours * 3_600_000).toISOString().replace("Z", offset);
    for (const [offset, hours] of [
      ["Z", 0],
      ["+20:00", 20],
      ["-23:00", -23],
    ] as const) {
      expect(await within(shifted(at, offset, hours), shifted(at + 1, offset, hours))).toBe(true);
      expect(await within(shifted(at + 1, offset, hours), shifted(at + 2, offset, hours))).toBe(false);
    }
    expect(await within("2016-12-31t23:59:60.1234567890z", "9999-12-31T23:59:59+23:59")).toBe(true);
  });

  test("that is past is final: what is completed later is later, however many complete at once", async () => {
    const control = await ControlUnderTest.ofTest();
    const { db } = control.parts.database;
    let made = 0;
    const seen: { id: string; at: string }[] = [];
    const complete = async () => {
      while (made < 400) {
        const calls = Array.from({ length: 1 + (made % 7) }, () => apiCall(`aud_${String(made++).padStart(6, "0")}`));
        await completeAuditEntries(
          db,
          calls.map((call) => ({ call, outcome: { status: 200, code: null, durationMs: 1 } })),
          1,
        );
      }
    };
    const read = async () => {
      for (let after: { createdAt: string; id: string } | null = null; made < 400; ) {
        const page = await listAuditEntries(db, { startTime: null, endTime: null }, after, 1000);
        for (const { entry } of page.items) seen.push({ id: entry.id, at: "" });
        const last = page.items.at(-1);
        if (last !== undefined) after = { createdAt: await exactly(control, last.entry.id), id: last.entry.id };
      }
      return seen.length;
    };
    const [count] = await Promise.all([read(), complete(), complete(), complete()]);
    expect(count).toBeGreaterThan(0);
    const all = await listAuditEntries(db, { startTime: null, endTime: null }, null, 1000);
    // Whoever reads on from the last one has missed nothing that came before it.
    expect(seen.map(({ id }) => id)).toEqual(all.items.slice(0, seen.length).map(({ entry }) => entry.id));
    expect(all.items).toHaveLength(made);
  });

  test("has its beginning and not its end, and is paged", async () => {
    const control = await ControlUnderTest.ofTest();
    for (const name of ["a", "b", "c", "d", "e"]) await control.get(`/v1/vms/${name}`);
    const all = await audited(control);
    const [, second, , fourth] = all as [AuditEntry, AuditEntry, AuditEntry, AuditEntry];
    const sdk = new Understudy({ url: control.url, token: TOKEN });
    expect((await sdk.audit.list({ pageSize: 2 }).page()).items).toEqual(all.slice(0, 2));
    const paged: AuditEntry[] = [];
    for await (const entry of sdk.audit.list({ pageSize: 2, endTime: new Date(Date.parse(fourth.completedAt)) })) paged.push(entry);
    expect(paged.every(({ completedAt }) => completedAt < fourth.completedAt)).toBe(true);
    const since = await audited(control, { startTime: second.completedAt });
    expect(since.every(({ completedAt }) => completedAt >= second.completedAt)).toBe(true);
    expect(since.slice(0, 4).map(({ id }) => id)).toContain(second.id);
  });

  test("wants times, tokens of pages that were given, and the scope", async () => {
    const control = await ControlUnderTest.ofTest();
    const wrong = await control.get<{ code: string }>("/v1/audit-log?startTime=yesterday");
    expect([wrong.status, wrong.body.code]).toEqual([422, "validation_failed"]);
    const token = await control.get<{ code: string }>("/v1/audit-log?pageToken=nonsense");
    expect([token.status, token.body.code]).toEqual([400, "bad_page_token"]);
    const { body: reader } = await control.call<CreatedToken>("POST", "/v1/tokens", { name: "reader", scopes: ["vms:read"] });
    const refused = await control.call<{ scope: string }>("GET", "/v1/audit-log", undefined, {
      authorization: `Bearer ${reader.secret}`,
    });
    expect([refused.status, refused.body.scope]).toEqual([403, "audit:read"]);
  });
});

test("what is older than is kept is forgotten: entries and events", async () => {
  const control = await ControlUnderTest.ofTest();
  await control.createVm("a");
  await control.get("/v1/vms");
  await control.parts.audit.flush();
  const { database } = control.parts;
  const old = "now() - interval '31 days'";
  await database.query(`UPDATE audit_entries SET completed_at = completed_at - interval '31 days' WHERE operation = 'listVms'`, []);
  await database.query(`UPDATE events SET time = ${old} WHERE type = 'vm.created'`, []);
  await trimHistory(database.db, { eventDays: 30, auditDays: 30 });
  expect((await audited(control)).map(({ operation }) => operation)).toEqual(["createVm"]);
  expect((await database.query("SELECT FROM events WHERE type = 'vm.created'", [])).rowCount).toBe(0);
});

function apiCall(id: string): ApiCall {
  return {
    id,
    requestId: `req_of_${id}`,
    traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    method: "GET",
    route: "/v1/vms",
    operation: "listVms",
    resource: "/v1/vms",
    sourceAddress: "127.0.0.1",
    startedMs: 0,
    token: null,
    vmId: null,
  };
}

/** Its time of completion, to the microsecond. */
async function exactly(control: ControlUnderTest, id: string): Promise<string> {
  const { rows } = await control.parts.database.query<{ at: string }>("SELECT completed_at::text AS at FROM audit_entries WHERE id = $1", [
    id,
  ]);
  return rows[0]?.at ?? "";
}
