import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import type { LoggingChannelMessage } from "../../src/hypervisor/messages.ts";
import { LOGGING_CHANNEL_PROTOCOL, LoggingChannelDecoder, LoggingChannelEncoder } from "../../src/wire/logging-channel.ts";
import {
  type ChannelAdmission,
  type ChannelHello,
  dialLoggingChannel,
  LoggingChannelListener,
  LoggingChannelSocket,
} from "../../src/worker/logging-channel-socket.ts";
import { STATE_PART_BYTES, unpackState } from "../../src/worker/state-compression.ts";

const hello = { vmId: "vm_1", from: "rep_p", to: "rep_b", channelSecret: "s3cret", buildDigest: "abc" };

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** What one end of a channel saw, with promises for what comes next. */
class Observer {
  readonly messages: LoggingChannelMessage[] = [];
  readonly closed: Promise<Error | null>;
  private waiting: { readonly count: number; readonly resolve: () => void } | null = null;
  closes = 0;

  constructor(readonly channel: LoggingChannelSocket) {
    this.closed = new Promise((resolve) => {
      channel.open({
        onMessage: (message) => {
          this.messages.push(message);
          if (this.waiting !== null && this.messages.length >= this.waiting.count) this.waiting.resolve();
        },
        onClosed: (error) => {
          this.closes++;
          resolve(error);
        },
      });
    });
    cleanups.push(() => channel.close());
  }

  async received(count: number): Promise<readonly LoggingChannelMessage[]> {
    if (this.messages.length < count) await new Promise<void>((resolve) => (this.waiting = { count, resolve }));
    return this.messages;
  }
}

async function listen(
  admit: (hello: ChannelHello) => ChannelAdmission,
): Promise<{ address: { host: string; port: number }; rejected: Promise<Error> }> {
  let onRejected: (error: Error) => void = () => {};
  const rejected = new Promise<Error>((resolve) => (onRejected = resolve));
  const listener = new LoggingChannelListener(admit, (error) => onRejected(error));
  cleanups.push(() => listener.close());
  return { address: await listener.listen({ host: "127.0.0.1", port: 0 }), rejected };
}

const dial = (address: { host: string; port: number }) => dialLoggingChannel(address, hello, new AbortController().signal, null);

async function pair(): Promise<{ primary: Observer; backup: Observer; hello: ChannelHello }> {
  let accept: (accepted: { channel: LoggingChannelSocket; hello: ChannelHello }) => void = () => {};
  const accepted = new Promise<{ channel: LoggingChannelSocket; hello: ChannelHello }>((resolve) => (accept = resolve));
  const { address } = await listen((said) => (channel) => accept({ channel, hello: said }));
  const primary = new Observer(await dial(address));
  const { channel, hello: said } = await accepted;
  return { primary, backup: new Observer(channel), hello: said };
}

