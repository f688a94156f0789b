/**
 * An installation whose parts are nodes of a virtual network: control plane, database, workers, and the client in front of
 * the API. What one says to another is packets, and the packets can be cut, delayed and lost.
 *
 *     test process --TCP--> relay in `client` ~~> control :8080 ~~> database :5432 --Unix socket--> Postgres
 *                                                 control :8081 <~~ worker-1, worker-2, ... ~~ each other
 */
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "../../src/cli/up/ports.ts";
import { EmbeddedPostgres } from "../../src/control/db/embedded-postgres.ts";
import { Installation } from "./installation.ts";
import { VirtualNetwork } from "./network/virtual-network.ts";
import { prepareData } from "./postgres-data.ts";

const API_PORT = 8080;
const INTERNAL_PORT = 8081;
const DATABASE_PORT = 5432;

export interface NetworkedOptions {
  readonly workers?: number;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export class NetworkedInstallation {
  private constructor(
    readonly at: Installation,
    readonly network: VirtualNetwork,
    readonly postgres: EmbeddedPostgres,
    private readonly close: () => Promise<void>,
  ) {}

  static async start(options: NetworkedOptions = {}): Promise<NetworkedInstallation> {
    const count = options.workers ?? 3;
    const undo: (() => Promise<unknown>)[] = [];
    const close = async () => {
      for (const step of undo.splice(0).reverse()) await step();
    };
    try {
      const folder = await mkdtemp(join(tmpdir(), "understudy-network-"));
      undo.push(() => rm(folder, { recursive: true, force: true }));
      // The server's user must get there, when the tests run as root.
      await chmod(folder, 0o755);
      const directory = join(folder, "postgres");
      await prepareData(directory);
      const postgres = await EmbeddedPostgres.start({ directory, durable: false });
      undo.push(() => postgres.close());
      const workers = Array.from({ length: count }, (_none, index) => `worker-${index + 1}`);
      const network = await VirtualNetwork.start(["client", "control", "database", ...workers]);
      undo.push(() => network.stop());

      const { host, port, user, database } = postgres.connection;
      await network.relay("database", `${network.addressOf("database")}:${DATABASE_PORT}`, `unix:${host}/.s.PGSQL.${port}`);
      const door = join(folder, "api.sock");
      await network.relay("client", `unix:${door}`, `${network.addressOf("control")}:${API_PORT}`);
      const [listenPort = 0] = await freePorts(1);

      const at = await Installation.start({
        workers: count,
        env: { UNDERSTUDY_HEARTBEAT_TIMEOUT_MS: "2000", ...options.env },
        place: {
          listenPort,
          beforeStart: async () => {
            undo.push(await openDoor(listenPort, door));
          },
          surroundings: (service) => {
            const node = service === "control-plane" ? "control" : service;
            const own = network.addressOf(node);
            const inside = network.inside.bind(network, node);
            if (node !== "control") {
              const control = `wss://${network.addressOf("control")}:${INTERNAL_PORT}/internal/v1/workers`;
              return { inside, env: { UNDERSTUDY_CONTROL_URL: control, UNDERSTUDY_LOGGING_LISTEN: `${own}:0` } };
            }
            return {
              inside,
              env: {
                UNDERSTUDY_LISTEN: `${own}:${API_PORT}`,
                UNDERSTUDY_INTERNAL_LISTEN: `${own}:${INTERNAL_PORT}`,
                DATABASE_URL: `postgres://${user}@${network.addressOf("database")}:${DATABASE_PORT}/${database}`,
              },
            };
          },
        },
      });
      undo.push(async () => {
        await network.heal();
        await at.stop();
      });
      return new NetworkedInstallation(at, network, postgres, close);
    } catch (error) {
      await close();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.close();
  }
}

/** Listens on the loopback for the test's client, and goes on through the Unix socket. */
async function openDoor(port: number, path: string): Promise<() => Promise<void>> {
  const sockets = new Set<{ destroy: () => void }>();
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
    const far = createConnection({ path, allowHalfOpen: true });
    near.pipe(far);
    far.pipe(near);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        sockets.delete(one);
        other.destroy();
      });
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
}
