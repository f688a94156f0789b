/**
 * Connections over which nothing has been asked yet, as `fetch` opens one in the place of an aborted call's. Node counts them neither as idle nor
 * as busy, so a server that closes would wait for them.
 */
import type { Server } from "node:http";
import type { Socket } from "node:net";
import { Server as TlsServer } from "node:tls";

export class UnusedConnections {
  private readonly sockets = new Set<Socket>();

  constructor(server: Server) {
    server.on(server instanceof TlsServer ? "secureConnection" : "connection", (socket: Socket) => {
      this.sockets.add(socket);
      socket.once("close", () => this.sockets.delete(socket));
    });
    for (const event of ["request", "upgrade"])
      server.prependListener(event, ({ socket }: { socket: Socket }) => this.sockets.delete(socket));
  }

  /** Whoever has one connects again, to a server that goes on. */
  close(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}
