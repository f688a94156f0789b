/** One WebSocket to the service, as `console-stream.ts` wants it: the `ws` package in Node, the global one in browsers. */
import { isNode } from "./environment.ts";
import type { ClientError } from "./errors.ts";
import { ConnectionError, errorFromAnswer } from "./errors.ts";
import { reasonOf } from "./transport.ts";

export interface SocketListener {
  onOpen(): void;
  onText(text: string): void;
  onBinary(bytes: Uint8Array): void;
  /** Anything arrived, a WebSocket ping too. */
  onSign(): void;
  /** The last call, once: the socket is closed, or never opened. `error`: the upgrade was refused, or nobody answered. */
  onClose(code: number, reason: string, error: ClientError | null): void;
}

export interface Socket {
  sendText(text: string): void;
  sendBinary(bytes: Uint8Array): void;
  close(code: number, reason: string): void;
  /** Ends the connection without a farewell: the peer does not answer. */
  drop(): void;
}

export type OpenSocket = (url: string, subprotocol: string, token: string | null, listener: SocketListener) => Promise<Socket>;

const CLOSED_ABNORMALLY = 1006;
const HANDSHAKE_TIMEOUT_MS = 10_000;

export const openSocket: OpenSocket = (url, subprotocol, token, listener) =>
  isNode() ? openNodeSocket(url, subprotocol, token, listener) : Promise.resolve(openBrowserSocket(url, subprotocol, token, listener));

async function openNodeSocket(url: string, subprotocol: string, token: string | null, listener: SocketListener): Promise<Socket> {
  const { WebSocket } = await import("ws");
  const headers: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` };
  const socket = new WebSocket(url, [subprotocol], { headers, handshakeTimeout: HANDSHAKE_TIMEOUT_MS, perMessageDeflate: false });
  let closed = false;
  const finish = (code: number, reason: string, error: ClientError | null) => {
    if (closed) return;
    closed = true;
    listener.onClose(code, reason, error);
  };
  let failure: ClientError | null = null;
  socket.on("unexpected-response", (request, response) => {
    const chunks: Buffer[] = [];
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    response.on("close", () => {
      const requestId = response.headers["request-id"];
      const body = Buffer.concat(chunks).toString("utf8");
      finish(CLOSED_ABNORMALLY, "", errorFromAnswer(url, response.statusCode ?? 0, body, typeof requestId === "string" ? requestId : null));
      request.destroy();
    });
  });
  socket.on("open", () => listener.onOpen());
  socket.on("ping", () => listener.onSign());
  socket.on("message", (data, isBinary) => {
    listener.onSign();
    const bytes = data instanceof ArrayBuffer ? new Uint8Array(data) : Array.isArray(data) ? Buffer.concat(data) : data;
    if (isBinary) listener.onBinary(bytes);
    else listener.onText(Buffer.from(bytes).toString("utf8"));
  });
  socket.on("error", (error) => {
    failure ??= new ConnectionError(url, reasonOf(error), { cause: error });
  });
  socket.on("close", (code, reason) => finish(code, reason.toString("utf8"), failure));
  return {
    sendText: (text) => socket.send(text),
    sendBinary: (bytes) => socket.send(bytes),
    close: (code, reason) => socket.close(code, reason),
    drop: () => socket.terminate(),
  };
}

/** What this file uses of the browser's WebSocket; the compiler's library here is Node's. */
interface BrowserWebSocket {
  binaryType: string;
  send(data: string | Uint8Array): void;
  close(code?: number, reason?: string): void;
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
}

export function openBrowserSocket(url: string, subprotocol: string, token: string | null, listener: SocketListener): Socket {
  const { WebSocket } = globalThis as unknown as { WebSocket: new (url: string, protocols: string[]) => BrowserWebSocket };
  // A browser cannot set headers on an upgrade, so the token rides as a second subprotocol.
  const socket = new WebSocket(url, token === null ? [subprotocol] : [subprotocol, `understudy.bearer.${base64url(token)}`]);
  socket.binaryType = "arraybuffer";
  let opened = false;
  socket.onopen = () => {
    opened = true;
    listener.onOpen();
  };
  socket.onmessage = ({ data }) => {
    listener.onSign();
    if (typeof data === "string") listener.onText(data);
    else listener.onBinary(new Uint8Array(data as ArrayBuffer));
  };
  socket.onclose = ({ code, reason }) =>
    listener.onClose(
      code,
      reason,
      opened ? null : new ConnectionError(url, "the browser could not open the WebSocket, it does not say why"),
    );
  return {
    sendText: (text) => socket.send(text),
    sendBinary: (bytes) => socket.send(bytes),
    close: (code, reason) => socket.close(code === 1000 || code >= 3000 ? code : 1000, reason),
    drop: () => socket.close(),
  };
}

function base64url(text: string): string {
  const bytes = new TextEncoder().encode(text);
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
}
