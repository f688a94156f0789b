/** Who may come to a console, by which credential, and how it ends: tickets, the raw subprotocol, close codes, input sessions, calls without a socket. */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import type { ConsoleSession, ConsoleTicket } from "../../src/control/schemas/console.ts";
import type { CreatedToken } from "../../src/control/schemas/token.ts";
import type { Vm } from "../../src/control/schemas/vm.ts";
import type { ControlSettings } from "../../src/control/settings.ts";
import { InputOffsetGapError, PermissionError, Understudy } from "../../src/sdk/index.ts";
import { CapturedShell, runCli } from "../cli/captured-shell.ts";
import { ConsoleSocket, ControlUnderTest, TOKEN } from "./support/control-under-test.ts";
import { makeImageStore } from "./support/image-store.ts";
import type { ScriptedWorker } from "./support/scripted-worker.ts";

const V1 = "understudy.console.v1";
const RAW = "understudy.console.raw";

let control: ControlUnderTest;
let worker: ScriptedWorker;
let vm: Vm;
const opened: { terminate(): void }[] = [];

beforeEach(() => start());
afterEach(() => {
  for (const socket of opened.splice(0)) socket.terminate();
});

async function start(settings: Partial<ControlSettings> = {}): Promise<void> {
  control = await ControlUnderTest.ofTest({ settings });
  worker = await control.join("one");
  await control.createVm("demo", "none");
  vm = await control.waitFor("demo", "running");
}

async function startAnew(settings: Partial<ControlSettings>): Promise<void> {
  await control.close();
  await start(settings);
}

const at = (query: string, of = "demo", on = control) => `${on.url.replace("http", "ws")}/v1/vms/${of}/console?${query}`;
const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });
/** As a page gives a token. */
const asPage = (secret = TOKEN) => [V1, `understudy.bearer.${Buffer.from(secret).toString("base64url")}`];

function open(url: string, headers?: Record<string, string>, protocols?: string[]): ConsoleSocket {
  const socket = new ConsoleSocket(url, headers, protocols);
  opened.push(socket);
  return socket;
}

async function ticket(mode: "read" | "write" = "read", of = "demo"): Promise<string> {
  const { status, body } = await control.call<ConsoleTicket>("POST", `/v1/vms/${of}/console/tickets`, { mode });
  expect([status, body.mode]).toEqual([201, mode]);
  return body.ticket;
}

async function token(...scopes: string[]): Promise<CreatedToken> {
  return (await control.call<CreatedToken>("POST", "/v1/tokens", { name: "some", scopes })).body;
}

async function closeOf(socket: ConsoleSocket): Promise<{ code: number; reason: string }> {
  return await socket.until(() => {
    if (socket.refusal !== null) throw new Error(JSON.stringify(socket.refusal));
    return socket.closed;
  });
}

async function refusalOf(socket: ConsoleSocket): Promise<[number, string]> {
  const { status, body } = await socket.until(() => socket.refusal);
  return [status, body["code"] as unknown as string];
}

describe("a ticket", () => {
  test("is a credential for one attachment, and for no second one", async () => {
    const secret = await ticket();
    const socket = open(at(`ticket=${secret}&from=start`), {});
    expect(await socket.hello()).toMatchObject({ vmId: vm.id, mode: "read" });
    expect(await refusalOf(open(at(`ticket=${secret}`), {}))).toEqual([401, "unauthenticated"]);
    expect(await refusalOf(open(at("ticket=uct_made_up"), {}))).toEqual([401, "unauthenticated"]);
    expect((await fetch(`${control.url}/v1/vms/demo/console/output?ticket=${await ticket()}`)).status).toBe(401);
  });

  test("is kept as a hash alone", async () => {
    const secret = await ticket();
    for (const table of ["console_tickets", "events", "idempotency_records"]) {
      const { rows } = await control.parts.database.query<{ text: string }>(
        `SELECT coalesce(string_agg(t::text, ' '), '') AS text FROM ${table} AS t`,
        [],
      );
      expect(rows[0]?.text).not.toContain(secret);
    }
  });

  test("is told again to a repeat with the same idempotency key", async () => {
    const ask = () => control.call<ConsoleTicket>("POST", "/v1/vms/demo/console/tickets", {}, { "idempotency-key": "once" });
    const [first, second] = [await ask(), await ask()];
    expect(second.body).toEqual(first.body);
    expect(second.headers.get("idempotency-replayed")).toBe("true");
  });

  test("is for its own VM, and gives no more than its mode", async () => {
    await control.createVm("other", "none");
    await control.waitFor("other", "running");
    expect(await closeOf(open(at(`ticket=${await ticket()}`, "other"), {}))).toMatchObject({ code: 4401 });
    expect(await closeOf(open(at(`ticket=${await ticket()}&mode=write`), {}))).toEqual({
      code: 4403,
      reason: 'scope_missing: Cannot serve this with the ticket: it is for reading. Ask for one with mode "write"',
    });
    const writes = open(at(`ticket=${await ticket("write")}&mode=write`), {});
    expect(await writes.hello()).toMatchObject({ mode: "write" });
    const reader = await token("console:read");
    const refused = await control.call<{ code: string }>("POST", "/v1/vms/demo/console/tickets", { mode: "write" }, bearer(reader.secret));
    expect([refused.status, refused.body.code]).toEqual([403, "scope_missing"]);
  });

  test("that is too old, or whose token was revoked, is none", async () => {
    const maker = await token("console:read");
    const made = await control.call<ConsoleTicket>("POST", "/v1/vms/demo/console/tickets", {}, bearer(maker.secret));
    await control.call("DELETE", `/v1/tokens/${maker.token.id}`);
    expect(await refusalOf(open(at(`ticket=${made.body.ticket}`), {}))).toEqual([401, "unauthenticated"]);
    await startAnew({ consoleTicketTtlMs: 0 });
    expect(await refusalOf(open(at(`ticket=${await ticket()}`), {}))).toEqual([401, "unauthenticated"]);
  });
});

