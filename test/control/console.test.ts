/** The console WebSocket: offsets, input sessions, one writer, credit, and what a failover looks like to a client. */
import { randomUUID } from "node:crypto";
import { beforeEach, describe, expect, test } from "vitest";
import type { Vm } from "../../src/control/schemas/vm.ts";
import type { ControlSettings } from "../../src/control/settings.ts";
import { ConsoleSocket, ControlUnderTest, TOKEN } from "./support/control-under-test.ts";
import type { ScriptedWorker } from "./support/scripted-worker.ts";

let control: ControlUnderTest;
let vm: Vm;
let primary: ScriptedWorker;
let backup: ScriptedWorker;
let backupId: string;

beforeEach(() => start());

async function start(settings: Partial<ControlSettings> = {}): Promise<void> {
  control = await ControlUnderTest.ofTest({ settings, workers: ["one", "two"] });
  ({ vm, primary, backup, backupId } = await control.protectedVm("demo"));
}

async function startAnew(settings: Partial<ControlSettings>): Promise<void> {
  await control.close();
  await start(settings);
}

const guest = () => control.guests.get(vm.id);

describe("output", () => {
  test("begins where it was asked to, and goes on as the guest writes", async () => {
    primary.write(vm.id, "0123456789");
    const all = await control.attach("demo", { from: "start" });
    await all.output("0123456789");
    const hello = await all.hello();
    expect(hello).toMatchObject({
      vmId: vm.id,
      mode: "read",
      state: "running",
      term: vm.status.term,
      outOldest: "0",
      from: "0",
      writer: null,
      inputSession: null,
    });
    const tail = await control.attach("demo", { from: "tail:3" });
    await tail.output("789");
    expect(tail.text).toBe("789");
    const offset = await control.attach("demo", { from: "5" });
    const end = await control.attach("demo", { from: "end" });
    primary.write(vm.id, "abc");
    await Promise.all([all.output("789abc"), tail.output("789abc"), offset.output("56789abc"), end.output("abc")]);
    expect(end.text).toBe("abc");
    expect(offset.text).toBe("56789abc");
  });

  test("between the first and the newest bytes that are kept is told to be missing: by a gap, a header, a refusal; a smaller retention drops more", async () => {
    const retain = (console: object) =>
      control.call<Vm>("PATCH", "/v1/vms/demo", { spec: { console } }, { "content-type": "application/merge-patch+json" });
    const read = async (from: string) => {
      const { headers, arrayBuffer } = await fetch(`${control.url}/v1/vms/demo/console/output?from=${from}`, {
        headers: { authorization: `Bearer ${TOKEN}` },
      }).then((answer) => ({ headers: answer.headers, arrayBuffer: answer.arrayBuffer() }));
      const bytes = Buffer.from(await arrayBuffer).toString();
      return {
        bytes,
        start: headers.get("console-offset-start"),
        oldest: headers.get("console-offset-oldest"),
        gap: headers.get("console-gap"),
      };
    };
    const text = Array.from({ length: 2500 }, (_, n) => `${String(n).padStart(7, "0")}\n`).join("");
    const tail = text.length - 4096;
    await retain({ headBytes: 1000, tailBytes: 4096 });
    primary.write(vm.id, text);
    const begin = { start: "0", oldest: "0", gap: null };
    await expect.poll(() => read("start")).toEqual({ ...begin, bytes: text.slice(0, 1000) });
    await expect.poll(() => read("1000")).toEqual({ bytes: text.slice(tail), start: `${tail}`, oldest: "0", gap: `1000-${tail - 1}` });
    expect(await read(`${tail + 100}`)).toEqual({ bytes: text.slice(tail + 100), start: `${tail + 100}`, oldest: "0", gap: null });

    const socket = await control.attach("demo", { from: "990" }, false);
    expect(await socket.message("gap")).toMatchObject({ requested: "1000", resumedAt: `${tail}`, reason: "trimmed" });
    const raw = (from: string) => {
      const url = `${control.url.replace("http", "ws")}/v1/vms/demo/console?from=${from}`;
      return new ConsoleSocket(url, { authorization: `Bearer ${TOKEN}` }, ["understudy.console.raw"]);
    };
    const refused = raw("500");
    expect((await refused.until(() => refused.refusal)).body).toMatchObject({ code: "validation_failed", errors: [{ code: "trimmed" }] });

    await retain({ headBytes: 10, tailBytes: 8192 });
    await expect.poll(() => read("start")).toEqual({ ...begin, bytes: text.slice(0, 10) });
    expect(await read("10")).toMatchObject({ start: `${tail}`, gap: `10-${tail - 1}` });
    await retain({ headBytes: 0 });
    await expect.poll(() => read("start")).toMatchObject({ start: `${tail}`, oldest: `${tail}`, gap: null });
  });

  test("comes in frames of at most 32 KiB, within the credit that the client gives", async () => {
    primary.write(vm.id, "x".repeat(400_000));
    const socket = await control.attach("demo", { from: "start" }, false);
    await socket.until(() => socket.text.length >= 256 * 1024);
    expect(socket.text.length).toBe(256 * 1024);
    socket.acknowledge(100_000n);
    await socket.until(() => socket.text.length >= 100_000 + 256 * 1024);
    expect(socket.text.length).toBe(100_000 + 256 * 1024);
    socket.acknowledge(socket.next as bigint);
    await socket.until(() => socket.text.length === 400_000);
  });

  test("a client that never acknowledges is closed with 4408, and comes back by offset", async () => {
    await startAnew({ slowConsumerMs: 300 });
    const socket = await control.attach("demo", { from: "start" }, false);
    primary.write(vm.id, "x".repeat(300_000));
    expect((await socket.until(() => socket.closed)).code).toBe(4408);
    // On a slow machine the one that comes back may be closed as well, and comes back once more.
    let next = socket.next;
    while (next !== 300_000n) {
      const again = await control.attach("demo", { from: String(next) });
      await again.until(() => again.next === 300_000n || again.closed !== null);
      next = again.next;
    }
  });

  test("what is no longer held is announced as a gap", async () => {
    const keeper = await control.attach("demo", { from: "end" });
    for (let i = 0; i < 20; i++) primary.write(vm.id, "y".repeat(32 * 1024));
    await keeper.until(() => keeper.next === BigInt(20 * 32 * 1024));
    const late = await control.attach("demo", { from: "7" });
    const gap = await late.message("gap");
    expect(gap).toMatchObject({ requested: "7", reason: "trimmed" });
    await late.until(() => late.next === BigInt(20 * 32 * 1024));
    expect(late.text.length).toBe(20 * 32 * 1024 - Number(gap["resumedAt"]));
  });

  test("many viewers see the same bytes", async () => {
    const viewers = await Promise.all(Array.from({ length: 10 }, () => control.attach("demo", { from: "start" })));
    for (let i = 0; i < 50; i++) primary.write(vm.id, `line ${i}\n`);
    const wanted = guest()?.output.toString() as string;
    for (const viewer of viewers) {
      await viewer.output("line 49\n");
      expect(viewer.text).toBe(wanted);
    }
  });
});

