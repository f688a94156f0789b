/** Connections that bring no request: those that begin with no HTTP, and on a listener that speaks TLS those without it. */
import type { Socket } from "node:net";
import type { FastifyBaseLogger } from "fastify";
import type { UnderstudyError } from "../../base/errors.ts";
import { tlsFailure } from "../../pki/tls-peer.ts";
import { ApiError } from "./api-error.ts";
import { PROBLEM_MEDIA_TYPE, problemOf } from "./problem.ts";

/** Bytes that are no HTTP, or no TLS: the first are told so, the others cannot be told anything. */
export function refuseBytes(log: FastifyBaseLogger, error: Error, socket: Socket): void {
  const failure = tlsFailure(error);
  if (failure === error) {
    refuseUnreadable(socket);
    return;
  }
  const { remoteAddress } = socket;
  log.warn({ code: (failure as UnderstudyError).code, from: remoteAddress, err: failure }, "rejected a connection that speaks no TLS");
  socket.destroy();
}

/** Bytes that are no HTTP request: the connection gets one answer and is closed. */
function refuseUnreadable(socket: Socket): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const body = JSON.stringify(problemOf(new ApiError("bad_request", "Cannot read the request: it is not HTTP/1.1"), null, null));
  socket.end(
    `HTTP/1.1 400 Bad Request\r\nContent-Type: ${PROBLEM_MEDIA_TYPE}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