describe("the raw subprotocol", () => {
  async function raw(query: string): Promise<{ socket: WebSocket; text: () => string; until: (look: () => boolean) => Promise<void> }> {
    const socket = new WebSocket(at(query), [RAW], { headers: bearer(TOKEN) });
    opened.push(socket);
    let text = "";
    socket.on("message", (data: Buffer) => (text += data.toString()));
    const until = async (look: () => boolean) => {
      while (!look()) await once(socket, "message");
    };
    await once(socket, "open");
    expect(socket.protocol).toBe(RAW);
    return { socket, text: () => text, until };
  }

  test("is the bytes alone, from where they were asked for, whatever is typed goes to the guest", async () => {
    worker.write(vm.id, "0123456789");
    const { socket, text, until } = await raw("from=start&mode=write");
    await until(() => text() === "0123456789");
    const tail = await raw("from=tail:3");
    await tail.until(() => tail.text() === "789");
    socket.send("ls\n");
    socket.send(Buffer.from("pwd\n"));
    await worker.until(() => control.guests.get(vm.id)?.input === "ls\npwd\n");
    worker.write(vm.id, "abc");
    await until(() => text() === "0123456789abc");
  });

  test("goes on where an input session stands", async () => {
    const inputSession = randomUUID();
    const v1 = await control.attach("demo", { mode: "write", inputSession });
    v1.type("abc");
    await v1.message("ack", (ack) => ack["inputNext"] === "3");
    const { socket } = await raw(`mode=write&inputSession=${inputSession}`);
    socket.send("def");
    await worker.until(() => control.guests.get(vm.id)?.input === "abcdef");
  });

  test("ends where it would have to say something: demoted, or beside bytes that are gone", async () => {
    const { socket } = await raw("mode=write");
    const closed = once(socket, "close");
    await (await control.attach("demo", { mode: "write", takeover: "true" })).hello();
    expect((await closed)[0]).toBe(4409);
    const keeper = await control.attach("demo", { from: "end" });
    for (let i = 0; i < 20; i++) worker.write(vm.id, "y".repeat(32 * 1024));
    await keeper.until(() => keeper.next === BigInt(20 * 32 * 1024));
    expect(await refusalOf(open(at("from=0"), bearer(TOKEN), [RAW]))).toEqual([422, "validation_failed"]);
  });
});