describe("input", () => {
  test("reaches the guest once, and is acknowledged with its durability", async () => {
    const socket = await control.attach("demo", { mode: "write" });
    expect(await socket.message("hello")).toMatchObject({ mode: "write", inputNext: "0" });
    socket.type("echo hello\n");
    expect(await socket.message("ack", (ack) => ack["inputNext"] === "11")).toMatchObject({ durability: "replicated" });
    // Sent again, as a client does that did not get the ack, with something new behind.
    socket.input(5n, "hello\nmore");
    await socket.message("ack", (ack) => ack["inputNext"] === "15");
    expect(guest()?.input).toBe("echo hello\nmore");
  });

  test("a session is resumed where it stands", async () => {
    const inputSession = randomUUID();
    const first = await control.attach("demo", { mode: "write", inputSession });
    first.type("abc");
    await first.message("ack", (ack) => ack["inputNext"] === "3");
    first.terminate();
    const second = await control.attach("demo", { mode: "write", inputSession });
    expect(await second.message("hello")).toMatchObject({ inputSession, inputNext: "3" });
    second.type("def");
    await second.message("ack", (ack) => ack["inputNext"] === "6");
    expect(guest()?.input).toBe("abcdef");
  });

  test("bytes behind a hole are refused with 4409 input_offset_gap", async () => {
    const socket = await control.attach("demo", { mode: "write" });
    socket.input(10n, "lost");
    const { code, reason } = await socket.until(() => socket.closed);
    expect(code).toBe(4409);
    expect(reason).toContain("input_offset_gap");
    expect(guest()?.input ?? "").toBe("");
  });

  test("is a size of the terminal as well, in its place among the bytes, and given again to the next primary", async () => {
    const socket = await control.attach("demo", { mode: "write" });
    socket.input(0n, "ab");
    socket.sendRaw(JSON.stringify({ type: "resize", cols: 100, rows: 30, offset: "2" }));
    socket.input(3n, "c");
    await socket.message("ack", (ack) => ack["inputNext"] === "4");
    // Said without its offset, it comes after all that was typed; said again with one that is known, it changes nothing.
    socket.sendRaw(JSON.stringify({ type: "resize", cols: 80, rows: 24 }));
    await socket.message("ack", (ack) => ack["inputNext"] === "5");
    socket.sendRaw(JSON.stringify({ type: "resize", cols: 1, rows: 1, offset: "4" }));
    socket.input(5n, "d");
    await socket.message("ack", (ack) => ack["inputNext"] === "6");
    expect(guest()?.input).toBe("ab<100x30>c<80x24>d");
    primary.acknowledges = false;
    socket.sendRaw(JSON.stringify({ type: "resize", cols: 90, rows: 25, offset: "6" }));
    await control.kill(primary);
    await backup.promote(backupId);
    await socket.message("ack", (ack) => ack["inputNext"] === "7");
    expect(guest()?.input).toBe("ab<100x30>c<80x24>d<90x25>");
  });

  test("that is a size is refused of a reader, behind a hole, and where no terminal has it", async () => {
    for (const [mode, message, code] of [
      ["read", { cols: 80, rows: 24 }, 4409],
      ["write", { cols: 80, rows: 24, offset: "7" }, 4409],
      ["write", { cols: 0, rows: 24 }, 4400],
      ["write", { cols: 80, rows: 65_536 }, 4400],
      ["write", { cols: 80.5, rows: 24 }, 4400],
      ["write", { cols: 80 }, 4400],
      ["write", { cols: 80, rows: 24, offset: 0 }, 4400],
      ["write", { cols: 80, rows: 24, offset: "18446744073709551616" }, 4400],
    ] as const) {
      const socket = await control.attach("demo", { mode, takeover: "true" });
      socket.sendRaw(JSON.stringify({ type: "resize", ...message }));
      expect((await socket.until(() => socket.closed)).code, JSON.stringify(message)).toBe(code);
    }
    expect(guest()?.input ?? "").toBe("");
  });

  test("of a reader is refused", async () => {
    const socket = await control.attach("demo", { mode: "read" });
    socket.input(0n, "x");
    expect((await socket.until(() => socket.closed)).code).toBe(4409);
  });

  test("is not read faster than the guest takes it", async () => {
    primary.acknowledges = false;
    const socket = await control.attach("demo", { mode: "write" });
    for (let i = 0; i < 64; i++) socket.type("z".repeat(16 * 1024));
    await control.parts.database.ping();
    primary.acknowledges = true;
    const before = primary.orders.length;
    primary.kill();
    await primary.reconnect();
    await socket.message("ack", (ack) => ack["inputNext"] === String(64 * 16 * 1024));
    expect(guest()?.input.length).toBe(64 * 16 * 1024);
    expect(primary.orders.length).toBeGreaterThan(before);
  });
});

