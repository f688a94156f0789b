/**
 * Brings a database to the schema of this build: plain SQL files, in order, each in a transaction of its own, under an
 * advisory lock, so that several control planes may start at once.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { UnderstudyError } from "../../base/errors.ts";
import type { Database } from "./database.ts";

/** Any number that nobody else locks in this database. */
const LOCK = 0x756e6473;

export interface MigrationResult {
  readonly applied: readonly string[];
  readonly version: number;
}

/**
 * @param folder `NNNN_what.sql` files
 * @throws {UnderstudyError} `schema_too_new` for a database that a later build has migrated, `schema_changed` where an
 *   applied file is not the one in `folder`
 */
export async function migrate(database: Database, folder: string): Promise<MigrationResult> {
  const migrations = await readMigrations(folder);
  const client = database.newClient({ query_timeout: 0, statement_timeout: 0, application_name: "understudy-migrate" });
  client.on("error", () => undefined);
  await client.connect();
  try {
    await client.query("SELECT pg_advisory_lock($1)", [LOCK]);
    await client.query(
      "CREATE TABLE IF NOT EXISTS schema_migrations (version integer PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())",
    );
    const { rows } = await client.query<{ version: number; name: string; sha256: string }>(
      "SELECT version, name, sha256 FROM schema_migrations ORDER BY version",
    );
    const done = new Map(rows.map((row) => [row.version, row]));
    const newest = migrations.at(-1)?.version ?? 0;
    const tooNew = rows.find((row) => row.version > newest);
    if (tooNew !== undefined) {
      throw new UnderstudyError(
        "schema_too_new",
        `Cannot use this database: its schema is at ${tooNew.version} (${tooNew.name}), this build knows ${newest}. Start the newer build, or another database`,
      );
    }
    const applied: string[] = [];
    for (const migration of migrations) {
      const before = done.get(migration.version);
      if (before !== undefined) {
        if (before.sha256 !== migration.sha256) {
          throw new UnderstudyError("schema_changed", `Cannot use this database: ${migration.name} was applied with another content`);
        }
        continue;
      }
      await client.query("BEGIN");
      try {
        await client.query(migration.sql);
        await client.query("INSERT INTO schema_migrations (version, name, sha256) VALUES ($1, $2, $3)", [
          migration.version,
          migration.name,
          migration.sha256,
        ]);
        await client.query("COMMIT");
      } catch (cause) {
        await client.query("ROLLBACK");
        throw new UnderstudyError("migration_failed", `Cannot apply ${migration.name}: ${(cause as Error).message}`, { cause });
      }
      applied.push(migration.name);
    }
    return { applied, version: newest };
  } finally {
    // The advisory lock goes with the session.
    await client.end();
  }
}

/** The folder `migrations/` next to the bundle or above the sources; `UNDERSTUDY_MIGRATIONS` goes first. */
export function findMigrations(from: string, env: NodeJS.ProcessEnv): string {
  const { UNDERSTUDY_MIGRATIONS: chosen } = env;
  if (chosen !== undefined) return chosen;
  for (let folder = dirname(fileURLToPath(from)); ; folder = dirname(folder)) {
    const candidate = join(folder, "migrations");
    if (existsSync(candidate)) return candidate;
    if (folder === dirname(folder)) {
      throw new UnderstudyError(
        "migrations_not_found",
        `Cannot find the folder "migrations" above ${fileURLToPath(from)}: set UNDERSTUDY_MIGRATIONS`,
      );
    }
  }
}

async function readMigrations(folder: string): Promise<readonly { version: number; name: string; sql: string; sha256: string }[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".sql")).sort();
  const migrations = await Promise.all(
    names.map(async (name) => {
      const number = /^(\d{4})_[a-z0-9_]+\.sql$/.exec(name)?.[1];
      if (number === undefined) throw new UnderstudyError("bad_migration_name", `Cannot use ${name}: migrations are named NNNN_what.sql`);
      const text = await readFile(join(folder, name), "utf8");
      return { version: Number(number), name, sql: text, sha256: createHash("sha256").update(text).digest("hex") };
    }),
  );
  for (const [index, migration] of migrations.entries()) {
    if (migration.version !== index + 1) {
      throw new UnderstudyError("bad_migration_name", `Cannot use ${migration.name}: ${String(index + 1).padStart(4, "0")} comes next`);
    }
  }
  return migrations;
}
