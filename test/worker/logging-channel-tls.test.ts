/** The logging channel over TLS between real sockets: who may dial, who may answer, and what either is told where it may not. */
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { connect as connectTls } from "node:tls";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import type { LoggingChannelMessage } from "../../src/hypervisor/messages.ts";
import type { CertificateAuthority } from "../../src/pki/certificate-authority.ts";
import { CONTROL_PLANE_IDENTITY } from "../../src/pki/identity.ts";
import type { TlsCredentials } from "../../src/pki/tls-peer.ts";
import type { NetworkAddress } from "../../src/wire/control-messages.ts";
import { LoggingChannelEncoder } from "../../src/wire/logging-channel.ts";
import {
  type ChannelAdmission,
  dialLoggingChannel,
  LoggingChannelListener,
  type LoggingChannelSocket,
} from "../../src/worker/logging-channel-socket.ts";
import { credentialsOf, HOUR_MS, intermediateAuthority, newAuthority } from "../pki/authority.ts";

const hello = { vmId: "vm_1", from: "rep_p", to: "rep_b", channelSecret: "s3cret", buildDigest: "abc" };

let authority: CertificateAuthority;
let backup: TlsCredentials;
let primary: TlsCredentials;
beforeAll(async () => {
  authority = await newAuthority();
  [backup, primary] = await Promise.all([credentialsOf(authority, "wrk_backup"), credentialsOf(authority, "wrk_primary")]);
});

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

interface Listening {
  readonly listener: LoggingChannelListener;
  readonly address: NetworkAddress;
  /** Of each channel that was opened: the worker, and the channel. */
  readonly opened: { readonly workerId: string | null; readonly channel: LoggingChannelSocket }[];
  readonly rejected: Promise<Error>;
}

async function listen(credentials = backup, admission?: ChannelAdmission): Promise<Listening> {
  let onRejected: (error: Error) => void = () => {};
  const rejected = new Promise<Error>((resolve) => (onRejected = resolve));
  const opened: Listening["opened"] = [];
  const take = (workerId: string | null) => (channel: LoggingChannelSocket) => {
    opened.push({ workerId, channel });
    cleanups.push(() => channel.close());
  };
  const listener = new LoggingChannelListener(
    (_hello, workerId) => admission ?? take(workerId),
    (error) => onRejected(error),
    true,
  );
  listener.useCredentials(credentials);
  cleanups.push(() => listener.close());
  return { listener, address: await listener.listen({ host: "127.0.0.1", port: 0 }), opened, rejected };
}

async function dial(address: NetworkAddress, credentials = primary, workerId = "wrk_backup"): Promise<LoggingChannelSocket> {
  const channel = await dialLoggingChannel(address, hello, new AbortController().signal, { credentials, workerId });
  cleanups.push(() => channel.close());
  return channel;
}

function nextMessage(channel: LoggingChannelSocket): Promise<LoggingChannelMessage> {
  return new Promise((resolve, reject) => channel.open({ onMessage: resolve, onClosed: (error) => reject(error ?? new Error("closed")) }));
}

describe("a logging channel over TLS", () => {
  test("carries messages both ways, and the listener knows the worker that dialled", async () => {
    const at = await listen();
    const channel = await dial(at.address);
    const [accepted] = at.opened;
    expect(accepted?.workerId).toBe("wrk_primary");
    channel.send({ kind: "heartbeat", term: 7n });
    expect(await nextMessage(accepted?.channel as LoggingChannelSocket)).toEqual({ kind: "heartbeat", term: 7n });
    accepted?.channel.send({ kind: "stateReceived", bytes: 5 });
    expect(await nextMessage(channel)).toEqual({ kind: "stateReceived", bytes: 5 });
  });

  test("goes on when the certificates are renewed, and the next one has the new ones", async () => {
    const at = await listen(await credentialsOf(authority, "wrk_before"));
    const channel = await dial(at.address, primary, "wrk_before");
    at.listener.useCredentials(backup);
    await expect(dial(at.address, primary, "wrk_before")).rejects.toMatchObject({ code: "certificate_of_another" });
    await dial(at.address);
    channel.send({ kind: "heartbeat", term: 8n });
    expect(await nextMessage(at.opened[0]?.channel as LoggingChannelSocket)).toEqual({ kind: "heartbeat", term: 8n });
  });

  test("is trusted by the root of an authority that another one has certified", async () => {
    const intermediate = await intermediateAuthority();
    const at = await listen(await credentialsOf(intermediate, "wrk_backup"));
    await dial(at.address, await credentialsOf(intermediate, "wrk_primary"));
    expect(at.opened[0]?.workerId).toBe("wrk_primary");
    await expect(dial(at.address, { ...primary, ca: intermediate.certificate })).rejects.toMatchObject({ code: "certificate_refused" });
  });

  test("tells a dialler that the replica refuses why, as without TLS", async () => {
    const at = await listen(backup, "bad_secret");
    await expect(dial(at.address)).rejects.toMatchObject({ refusal: "bad_secret" });
  });
});