describe("the writer", () => {
  test("is one; another is refused before the upgrade, and says so", async () => {
    const first = await control.attach("demo", { mode: "write" });
    const sessionId = (await first.hello())["sessionId"];
    const refused = new ConsoleSocket(`${control.url.replace("http", "ws")}/v1/vms/demo/console?mode=write`);
    const { status, body } = await refused.until(() => refused.refusal);
    expect([status, body["code"], body["writer"]]).toEqual([409, "console_writer_busy", sessionId]);
    expect((await control.get<Vm>("/v1/vms/demo")).body.status.console.writer).toBe(sessionId);
  });

  test("is replaced by takeover, and told by whom", async () => {
    const first = await control.attach("demo", { mode: "write" });
    const reader = await control.attach("demo");
    const second = await control.attach("demo", { mode: "write", takeover: "true" });
    const { sessionId } = (await second.hello()) as { sessionId: string };
    expect(await first.message("writer", (m) => m["change"] === "demoted")).toMatchObject({ writer: sessionId, by: sessionId });
    await reader.message("writer", (m) => m["writer"] === sessionId);
    first.type("from the demoted one");
    second.type("from the new one");
    await second.message("ack");
    expect(guest()?.input).toBe("from the new one");
    const { body } = await control.get<{ items: unknown[] }>("/v1/events?types=vm.console.writer.changed");
    expect(body.items.length).toBeGreaterThan(0);
  });

  test("is asked for and given back with messages", async () => {
    const first = await control.attach("demo");
    first.sendRaw(JSON.stringify({ type: "request_write" }));
    const granted = await first.message("writer", (m) => m["change"] === "granted");
    expect(granted["inputNext"]).toBe("0");
    first.type("typed");
    await first.message("ack", (ack) => ack["inputNext"] === "5");
    first.sendRaw(JSON.stringify({ type: "release_write" }));
    await first.message("writer", (m) => m["change"] === "demoted" && m["writer"] === null);
    const second = await control.attach("demo", { mode: "write" });
    expect(await second.message("hello")).toMatchObject({ mode: "write" });
  });

  test("that comes back with its input session takes its place without force", async () => {
    const inputSession = randomUUID();
    const first = await control.attach("demo", { mode: "write", inputSession });
    const second = await control.attach("demo", { mode: "write", inputSession });
    expect(await second.message("hello")).toMatchObject({ mode: "write" });
    expect((await first.until(() => first.closed)).code).toBe(4409);
  });
});

