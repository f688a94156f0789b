/** A real Postgres for one test file, and a fresh copy of a migrated database for each test. */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { Database } from "../../../src/control/db/database.ts";
import { EmbeddedPostgres } from "../../../src/control/db/embedded-postgres.ts";
import { migrate } from "../../../src/control/db/migrate.ts";

export const MIGRATIONS = fileURLToPath(new URL("../../../migrations", import.meta.url));

/** The oldest that is tested, as Debian 12 has it. */
const DEBIAN_BINARIES = "/usr/lib/postgresql/15";

export interface PostgresVersion {
  readonly name: string;
  readonly major: number;
  /** Null: those of the npm package. */
  readonly binaries: string | null;
}

/** Those that are here: the embedded one always, the other where apt could install it. */
export const POSTGRES_VERSIONS: readonly PostgresVersion[] = [
  { name: "Postgres 18", major: 18, binaries: null },
  ...(existsSync(`${DEBIAN_BINARIES}/bin/initdb`) ? [{ name: "Postgres 15", major: 15, binaries: DEBIAN_BINARIES }] : []),
];

interface StartOptions extends Pick<PostgresVersion, "binaries"> {
  /** True: it waits for its disk at every commit, as one in service does. */
  readonly durable?: boolean;
}

export class TestPostgres {
  readonly server: EmbeddedPostgres;
  private readonly folder: string;

  private constructor(server: EmbeddedPostgres, folder: string) {
    this.server = server;
    this.folder = folder;
  }

  /** With the schema of this build in its own database, which is the template of all others. */
  static async start({ binaries, durable = false }: StartOptions = { binaries: null }): Promise<TestPostgres> {
    const folder = await mkdtemp(join(tmpdir(), "understudy-control-test-"));
    // The server's user must get there, when the tests run as root.
    await chmod(folder, 0o755);
    const server = await EmbeddedPostgres.start({
      directory: join(folder, "postgres"),
      durable,
      maxConnections: 100,
      ...(binaries === null ? {} : { binaries }),
    });
    const template = new Database({ connection: server.connection });
    await migrate(template, MIGRATIONS);
    await template.close();
    return new TestPostgres(server, folder);
  }

  /** @param template false: an empty database */
  async newDatabase(template = true): Promise<pg.PoolConfig> {
    const name = `test_${randomBytes(6).toString("hex")}`;
    const client = new pg.Client({ ...this.server.connection, database: "postgres" });
    await client.connect();
    await client.query(`CREATE DATABASE ${name} ${template ? `TEMPLATE ${this.server.connection.database}` : ""}`);
    await client.end();
    return { ...this.server.connection, database: name };
  }

  /** The same, as a process is told of it. */
  static url({ user, host, port, database }: pg.PoolConfig): string {
    return `postgres://${user}@localhost/${database}?host=${encodeURIComponent(host as string)}&port=${port}`;
  }

  async stop(): Promise<void> {
    await this.server.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}