describe("a connection ends", () => {
  test("with 4401 where its token is revoked, and where it expires", async () => {
    await startAnew({ consoleHeartbeatMs: 1_000 });
    const made = await token("console:read");
    const socket = open(at(""), bearer(made.secret));
    await socket.hello();
    await control.call("DELETE", `/v1/tokens/${made.token.id}`);
    expect(await closeOf(socket)).toMatchObject({ code: 4401, reason: expect.stringContaining("revoked") });
    const { body } = await control.call<CreatedToken>("POST", "/v1/tokens", { name: "short", scopes: ["console:read"], ttlSeconds: 2 });
    const short = open(at(""), bearer(body.secret));
    await short.hello();
    expect(await closeOf(short)).toMatchObject({ code: 4401, reason: expect.stringContaining("expired") });
  });

  test("with 4403 where a reader's token asks for the right to write", async () => {
    const { secret } = await token("console:read");
    const socket = open(at(""), bearer(secret));
    await socket.hello();
    socket.sendRaw(JSON.stringify({ type: "request_write" }));
    expect(await closeOf(socket)).toMatchObject({ code: 4403, reason: expect.stringContaining("console:write") });
    expect((await control.get<Vm>("/v1/vms/demo")).body.status.console.writer).toBeNull();
  });

  test("with 4404, 4409 and 4410 for a page, which is not shown an answer to an upgrade", async () => {
    expect(await closeOf(open(at("", "nobody"), {}, asPage()))).toMatchObject({
      code: 4404,
      reason: expect.stringContaining("vm_not_found"),
    });
    await (await control.attach("demo", { mode: "write" })).hello();
    expect(await closeOf(open(at("mode=write"), {}, asPage()))).toMatchObject({
      code: 4409,
      reason: expect.stringContaining("console_writer_busy"),
    });
    await control.call("DELETE", "/v1/vms/demo?wait=30");
    expect(await closeOf(open(at("", vm.id), {}, asPage()))).toMatchObject({ code: 4410, reason: expect.stringContaining("vm_deleted") });
    expect(await refusalOf(open(at("", "nobody"), bearer(TOKEN)))).toEqual([404, "vm_not_found"]);
    expect(await refusalOf(open(at(""), {}, asPage("wrong")))).toEqual([401, "unauthenticated"]);
  });

  test("with 4429, or is refused, where there are too many", async () => {
    await startAnew({ consoleSessionsMax: 2 });
    await control.attach("demo");
    const second = await control.attach("demo");
    expect(await closeOf(open(at(""), {}, asPage()))).toMatchObject({ code: 4429 });
    const refused = open(at(""));
    expect(await refusalOf(refused)).toEqual([429, "quota_exceeded"]);
    expect(refused.refusal?.body).toMatchObject({ limit: 2, usage: 2, retryable: false });
    second.terminate();
    await control.attach("demo");
  });
});

test("a viewer that stops reading slows neither the guest nor another viewer", async () => {
  await startAnew({ slowConsumerMs: 500 });
  const stopped = await control.attach("demo", { from: "start" }, false);
  const reader = await control.attach("demo", { from: "start" });
  const total = 3 * 1024 * 1024;
  for (let sent = 0; sent < total; sent += 64 * 1024) {
    worker.write(vm.id, "z".repeat(64 * 1024));
    // What the guest has written is with the other viewer before it writes on: were it to wait for the first one, this would not end.
    await reader.until(() => reader.next === BigInt(sent + 64 * 1024));
  }
  expect(reader.text.length).toBe(total);
  expect(reader.messages.some((message) => message["type"] === "gap")).toBe(false);
  expect(stopped.text.length).toBeLessThanOrEqual(256 * 1024);
  expect((await closeOf(stopped)).code).toBe(4408);
  const again = await control.attach("demo", { from: String(stopped.next) });
  expect(await again.message("gap")).toMatchObject({ requested: String(stopped.next), reason: "trimmed" });
});