describe("a failover", () => {
  test("is one message to the client; output goes on at the next byte", async () => {
    const socket = await control.attach("demo", { from: "start" });
    primary.write(vm.id, "before ");
    await socket.output("before ");
    await control.kill(primary);
    await backup.promote(backupId);
    const term = await socket.message("term");
    expect(term).toMatchObject({ term: vm.status.term + 1, epoch: vm.status.term + 1, cause: "worker_lost", outOffset: "7", gapMs: 6 });
    backup.write(vm.id, "after");
    await socket.output("before after");
    expect(socket.text).toBe("before after");
    await socket.message("protection", (m) => m["state"] === "failing_over");
  });

  test("input that was not acknowledged is sent to the new primary, once", async () => {
    const socket = await control.attach("demo", { mode: "write" });
    socket.type("one\n");
    await socket.message("ack", (ack) => ack["inputNext"] === "4");
    primary.acknowledges = false;
    socket.type("two\n");
    socket.sendRaw(JSON.stringify({ type: "ping" }));
    await socket.message("pong");
    primary.kill();
    await backup.promote(backupId);
    await socket.message("ack", (ack) => ack["inputNext"] === "8");
    expect(guest()?.input).toBe("one\ntwo\n");
    expect(socket.closed).toBeNull();
  });

  test("input that the log had and whose ack was lost is not given to the guest again", async () => {
    const socket = await control.attach("demo", { mode: "write" });
    const { inputSession } = (await socket.hello()) as { inputSession: string };
    primary.acknowledges = false;
    socket.type("logged");
    socket.sendRaw(JSON.stringify({ type: "ping" }));
    await socket.message("pong");
    const shared =
      guest() ??
      (() => {
        throw new Error("no guest");
      })();
    shared.input += "logged";
    shared.sessions.set(inputSession, 6n);
    primary.kill();
    await backup.promote(backupId);
    await socket.message("ack", (ack) => ack["inputNext"] === "6");
    socket.type(" and more");
    await socket.message("ack", (ack) => ack["inputNext"] === "15");
    expect(shared.input).toBe("logged and more");
  });

  test("whose word has not come leaves the console with nobody to follow: a worker that denies a replica is not asked again for the same word", async () => {
    primary.write(vm.id, "before");
    const client = await control.attach("demo", { from: "start" });
    await client.output("before");
    const subscriptions = () => primary.orders.filter(({ type }) => type === "consoleSubscribe") as { readonly subscription: number }[];
    const [first] = subscriptions();
    const report = [...primary.reports.values()].find(({ role }) => role === "primary");
    if (first === undefined || report === undefined) throw new Error("nobody follows the primary");
    primary.reports.delete(report.replicaId);
    primary.send({ type: "consoleClosed", subscription: first.subscription, code: "replica_gone" });
    // As long as it takes to ask many times.
    for (let call = 0; call < 20; call++) await control.get("/v1/vms/demo");
    expect(subscriptions()).toHaveLength(1);
    primary.reports.set(report.replicaId, report);
    primary.report(report.replicaId);
    primary.write(vm.id, " and after");
    await client.output("before and after");
    expect(subscriptions()).toHaveLength(2);
  });

  test("of the channel alone is not noticed at all", async () => {
    const socket = await control.attach("demo", { mode: "write" });
    primary.write(vm.id, "a");
    await socket.output("a");
    primary.kill();
    socket.type("while away");
    await primary.reconnect();
    await socket.message("ack", (ack) => ack["inputNext"] === "10");
    primary.write(vm.id, "b");
    await socket.output("ab");
    expect(socket.messages.some((message) => message["type"] === "term")).toBe(false);
  });
});

describe("the end", () => {
  test("of the VM closes with 4410", async () => {
    const socket = await control.attach("demo");
    await control.call("DELETE", "/v1/vms/demo");
    expect((await socket.until(() => socket.closed)).code).toBe(4410);
  });

  test("of the control plane closes with 1001", async () => {
    const socket = await control.attach("demo");
    await control.stopButWorkers();
    expect((await socket.until(() => socket.closed)).code).toBe(1001);
  });
});
