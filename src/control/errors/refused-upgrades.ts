/** Requests that Node, or the WebSocket library, would answer by themselves, in words of their own: each gets a problem document. */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { FastifyInstance } from "fastify";
import { ApiError } from "./api-error.ts";
import { answerProblem } from "./refused-bytes.ts";

/** Of a listener that has `requireHostHeader: false`. Called when WebSockets are there, before the first route is. */
export function installRefusals(app: FastifyInstance): void {
  const sockets = new Set<string>();
  app.addHook("onRoute", ({ url, wsHandler }) => {
    if (wsHandler !== undefined) sockets.add(url);
  });
  app.addHook("onRequest", async (request) => {
    const { url } = request.routeOptions;
    if (request.raw.httpVersion === "1.1" && request.headers.host === undefined)
      throw new ApiError("bad_request", "Cannot serve the request: HTTP/1.1 wants a Host header");
    if (request.ws && url !== undefined && !sockets.has(url))
      throw new ApiError("bad_request", `Cannot upgrade ${url}: it is no WebSocket; ask without an Upgrade header`);
  });
  // A handshake that is none. What is wrong with the version, or the protocol that is wanted, is told with what would do.
  app.websocketServer.on("wsClientError", (error: Error, socket: Duplex) => {
    if (!/Upgrade header|Version header/.test(error.message)) {
      answerProblem(socket, new ApiError("bad_request", `Cannot open the WebSocket: ${error.message}`));
      return;
    }
    const headers = { Upgrade: "websocket", "Sec-WebSocket-Version": "13" };
    answerProblem(socket, new ApiError("upgrade_required", `Cannot open the WebSocket: ${error.message}`), headers);
  });
  app.server.on("checkExpectation", ({ headers, socket }: IncomingMessage) =>
    answerProblem(socket, new ApiError("bad_request", `Cannot meet the expectation "${headers.expect}": only 100-continue is known`)),
  );
  app.server.on("connect", (_request: IncomingMessage, socket: Duplex) =>
    answerProblem(socket, new ApiError("bad_request", "Cannot CONNECT: this is no proxy")),
  );
}