describe("an input session", () => {
  const typed = async (inputSession: string, offset: number, text: string) =>
    await control.call<{ code: string; inputNext: string; durability: string }>("POST", "/v1/vms/demo/console/input", {
      inputSession,
      offset: String(offset),
      data: Buffer.from(text).toString("base64"),
    });

  test("takes what is typed by a call once, with its durability", async () => {
    const session = randomUUID();
    expect((await typed(session, 0, "echo 1\n")).body).toEqual({ inputSession: session, inputNext: "7", durability: "replicated" });
    expect((await typed(session, 0, "echo 1\n")).body).toMatchObject({ inputNext: "7" });
    expect((await typed(session, 5, "1\nls")).body).toMatchObject({ inputNext: "9" });
    expect(control.guests.get(vm.id)?.input).toBe("echo 1\nls");
    const gap = await typed(session, 20, "lost");
    expect([gap.status, gap.body.code, gap.body.inputNext]).toEqual([409, "input_offset_gap", "9"]);
    await (await control.attach("demo", { mode: "write" })).hello();
    const busy = await typed(session, 9, "\n");
    expect([busy.status, busy.body.code]).toEqual([409, "console_writer_busy"]);
  });

  test("that was not used for too long is not resumed", async () => {
    await startAnew({ inputSessionTtlMs: 0 });
    const session = randomUUID();
    expect((await typed(session, 0, "a")).status).toBe(200);
    const late = await typed(session, 1, "b");
    expect([late.status, late.body.code]).toEqual([409, "input_session_expired"]);
    expect(await refusalOf(open(at(`mode=write&inputSession=${session}`)))).toEqual([409, "input_session_expired"]);
  });

  test("is over once 64 others came after it", async () => {
    const first = randomUUID();
    await typed(first, 0, "a");
    for (let other = 0; other < 63; other++) await typed(randomUUID(), 0, "x");
    expect((await typed(first, 1, "b")).status).toBe(200);
    for (let other = 0; other < 64; other++) await typed(randomUUID(), 0, "x");
    const late = await typed(first, 2, "c");
    expect([late.status, late.body.code]).toEqual([409, "input_session_expired"]);
  });

  test("that the machine has forgotten is not begun anew", async () => {
    const session = randomUUID();
    await typed(session, 0, "abc");
    control.guests.get(vm.id)?.sessions.clear();
    expect((await typed(session, 3, "d")).body.code).toBe("input_session_expired");
  });

  test("of a VM without a guest takes nothing", async () => {
    await control.call("POST", "/v1/vms/demo/kill?wait=30");
    const refused = await typed(randomUUID(), 0, "x");
    expect([refused.status, refused.body.code]).toEqual([409, "invalid_state"]);
  });
});

describe("output by a call", () => {
  async function output(query: string): Promise<[text: string, start: string | null, next: string | null, oldest: string | null]> {
    const response = await fetch(`${control.url}/v1/vms/demo/console/output?${query}`, { headers: bearer(TOKEN) });
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/octet-stream"]);
    const [start, next, oldest] = ["start", "next", "oldest"].map((name) => response.headers.get(`console-offset-${name}`));
    return [await response.text(), start ?? null, next ?? null, oldest ?? null];
  }

  test("is a piece with its offsets, and waits for the guest where it is asked to", async () => {
    worker.write(vm.id, "0123456789");
    expect(await output("")).toEqual(["0123456789", "0", "10", "0"]);
    expect(await output("from=4&maxBytes=3")).toEqual(["456", "4", "7", "0"]);
    expect(await output("from=tail:2")).toEqual(["89", "8", "10", "0"]);
    expect(await output("from=end")).toEqual(["", "10", "10", "0"]);
    const waiting = output("from=10&wait=60");
    worker.write(vm.id, "abc");
    expect(await waiting).toEqual(["abc", "10", "13", "0"]);
    const beyond = await control.get<{ code: string }>("/v1/vms/demo/console/output?from=99");
    expect([beyond.status, beyond.body.code]).toEqual([422, "validation_failed"]);
  });

  test("begins at the oldest byte that is held", async () => {
    const keeper = await control.attach("demo", { from: "end" });
    for (let i = 0; i < 20; i++) worker.write(vm.id, "y".repeat(32 * 1024));
    await keeper.until(() => keeper.next === BigInt(20 * 32 * 1024));
    const [, start, next, oldest] = await output("from=7&maxBytes=10");
    expect(start).toBe(oldest);
    expect([Number(start) > 7, Number(next) - Number(start)]).toEqual([true, 10]);
  });

  test("of a VM that has stopped is what is left, at once", async () => {
    worker.write(vm.id, "last words");
    expect((await output("from=start"))[0]).toBe("last words");
    await control.call("POST", "/v1/vms/demo/kill?wait=30");
    expect((await output("from=start&wait=60"))[0]).toBe("last words");
  });
});

