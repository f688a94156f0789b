/** The attached console against a real WebSocket server that cuts, repeats, refuses and forgets by seed. */
import { afterEach, describe, expect, it, vi } from "vitest";
import { WebSocket } from "ws";
import { Prng } from "../../src/base/prng.ts";
import type { AttachOptions, ConsoleGap } from "../../src/sdk/console-stream.ts";
import { ConsoleStream } from "../../src/sdk/console-stream.ts";
import {
  ConnectionError,
  ConsoleClosedError,
  ConsoleGapError,
  ConsoleWriterBusyError,
  InputSessionExpiredError,
  UnauthenticatedError,
  VmDeletedError,
  VmNotFoundError,
} from "../../src/sdk/errors.ts";
import { openBrowserSocket, openSocket } from "../../src/sdk/socket.ts";
import type { Faults } from "./scripted-console-server.ts";
import { NO_FAULTS, refuse, ScriptedConsoleServer, sizeByte } from "./scripted-console-server.ts";

const SESSION = "00000000-0000-4000-8000-000000000001";
const servers: ScriptedConsoleServer[] = [];
const streams: ConsoleStream[] = [];

afterEach(async () => {
  for (const stream of streams.splice(0)) stream.close();
  for (const server of servers.splice(0)) await server.close();
});

function startServer(seed = 1, faults: Faults = NO_FAULTS): ScriptedConsoleServer {
  const server = new ScriptedConsoleServer(new Prng(seed), faults);
  servers.push(server);
  return server;
}

async function attach(url: string, options: AttachOptions = {}): Promise<ConsoleStream> {
  const dependencies = { vm: "vm_1", url, token: async () => "secret", open: openSocket, backoff: { baseMs: 2, capMs: 20 } };
  const stream = await ConsoleStream.attach(dependencies, options);
  streams.push(stream);
  return stream;
}

/** Reads until `bytes` bytes came; checks that each chunk begins where the last one ended. */
async function read(stream: ConsoleStream, bytes: number): Promise<string> {
  const pieces: Uint8Array[] = [];
  let left = bytes;
  let next: bigint | null = null;
  while (left > 0) {
    const { value, done } = await stream.next();
    if (done === true) throw new Error(`the console ended ${left} bytes early`);
    if (next !== null) expect(value.offset).toBe(next);
    next = value.offset + BigInt(value.data.length);
    pieces.push(value.data);
    left -= value.data.length;
  }
  return Buffer.concat(pieces).toString("utf8");
}

function numberedLines(count: number): string {
  return Array.from({ length: count }, (_, i) => `line ${i}\n`).join("");
}