describe("the dialler of a logging channel does not say hello", () => {
  const answering = {
    "of another authority": { code: "certificate_untrusted", by: async () => credentialsOf(await newAuthority(), "wrk_backup") },
    "of another worker": { code: "certificate_of_another", by: () => credentialsOf(authority, "wrk_other") },
    "of a control plane": {
      code: "certificate_of_another",
      by: () => authority.credentialsFor({ identity: CONTROL_PLANE_IDENTITY, ttlMs: HOUR_MS, nowMs: Date.now(), use: "server" }),
    },
    "that has expired": { code: "certificate_expired", by: () => credentialsOf(authority, "wrk_backup", -2 * HOUR_MS) },
    "that is not valid yet": { code: "certificate_not_yet_valid", by: () => credentialsOf(authority, "wrk_backup", 2 * HOUR_MS) },
  };
  for (const [which, { code, by }] of Object.entries(answering)) {
    test(`to a certificate ${which}`, async () => {
      // What the listener trusts is not the point here: it would take the dialler.
      const at = await listen({ ...(await by()), ca: authority.certificate });
      await expect(dial(at.address)).rejects.toMatchObject({ code });
      expect(at.opened).toEqual([]);
    });
  }

  test("with a certificate that is out of its time, and says what time it is here", async () => {
    const at = await listen(await credentialsOf(authority, "wrk_backup", 2 * HOUR_MS));
    await expect(dial(at.address)).rejects.toThrow(/not valid yet\. Compare the clocks of both hosts: here it is \d{4}-/);
  });

  test("to a server that answers in plain text", async () => {
    const heard: Buffer[] = [];
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.on("data", (chunk) => {
        heard.push(chunk);
        socket.write("HTTP/1.1 400 Bad Request\r\n\r\n");
      });
    }).listen(0, "127.0.0.1");
    cleanups.push(() => server.close());
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    await expect(dial({ host: "127.0.0.1", port })).rejects.toMatchObject({ code: "plaintext_peer" });
    expect(Buffer.concat(heard).includes("s3cret")).toBe(false);
  });

  test("to a listener of logging channels that speaks no TLS", async () => {
    const listener = new LoggingChannelListener(
      () => "unknown_replica",
      () => {},
    );
    cleanups.push(() => listener.close());
    await expect(dial(await listener.listen({ host: "127.0.0.1", port: 0 }))).rejects.toThrow(/a peer that speaks no TLS does that, too/);
  });
});

describe("the listener of a logging channel refuses", () => {
  const dialling = {
    "a certificate of another authority": {
      code: "certificate_untrusted",
      by: async () => credentialsOf(await newAuthority(), "wrk_primary"),
    },
    "a certificate that has expired": { code: "certificate_expired", by: () => credentialsOf(authority, "wrk_primary", -2 * HOUR_MS) },
    "a certificate that is not valid yet": {
      code: "certificate_not_yet_valid",
      by: () => credentialsOf(authority, "wrk_primary", 2 * HOUR_MS),
    },
    "a control plane's certificate, which is for no client": {
      code: "certificate_untrusted",
      by: () => authority.credentialsFor({ identity: CONTROL_PLANE_IDENTITY, ttlMs: HOUR_MS, nowMs: Date.now(), use: "server" }),
    },
  };
  for (const [which, { code, by }] of Object.entries(dialling)) {
    test(`${which}, and says so to both`, async () => {
      const at = await listen();
      await expect(dial(at.address, { ...(await by()), ca: authority.certificate })).rejects.toMatchObject({ code: "certificate_refused" });
      expect(await at.rejected).toMatchObject({ code });
      expect(at.opened).toEqual([]);
    });
  }

  test("who shows no certificate", async () => {
    const at = await listen();
    const socket = connectTls({ ...at.address, rejectUnauthorized: false });
    cleanups.push(() => socket.destroy());
    socket.on("error", () => {});
    expect(await at.rejected).toMatchObject({ code: "certificate_missing" });
  });

  test("who speaks no TLS, and what it says is read by nobody", async () => {
    const at = await listen();
    const socket = connect(at.address);
    cleanups.push(() => socket.destroy());
    socket.on("error", () => {});
    socket.write(new LoggingChannelEncoder().encode({ kind: "hello", protocol: 1, ...hello }));
    expect(await at.rejected).toMatchObject({ code: "plaintext_peer" });
    expect(at.opened).toEqual([]);
  });
});
