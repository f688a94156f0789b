/** Connections that bring no request: those that begin with no HTTP, and on a listener that speaks TLS those without it. */
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { FastifyBaseLogger } from "fastify";
import type { UnderstudyError } from "../../base/errors.ts";
import { tlsFailure } from "../../pki/tls-peer.ts";
import { ApiError } from "./api-error.ts";
import { PROBLEM_MEDIA_TYPE, problemOf } from "./problem.ts";

/** Bytes that are no HTTP, or no TLS: the first are told so, the others cannot be told anything. */
export function refuseBytes(log: FastifyBaseLogger, error: Error, socket: Socket): void {
  const failure = tlsFailure(error);
  if (failure === error) {
    const why = UNREADABLE[(error as NodeJS.ErrnoException).code ?? ""] ?? "it is not HTTP/1.1";
    answerProblem(socket, new ApiError("bad_request", `Cannot read the request: ${why}`));
    return;
  }
  const { remoteAddress } = socket;
  log.warn({ code: (failure as UnderstudyError).code, from: remoteAddress, err: failure }, "rejected a connection that speaks no TLS");
  socket.destroy();
}

/** Bytes that are no HTTP request, or too many, or too slow: the connection gets one answer and is closed. */
const UNREADABLE: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: "its headers are over 16 KiB",
  ERR_HTTP_REQUEST_TIMEOUT: "it did not come in time",
};

/** Says it on a connection that nothing else is said on any more. */
export function answerProblem(socket: Duplex, error: ApiError, headers: Readonly<Record<string, string>> = {}): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const problem = problemOf(error, null, null);
  const body = JSON.stringify(problem);
  const lines = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    `Content-Type: ${PROBLEM_MEDIA_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
  ];
  socket.on("error", () => socket.destroy());
  // Whoever does not close its side keeps nothing open.
  socket.once("finish", () => socket.destroy());
  socket.end(`${lines.join("\r\n")}\r\n\r\n${body}`);
}
