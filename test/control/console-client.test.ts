/** One attached client on a real socket whose other end does as it likes. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { ConsoleClient } from "../../src/control/consoles/console-client.ts";
import { framingOf } from "../../src/control/consoles/framing.ts";
import { CONSOLE_V1 } from "../../src/control/domain/console-subprotocols.ts";

const MEBIBYTE = 1024 * 1024;
const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

async function attached(): Promise<{ client: ConsoleClient; near: WebSocket; far: WebSocket }> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  cleanups.push(() => server.close());
  await once(server, "listening");
  const far = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  cleanups.push(() => far.terminate());
  const [near] = (await once(server, "connection")) as [WebSocket];
  if (far.readyState !== WebSocket.OPEN) await once(far, "open");
  const call = {
    id: "aud_1",
    requestId: "req_1",
    traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    method: "GET",
    route: "",
    operation: "",
    resource: "",
    sourceAddress: "",
    startedMs: 0,
    token: null,
    vmId: null,
  };
  const identity = { tokenId: "tok_1", expiresAt: null, mayWrite: true, call };
  const options = {
    sessionId: "con_1",
    identity,
    framing: framingOf(CONSOLE_V1),
    from: 0n,
    windowBytes: MEBIBYTE,
    slowConsumerMs: 600_000,
    heartbeatMs: 600_000,
  };
  const client = new ConsoleClient(near, options, { onGap: () => {}, onInput: () => {}, onMessage: () => {}, onClosed: () => {} });
  return { client, near, far };
}

test("a client that reads none of its messages is let go with 4408 before they fill the memory", async () => {
  const { client, near, far } = await attached();
  far.pause();
  const message = { type: "protection", state: "protected", reason: "x".repeat(64 * 1024) } as unknown as Parameters<typeof client.tell>[0];
  // The system takes some of them; no system takes a gigabyte.
  for (let told = 0; told < 16 * 1024 && near.readyState === WebSocket.OPEN; told++) {
    client.tell(message);
    expect(near.bufferedAmount).toBeLessThan(3 * MEBIBYTE);
    if (told % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  expect(near.readyState).not.toBe(WebSocket.OPEN);
  const closed = once(far, "close");
  far.resume();
  expect((await closed)[0]).toBe(4408);
});

test("a client that reads gets every message", async () => {
  const { client, far } = await attached();
  let heard = 0;
  const all = new Promise<void>((resolve) => far.on("message", () => ++heard === 1000 && resolve()));
  for (let told = 0; told < 1000; told++) client.tell({ type: "pong" });
  await all;
});