test("the SDK and the CLI read, type, list, end and attach by ticket", async () => {
  const { console } = await new Understudy({ url: control.url, token: TOKEN }).vms.get("demo");
  worker.write(vm.id, "0123456789");
  const first = await console.read({ maxBytes: 4 });
  expect([Buffer.from(first.data).toString(), first.next]).toEqual(["0123", 4n]);
  expect((await console.read({ from: 10n })).data).toHaveLength(0);
  const inputSession = randomUUID();
  expect(await console.type("ls\n", { inputSession, offset: 0n })).toMatchObject({ inputNext: "3" });
  await expect(console.type("x", { inputSession, offset: 9n })).rejects.toThrow(InputOffsetGapError);

  const made = await console.ticket();
  await open(at(`ticket=${made.ticket}`), {}).hello();
  const attached = await console.attach({ from: "end" });
  const ended = attached.next().catch((error: unknown) => error);
  const own = (await console.sessions()).find(({ position, subprotocol }) => position === "10" && subprotocol === V1);
  expect(await console.sessions()).toHaveLength(2);
  for (const { id } of await console.sessions()) await console.endSession(id);
  expect(own).toBeDefined();
  expect(await ended).toBeInstanceOf(PermissionError);

  const env = { UNDERSTUDY_API_URL: control.url, UNDERSTUDY_TOKEN: TOKEN };
  expect(await runCli(["vm", "logs", "demo", "--from", "tail:4"], env)).toEqual({ code: 0, stdout: "6789", stderr: "" });
  const following = new CapturedShell(env);
  const followed = following.run("vm", "logs", "demo", "-f", "--from", "8");
  worker.write(vm.id, "abc");
  await following.shows("89abc");
  following.abort.abort();
  expect((await followed).stdout).toBe("89abc");
});

describe("two control planes", () => {
  let second: ControlUnderTest;
  beforeEach(async () => {
    second = await ControlUnderTest.ofTest({ connection: control.connection, images: await makeImageStore() });
    // The worker that holds the guest is at both, as real ones are.
    const { incarnation, reports } = worker;
    const twin = await second.join("one", { incarnation, guests: control.guests });
    for (const [id, report] of reports) {
      twin.reports.set(id, report);
      twin.report(id);
    }
    if (second.parts.workers.primaryOf(vm.id) === null) await once(second.parts.workers, "report");
  });

  const sessions = async (on: ControlUnderTest) =>
    (await on.get<{ items: ConsoleSession[] }>("/v1/vms/demo/console/sessions")).body.items.map(({ id, mode, writer }) => ({
      id,
      mode,
      writer,
    }));

  test("redeem a ticket once between them", async () => {
    for (let round = 0; round < 5; round++) {
      const secret = await ticket();
      const sockets = [control, second].map((on) => open(at(`ticket=${secret}`, "demo", on), {}));
      const outcomes = await Promise.all(
        sockets.map((socket) => socket.until(() => (socket.refusal !== null ? "refused" : socket.messages.length > 0 && "attached"))),
      );
      expect(outcomes.sort()).toEqual(["attached", "refused"]);
    }
  });

  test("tell alike who is attached and who writes, and end each other's sessions", async () => {
    const reader = await control.attach("demo");
    const writer = await second.attach("demo", { mode: "write" });
    const [readerId, writerId] = [(await reader.hello())["sessionId"], (await writer.hello())["sessionId"]];
    const wanted = [
      { id: readerId, mode: "read", writer: false },
      { id: writerId, mode: "write", writer: true },
    ];
    const alike = async (on: ControlUnderTest) => {
      while (!(await sessions(on)).some(({ writer: writes }) => writes) || (await sessions(on)).length < 2) await on.parts.feed.next(1000);
      return await sessions(on);
    };
    expect(await alike(control)).toEqual(wanted);
    expect(await alike(second)).toEqual(wanted);

    const taker = await control.attach("demo", { mode: "write", takeover: "true" });
    const takerId = (await taker.hello())["sessionId"];
    expect(await writer.message("writer", (m) => m["change"] === "demoted")).toMatchObject({ writer: takerId });
    const { body } = await second.get<{ items: { cause: string; actor: { id: string }; data: Record<string, string> }[] }>(
      "/v1/events?types=vm.console.writer.changed&after=0",
    );
    const taken = body.items.find(({ cause }) => cause === "takeover");
    expect(taken?.data).toMatchObject({ writer: takerId, former: writerId });
    expect(taken?.actor.id).toMatch(/^tok_/);
    await control.parts.audit.flush();
    const { rows } = await control.parts.database.query<{ resource: string; token_id: string }>(
      "SELECT resource, token_id FROM audit_entries WHERE operation = 'takeOverConsole'",
      [],
    );
    expect(rows).toEqual([{ resource: "/v1/vms/demo/console", token_id: taken?.actor.id }]);

    const ended = await control.call<ConsoleSession>("DELETE", `/v1/vms/demo/console/sessions/${writerId}`);
    expect([ended.status, ended.body.id]).toEqual([200, writerId]);
    expect(await closeOf(writer)).toMatchObject({ code: 4403, reason: expect.stringContaining("ended") });
    expect((await control.call("DELETE", `/v1/vms/demo/console/sessions/${writerId}`)).status).toBe(404);
    expect((await sessions(second)).map(({ id }) => id)).toEqual([readerId, takerId]);
  });
});
