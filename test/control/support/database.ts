/** A real Postgres for tests, and fresh copies of a migrated database on it. */
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
import { prepareData } from "../../support/postgres-data.ts";

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
  readonly maxConnections?: number;
}

/** Databases on one server, each a copy of one that has the schema of this build. */
export class TestDatabases {
  /** One connection for all commands, as connecting costs more than they do; it keeps no process alive. */
  private readonly commands: pg.Pool;

  /** @param template where the one with the schema is */
  constructor(readonly template: pg.PoolConfig) {
    this.commands = new pg.Pool({ ...template, database: "postgres", max: 1, idleTimeoutMillis: 0, allowExitOnIdle: true });
    // The next command connects again.
    this.commands.on("error", () => undefined);
  }

  /** @param migrated false: an empty database */
  async newDatabase(migrated = true): Promise<pg.PoolConfig> {
    const database = `test_${randomBytes(6).toString("hex")}`;
    // Copied as files: block by block through the log it takes thrice the time.
    await this.command(`CREATE DATABASE ${database} ${migrated ? `TEMPLATE ${this.template.database} STRATEGY FILE_COPY` : ""}`);
    return { ...this.template, database };
  }

  async drop({ database }: pg.PoolConfig): Promise<void> {
    await this.command(`DROP DATABASE ${database} WITH (FORCE)`);
  }

  private async command(sql: string): Promise<void> {
    await this.commands.query(sql);
  }

  /** Ends its connection. */
  async close(): Promise<void> {
    await this.commands.end();
  }
}

/** A server of one's own: for another version, or to be stopped. */
export class TestPostgres extends TestDatabases {
  private constructor(
    readonly server: EmbeddedPostgres,
    private readonly folder: string,
  ) {
    super(server.connection);
  }

  static async start({ binaries, durable = false, maxConnections = 100 }: StartOptions = { binaries: null }): Promise<TestPostgres> {
    const folder = await mkdtemp(join(tmpdir(), "understudy-control-test-"));
    // The server's user must get there, when the tests run as root.
    await chmod(folder, 0o755);
    const directory = join(folder, "postgres");
    await prepareData(directory, binaries);
    const server = await EmbeddedPostgres.start({
      directory,
      durable,
      maxConnections,
      ...(binaries === null ? {} : { binaries }),
    });
    const template = new Database({ connection: server.connection });
    await migrate(template, MIGRATIONS);
    await template.close();
    return new TestPostgres(server, folder);
  }

  async stop(): Promise<void> {
    await this.close();
    await this.server.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** A database, as a process is told of it. */
export function databaseUrl({ user, host, port, database }: pg.PoolConfig): string {
  return `postgres://${user}@localhost/${database}?host=${encodeURIComponent(host as string)}&port=${port}`;
}
