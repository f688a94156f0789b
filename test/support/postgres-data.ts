/**
 * The data folder of an embedded Postgres that was just made, for tests that are not about its making: `initdb` takes a second of a
 * processor's time, a copy of what it left a tenth of that.
 *
 *     CACHE/postgres-<hash of the binaries and of the code that starts them>/
 *
 * From nothing starts it in test/control/embedded-postgres.test.ts, in that of the control plane's process and in `understudy up`'s.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { EmbeddedPostgres } from "../../src/control/db/embedded-postgres.ts";
import { testCache, whileLocked } from "./test-cache.ts";

const run = promisify(execFile);
const SOURCE = fileURLToPath(new URL("../../src/control/db/embedded-postgres.ts", import.meta.url));

/**
 * Puts data into the folder that an `EmbeddedPostgres` is to be started on: those of a server that was started and stopped once.
 *
 * @param binaries of another build than the npm package's; null: of that one
 */
export async function prepareData(directory: string, binaries: string | null = null): Promise<void> {
  const made = join(testCache(), `postgres-${await hashOf(binaries)}`);
  if (!existsSync(made)) await make(made, binaries);
  await mkdir(directory, { recursive: true });
  await copy(made, join(directory, "data"));
}

async function make(made: string, binaries: string | null): Promise<void> {
  await mkdir(testCache(), { recursive: true });
  await whileLocked(join(testCache(), "postgres-lock"), async () => {
    if (existsSync(made)) return;
    const folder = await mkdtemp(join(tmpdir(), "understudy-initdb-"));
    try {
      // The server's user must get there, when the tests run as root.
      await chmod(folder, 0o755);
      const directory = join(folder, "postgres");
      const server = await EmbeddedPostgres.start({ directory, durable: false, ...(binaries === null ? {} : { binaries }) });
      await server.close();
      await rm(`${made}.incoming`, { recursive: true, force: true });
      await copy(join(directory, "data"), `${made}.incoming`);
      await rename(`${made}.incoming`, made);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}

/** With its owner, who is nobody where the tests run as root. */
async function copy(from: string, to: string): Promise<void> {
  await run("cp", ["-a", from, to]);
}

async function hashOf(binaries: string | null): Promise<string> {
  const hash = createHash("sha256").update(await readFile(SOURCE));
  hash.update(`${process.getuid?.()}`);
  if (binaries === null) {
    const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
    hash.update(await readFile(join(dirname(entry), "..", "package.json")));
  } else {
    const { stdout } = await run(join(binaries, "bin", "postgres"), ["--version"]);
    hash.update(stdout);
  }
  return hash.digest("hex").slice(0, 12);
}