describe("console output", () => {
  it("arrives from the start, with offsets", async () => {
    const server = startServer();
    const url = await server.listen();
    server.print("hello\n");
    const stream = await attach(url);
    expect(stream.hello.outEnd).toBe(6n);
    expect(stream.offset).toBe(0n);
    expect(await read(stream, 6)).toBe("hello\n");
    expect(stream.offset).toBe(6n);
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])("comes exactly once over cut connections, repeats and refusals (seed %i)", async (seed) => {
    const server = startServer(seed, { cut: 8, repeat: 60, refuse: 20, failover: 0, withholdAck: 0 });
    const url = await server.listen();
    const expected = numberedLines(4000);
    const stream = await attach(url);
    let printed = 0;
    const lines = expected.match(/[^\n]*\n/g) ?? [];
    const reading = read(stream, expected.length);
    const printer = new Prng(seed + 100);
    while (printed < lines.length) {
      const count = printer.between(1, 200);
      server.print(lines.slice(printed, printed + count).join(""));
      printed += count;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await reading).toBe(expected);
    expect(server.upgrades.length).toBeGreaterThan(2);
    expect(server.violations).toEqual([]);
  });

  it("goes on after the service was away and came back on the same port", async () => {
    const first = startServer();
    const url = await first.listen();
    first.print("before\n");
    const stream = await attach(url);
    expect(await read(stream, 7)).toBe("before\n");
    const lost = new Promise((resolve) => stream.on("reconnecting", resolve));
    await first.close();
    await lost;
    const second = startServer();
    second.print("before\nafter\n");
    await second.listen(Number(new URL(url).port));
    expect(await read(stream, 6)).toBe("after\n");
  });

  it("says that bytes were trimmed, and goes on behind the gap", async () => {
    const server = startServer();
    const url = await server.listen();
    server.print("0123456789");
    server.oldest = 4n;
    const stream = await attach(url, { from: 1n });
    const error = await stream.next().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ConsoleGapError);
    expect(error).toMatchObject({ code: "console_gap", requested: 1n, resumedAt: 4n });
    expect(await read(stream, 6)).toBe("456789");
  });

  it("gives the gap as an event where the caller asked for that", async () => {
    const server = startServer();
    const url = await server.listen();
    server.print("0123456789");
    const stream = await attach(url, { onGap: "continue" });
    expect(await read(stream, 10)).toBe("0123456789");
    const gaps: ConsoleGap[] = [];
    stream.on("gap", (gap) => gaps.push(gap));
    const lost = new Promise((resolve) => stream.on("reconnecting", resolve));
    server.cutAll();
    await lost;
    server.print("lost and kept");
    server.oldest = 15n;
    expect(await read(stream, 8)).toBe("and kept");
    expect(gaps).toEqual([{ requested: 10n, resumedAt: 15n, reason: "trimmed" }]);
  });

  it("is not sent faster than it is read: at most one window is on its way", async () => {
    const server = startServer();
    server.frameBytes = 32 * 1024;
    const url = await server.listen();
    const stream = await attach(url);
    const total = 1024 * 1024;
    server.print("x".repeat(total));
    const [viewer] = server.viewers;
    await server.until(() => viewer !== undefined && viewer.sent === 256n * 1024n);
    expect(await read(stream, total)).toHaveLength(total);
  });

  it("is asked for again where a slow reader was closed, and nothing is lost", async () => {
    const server = startServer();
    server.frameBytes = 32 * 1024;
    const url = await server.listen();
    const stream = await attach(url);
    server.print("y".repeat(300 * 1024));
    const [viewer] = server.viewers;
    await server.until(() => viewer?.sent === 256n * 1024n);
    const connected = new Promise((resolve) => stream.on("connected", resolve));
    viewer?.socket.close(4408, "slow consumer");
    await connected;
    expect(server.upgrades.at(-1)?.url.searchParams.get("from")).toBe("0");
    expect(await read(stream, 300 * 1024)).toHaveLength(300 * 1024);
  });

  it("survives a connection on which the service falls silent", async () => {
    const server = startServer();
    server.heartbeatMs = 20;
    const url = await server.listen();
    const stream = await attach(url);
    const lost = new Promise<{ reason: string }>((resolve) => stream.on("reconnecting", resolve));
    server.silent = true;
    expect((await lost).reason).toContain("silent");
    server.silent = false;
    server.print("back\n");
    expect(await read(stream, 5)).toBe("back\n");
  });

  it("can be read in two loops: leaving the first does not close it", async () => {
    const server = startServer();
    server.frameBytes = 1;
    const url = await server.listen();
    server.print("ab");
    const stream = await attach(url);
    for await (const chunk of stream) {
      expect(chunk.data).toEqual(Uint8Array.of(97));
      break;
    }
    expect(await read(stream, 1)).toBe("b");
  });
});

describe("console in a browser", () => {
  it("gives the token as a subprotocol, and works over the global WebSocket", async () => {
    // The `ws` package has the browser's interface as well.
    vi.stubGlobal("WebSocket", WebSocket);
    const server = startServer();
    const url = await server.listen();
    const stream = await ConsoleStream.attach(
      {
        vm: "vm_1",
        url,
        token: async () => "t\u00f6ken?>",
        open: async (...call) => openBrowserSocket(...call),
        backoff: { baseMs: 2, capMs: 20 },
      },
      { mode: "write", inputSession: SESSION },
    );
    streams.push(stream);
    const [, bearer] = server.upgrades[0]?.subprotocol?.split(/, ?/) ?? [];
    expect(bearer).toMatch(/^understudy\.bearer\.[\w-]+$/);
    expect(Buffer.from(bearer?.slice("understudy.bearer.".length) ?? "", "base64url").toString("utf8")).toBe("t\u00f6ken?>");
    expect(server.upgrades[0]?.authorization).toBeUndefined();
    server.print("hello");
    expect(await read(stream, 5)).toBe("hello");
    server.cutAll();
    await stream.write("typed");
    expect(server.typed(SESSION)).toBe("typed");
    vi.unstubAllGlobals();
  });
});

