/**
 * One Postgres for all test files of a run: started when the first of them asks, stopped after the last. The run's own process holds
 * it; who connects to the socket that the environment names is told the database with the schema, as JSON.
 */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestPostgres } from "./database.ts";

export const SHARED_POSTGRES = "UNDERSTUDY_TEST_POSTGRES";

/** Several files run at once, and each control plane has a pool. */
const MAX_CONNECTIONS = 400;

/** @returns what ends it; nothing where it is offered already: each project of the run calls this */
export default async function offerPostgres(): Promise<(() => Promise<void>) | undefined> {
  if (process.env[SHARED_POSTGRES] !== undefined) return undefined;
  const folder = await mkdtemp(join(tmpdir(), "understudy-shared-postgres-"));
  let started: Promise<TestPostgres> | null = null;
  const start = async (): Promise<TestPostgres> => {
    // Not before it is wanted: most single files need none.
    const { TestPostgres } = await import("./database.ts");
    const postgres = await TestPostgres.start({ binaries: null, maxConnections: MAX_CONNECTIONS });
    // A run that is interrupted ends nothing in order.
    process.once("exit", () => {
      if (postgres.server.processId !== null) process.kill(postgres.server.processId, "SIGINT");
    });
    return postgres;
  };
  const server = createServer((asking) => {
    asking.on("error", () => undefined);
    started ??= start();
    started.then(
      ({ template }) => asking.end(JSON.stringify(template)),
      (error) => {
        process.stderr.write(`${error}\n`);
        asking.destroy();
      },
    );
  });
  server.listen(join(folder, "socket"));
  await once(server, "listening");
  process.env[SHARED_POSTGRES] = join(folder, "socket");
  return async () => {
    server.close();
    await (await started)?.stop();
    await rm(folder, { recursive: true, force: true });
  };
}
