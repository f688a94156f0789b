/** A way to Postgres that can lose the answer to a commit: the server has made it, its client never hears of it. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type pg from "pg";

export class PostgresProxy {
  private readonly sockets = new Set<Socket>();
  private armed = false;

  private constructor(
    private readonly server: Server,
    private readonly connection: pg.PoolConfig,
  ) {}

  /** @param connection a server on a UNIX socket */
  static async start(connection: pg.PoolConfig): Promise<PostgresProxy> {
    const server = createServer();
    const proxy = new PostgresProxy(server, connection);
    server.on("connection", (client) => proxy.relay(client));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return proxy;
  }

  get url(): string {
    const { port } = this.server.address() as AddressInfo;
    return `postgres://${this.connection.user}@127.0.0.1:${port}/${this.connection.database}`;
  }

  /** From now on, whoever commits hears nothing more. */
  loseAnswersToCommits(): void {
    this.armed = true;
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }

  private relay(client: Socket): void {
    const { host, port } = this.connection;
    const server = connect(`${host}/.s.PGSQL.${port}`);
    let deaf = false;
    client.on("data", (data) => {
      if (this.armed && data.includes("COMMIT")) deaf = true;
      server.write(data);
    });
    server.on("data", (data) => {
      if (!deaf) client.write(data);
    });
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.sockets.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        this.sockets.delete(socket);
        other.destroy();
      });
    }
  }
}