describe("console input", () => {
  it("resolves with the durability once it is acknowledged", async () => {
    const server = startServer();
    const url = await server.listen();
    const stream = await attach(url, { mode: "write", inputSession: SESSION });
    expect(await stream.write("echo hello\n")).toEqual({ durability: "replicated", inputNext: 11n });
    expect(server.typed(SESSION)).toBe("echo hello\n");
  });

  it.each([11, 12, 13, 14, 15, 16, 17, 18])("arrives exactly once over cuts, failovers and lost acks (seed %i)", async (seed) => {
    const server = startServer(seed, { cut: 10, repeat: 0, refuse: 10, failover: 10, withholdAck: 10 });
    const url = await server.listen();
    const stream = await attach(url, { mode: "write", inputSession: SESSION });
    const lines = numberedLines(300);
    let expected = "";
    const prng = new Prng(seed);
    const writes: Promise<unknown>[] = [];
    for (let at = 0; at < lines.length; ) {
      const length = prng.between(1, 40);
      const write = stream.write(lines.slice(at, at + length));
      writes.push(write);
      expected += lines.slice(at, at + length);
      at += length;
      if (prng.between(0, 3) === 0) {
        const size = { cols: prng.between(1, 300), rows: prng.between(1, 100) };
        writes.push(stream.resize(size.cols, size.rows));
        expected += String.fromCharCode(sizeByte(size));
      }
      // Sometimes typed ahead, sometimes after the answer.
      if (prng.between(0, 3) === 0) await write;
    }
    await Promise.all(writes);
    expect(server.typed(SESSION)).toBe(expected);
    expect(server.term).toBeGreaterThan(1n);
    expect(server.violations).toEqual([]);
  });

  it("of a size takes one offset; one that no terminal has is refused before it is sent", async () => {
    const server = startServer();
    const stream = await attach(await server.listen(), { mode: "write", inputSession: SESSION });
    const both = [stream.write("ab"), stream.resize(80, 24), stream.write("c")];
    expect((await Promise.all(both)).map(({ inputNext }) => inputNext)).toEqual([2n, 3n, 4n]);
    for (const [cols, rows] of [
      [0, 24],
      [80, 65_536],
      [80.5, 24],
    ] as const)
      await expect(stream.resize(cols, rows)).rejects.toBeInstanceOf(TypeError);
    const reader = await attach(await startServer().listen());
    await expect(reader.resize(80, 24)).rejects.toThrow('it was attached with mode "read"');
    expect(server.typed(SESSION)).toBe(`ab${String.fromCharCode(sizeByte({ cols: 80, rows: 24 }))}c`);
  });

  it("sends a large paste in pieces that the frame allows", async () => {
    const server = startServer();
    const url = await server.listen();
    const stream = await attach(url, { mode: "write", inputSession: SESSION });
    const paste = numberedLines(20_000);
    await stream.write(paste);
    expect(server.typed(SESSION)).toBe(paste);
  });

  it("goes on in a named session from another attachment", async () => {
    const server = startServer();
    const url = await server.listen();
    const first = await attach(url, { mode: "write", inputSession: SESSION });
    await first.write("one ");
    first.close();
    const second = await attach(url, { mode: "write", inputSession: SESSION });
    await second.write("two");
    expect(server.typed(SESSION)).toBe("one two");
  });

  it("refuses to guess where the service has forgotten the session", async () => {
    const server = startServer();
    const url = await server.listen();
    const stream = await attach(url, { mode: "write", inputSession: SESSION });
    await stream.write("typed");
    server.sessions.delete(SESSION);
    const ended = stream.next().catch((error: unknown) => error);
    server.cutAll();
    expect(await ended).toBeInstanceOf(InputSessionExpiredError);
    await expect(stream.write("more")).rejects.toBeInstanceOf(InputSessionExpiredError);
  });

  it("is refused, not left waiting, once somebody else has taken the right to write; the output goes on", async () => {
    const server = startServer();
    const stream = await attach(await server.listen(), { mode: "write", inputSession: SESSION });
    const [viewer] = server.viewers;
    server.silent = true;
    const waiting = stream.write("never heard");
    viewer?.socket.send(JSON.stringify({ type: "writer", change: "demoted", writer: "con_2", by: "con_2" }));
    await expect(waiting).rejects.toThrow("session con_2 has taken the right to write");
    await expect(stream.write("nor this")).rejects.toBeInstanceOf(ConsoleWriterBusyError);
    server.silent = false;
    server.print("still shown");
    expect(await read(stream, 11)).toBe("still shown");
  });

  it("is refused on a console that was attached for reading", async () => {
    const server = startServer();
    const stream = await attach(await server.listen());
    await expect(stream.write("x")).rejects.toThrow('attached with mode "read"');
  });

  it("that waits is refused when the console is closed", async () => {
    const server = startServer();
    server.silent = false;
    const stream = await attach(await server.listen(), { mode: "write", inputSession: SESSION });
    server.silent = true;
    const write = stream.write("never acknowledged");
    stream.close();
    await expect(write).rejects.toThrow(new ConsoleClosedError("Cannot write: the console was closed before the input was acknowledged"));
  });

  it("that comes after the console was closed is refused, as a size is, and says so", async () => {
    const server = startServer();
    const stream = await attach(await server.listen(), { mode: "write", inputSession: SESSION });
    stream.close();
    for (const late of [stream.write("too late"), stream.resize(80, 24)]) {
      const error = await late.catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(ConsoleClosedError);
      expect(error).toMatchObject({ message: "Cannot write: the console is closed", code: "console_closed", retryable: false });
    }
  });
});