/** As between two hosts, which the ends of these sockets are not. */
async function compressingPair(): Promise<{ primary: Observer; backup: Observer }> {
  const server = createServer().listen(0, "127.0.0.1");
  cleanups.push(() => server.close());
  await once(server, "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [accepted] = (await once(server, "connection")) as [Socket];
  const observer = (end: Socket) =>
    new Observer(new LoggingChannelSocket(end, new LoggingChannelEncoder(), new LoggingChannelDecoder(), true));
  return { primary: observer(socket), backup: observer(accepted) };
}

/** A raw connection to a listener that admits everybody. */
async function rawConnection(): Promise<{ socket: Socket; rejected: Promise<Error> }> {
  const { address, rejected } = await listen(() => (channel) => new Observer(channel));
  const socket = connect(address);
  cleanups.push(() => socket.destroy());
  socket.on("error", () => {});
  await once(socket, "connect");
  return { socket, rejected };
}

describe("a logging channel over TCP", () => {
  test("says who it is, then carries messages both ways in order", async () => {
    const { primary, backup, hello: said } = await pair();
    expect(said).toEqual({ kind: "hello", protocol: LOGGING_CHANNEL_PROTOCOL, ...hello });
    const down: LoggingChannelMessage[] = Array.from({ length: 200 }, (_, i) => ({ kind: "heartbeat", term: BigInt(i) }));
    const up: LoggingChannelMessage[] = Array.from({ length: 50 }, (_, i) => ({ kind: "stateReceived", bytes: i }));
    for (const message of down) primary.channel.send(message);
    for (const message of up) backup.channel.send(message);
    expect(await backup.received(200)).toEqual(down);
    expect(await primary.received(50)).toEqual(up);
  });

  test("carries state pages of 2 MiB, and counts what it sent", async () => {
    const { primary, backup } = await pair();
    const pages = new Uint8Array(2 * 1024 * 1024).map((_, i) => i % 251);
    primary.channel.send({ kind: "statePages", pages });
    const [message] = await backup.received(1);
    expect(message?.kind === "statePages" && Buffer.compare(message.pages, pages)).toBe(0);
    expect(primary.channel.bytesSent).toBeGreaterThan(pages.length);
  });

  test.each([
    ["to a peer on this host as it is", false],
    ["to another host compressed", true],
  ])("carries state %s, in its place among the other messages", async (_where, compresses) => {
    const { primary, backup } = compresses ? await compressingPair() : await pair();
    const parts = [0, 1, 2].map((part) => new Uint8Array(STATE_PART_BYTES).map((_, i) => (i >> 5) + part));
    const sent: LoggingChannelMessage[] = [];
    for (const [i, pages] of parts.entries()) {
      primary.channel.sendState(pages);
      sent.push({ kind: "heartbeat", term: BigInt(i) });
      primary.channel.send(sent.at(-1) as LoggingChannelMessage);
    }
    const messages = await backup.received(6);
    expect(messages.filter(({ kind }) => kind !== "statePages")).toEqual(sent);
    for (const [i, pages] of parts.entries()) {
      const message = messages[2 * i];
      expect(message?.kind === "statePages" && Buffer.compare(unpackState(message.pages), pages)).toBe(0);
    }
    const stateBytes = parts.length * STATE_PART_BYTES;
    expect(primary.channel.stateBytesSent > 0 && primary.channel.stateBytesSent < stateBytes / 2).toBe(compresses);
    if (!compresses) expect(primary.channel.stateBytesSent).toBeGreaterThan(stateBytes);
  });

  test("a close while state is being compressed ends the channel without it", async () => {
    const { primary, backup } = await compressingPair();
    primary.channel.send({ kind: "heartbeat", term: 1n });
    primary.channel.sendState(new Uint8Array(STATE_PART_BYTES));
    primary.channel.send({ kind: "heartbeat", term: 2n });
    primary.channel.close();
    expect(await backup.closed).toBe(null);
    expect(backup.messages).toEqual([{ kind: "heartbeat", term: 1n }]);
  });

  test("messages that were sent before a close arrive, and the other end hears of the close once", async () => {
    const { primary, backup } = await pair();
    backup.channel.send({ kind: "backupFailed", reason: "divergence", epoch: 4n, stateHash: 9n });
    backup.channel.close();
    await primary.closed;
    expect(primary.messages).toEqual([{ kind: "backupFailed", reason: "divergence", epoch: 4n, stateHash: 9n }]);
    expect([primary.closes, backup.closes]).toEqual([1, 0]);
  });

  test("a second handshake on an open channel closes it", async () => {
    const { primary, backup } = await pair();
    primary.channel.send({ kind: "welcome" } as unknown as LoggingChannelMessage);
    expect((await backup.closed)?.message).toMatch(/Cannot take a welcome on an open logging channel/);
    expect(await primary.closed).toBe(null);
    expect(backup.closes).toBe(1);
  });

  for (const code of ["bad_secret", "unknown_replica", "engine_mismatch"] as const) {
    test(`the dialler learns that it was refused with ${code}`, async () => {
      const { address } = await listen(() => code);
      await expect(dial(address)).rejects.toMatchObject({ refusal: code, code });
    });
  }

  test("another protocol version is refused before anything else is looked at", async () => {
    const { socket, rejected } = await rawConnection();
    socket.write(new LoggingChannelEncoder().encode({ kind: "hello", protocol: 99, ...hello }));
    expect(await rejected).toMatchObject({ code: "protocol_mismatch" });
  });

  test("a stream that is not a hello is rejected at once", async () => {
    const { socket, rejected } = await rawConnection();
    socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n".repeat(10));
    expect(await rejected).toMatchObject({ code: "malformed_message" });
  });

  test("a message before the hello is rejected", async () => {
    const { socket, rejected } = await rawConnection();
    socket.write(new LoggingChannelEncoder().encode({ kind: "heartbeat", term: 1n }));
    expect((await rejected).message).toMatch(/only a hello/);
  });

  test("a peer that leaves during the handshake is an error of the dial", async () => {
    const server: Server = createServer((socket) => socket.end());
    server.listen(0, "127.0.0.1");
    cleanups.push(() => server.close());
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    await expect(dial({ host: "127.0.0.1", port })).rejects.toThrowError(/closed it during the handshake/);
  });

  test("a dial that is not wanted any more ends", async () => {
    const server: Server = createServer(() => {});
    server.listen(0, "127.0.0.1");
    cleanups.push(() => server.close());
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    const abort = new AbortController();
    const dialled = dialLoggingChannel({ host: "127.0.0.1", port }, hello, abort.signal, null);
    abort.abort();
    await expect(dialled).rejects.toThrowError(/not wanted any more/);
  });

  test("a port that is in use is a port_in_use that names it", async () => {
    const { address } = await listen(() => "unknown_replica");
    const second = new LoggingChannelListener(
      () => "unknown_replica",
      () => {},
    );
    await expect(second.listen(address)).rejects.toMatchObject({
      code: "port_in_use",
      message: `Cannot listen for logging channels on 127.0.0.1:${address.port}: another process has this port`,
    });
  });
});
