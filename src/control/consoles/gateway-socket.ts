/**
 * The service's end of a console's WebSocket. What is no frame of the contract is closed with 4400 and a reason; so is what the library
 * finds by itself, which knows only the codes of the WebSocket protocol and gives no reasons.
 */
import type { FastifyRequest } from "fastify";
import { WebSocket } from "ws";

/** Over a console frame's limit, but not by far: such a frame is read, and refused by its kind. */
export const MESSAGE_BYTES_MAX = 256 * 1024;

/** Close codes that the library chooses, and what they mean to the one who sent the frame. */
const FOUND_BY_LIBRARY = new Map([
  [1002, "Cannot read the frame: it is none of the WebSocket protocol"],
  [1007, "Cannot read the text frame: it is not UTF-8"],
  [1009, `Cannot take the frame: its message is over ${MESSAGE_BYTES_MAX} bytes`],
]);

export class GatewaySocket extends WebSocket {
  /** Without a reason it is the library that closes: a close frame that it echoes has one, if an empty one. */
  override close(code?: number, reason?: string | Buffer): void {
    const found = code !== undefined && reason === undefined ? FOUND_BY_LIBRARY.get(code) : undefined;
    if (found === undefined) super.close(code, reason);
    else super.close(4400, found);
  }
}

/** Errors of an open socket, and of the handler that was to take it over. */
export function socketFailed(error: Error, socket: WebSocket, request: FastifyRequest): void {
  const { code = "", syscall } = error as NodeJS.ErrnoException;
  // It closes by itself, once the close frame is written.
  if (code.startsWith("WS_ERR_")) {
    request.log.debug({ code, reason: error.message }, "a frame of a console's client cannot be read");
    return;
  }
  if (syscall === undefined) request.log.error({ err: error }, "a console's socket failed");
  else request.log.debug({ code }, "the connection of a console's client broke");
  socket.terminate();
}