describe("console events and refusals", () => {
  it("tells of a failover, and the stream goes on", async () => {
    const server = startServer();
    const url = await server.listen();
    const stream = await attach(url, { mode: "write", inputSession: SESSION });
    const term = new Promise((resolve) => stream.on("term", resolve));
    server.failover();
    expect(await term).toEqual({ term: 2n, cause: "worker_lost", outOffset: 0n, gapMs: 12 });
    await stream.write("still here");
    server.print("!");
    const { value } = await stream.next();
    expect(value).toMatchObject({ offset: 0n, term: 2 });
  });

  it("sends the token in a header and asks for the subprotocol", async () => {
    const server = startServer();
    await attach(await server.listen());
    expect(server.upgrades[0]).toMatchObject({ authorization: "Bearer secret", subprotocol: "understudy.console.v1" });
  });

  it.each([
    [401, "unauthenticated", UnauthenticatedError],
    [404, "vm_not_found", VmNotFoundError],
    [409, "console_writer_busy", ConsoleWriterBusyError],
    [410, "vm_deleted", VmDeletedError],
  ] as const)("throws the class of a refused upgrade: %i %s", async (status, code, errorClass) => {
    const server = startServer();
    server.onUpgrade = (_request, socket) => {
      refuse(socket, status, code);
      return true;
    };
    const error = await attach(await server.listen()).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(errorClass);
    expect(error).toMatchObject({ code, requestId: "req_1" });
  });

  it.each([
    [4401, UnauthenticatedError],
    [4404, VmNotFoundError],
    [4409, ConsoleWriterBusyError],
    [4410, VmDeletedError],
  ] as const)("throws the class of close code %i, once everything before it was read", async (code, errorClass) => {
    const server = startServer();
    const url = await server.listen();
    server.print("last words");
    const stream = await attach(url);
    const [viewer] = server.viewers;
    viewer?.socket.close(code, "because");
    expect(await read(stream, 10)).toBe("last words");
    await expect(stream.next()).rejects.toBeInstanceOf(errorClass);
  });

  it("throws where the right to write went to another one between the check and the hello", async () => {
    const server = startServer();
    server.refuseWriting = true;
    const error = await attach(await server.listen(), { mode: "write", inputSession: SESSION }).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ConsoleWriterBusyError);
  });

  it("ends without an error where the service says that it is done", async () => {
    const server = startServer();
    const stream = await attach(await server.listen());
    const end = stream.next();
    const [viewer] = server.viewers;
    viewer?.socket.close(1000, "");
    expect(await end).toEqual({ done: true, value: undefined });
  });

  it("gives up with the reason where nobody answers", async () => {
    const server = startServer();
    const url = await server.listen();
    await server.close();
    servers.splice(0);
    const error = await attach(url, { reconnectTimeoutMs: 30 }).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ConnectionError);
    expect(String(error)).toContain("connection refused");
  });

  it("gives up on a service that keeps breaking the protocol", async () => {
    const server = startServer();
    const url = await server.listen();
    const stream = await attach(url);
    stream.on("connected", () => {
      for (const viewer of server.viewers) viewer.socket.send("not json");
    });
    const end = stream.next();
    for (const viewer of server.viewers) viewer.socket.send("not json");
    await expect(end).rejects.toThrow("a control message that cannot be read: not json");
  });
});
