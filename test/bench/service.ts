/** A service without guests for benches: control planes as processes of the build, on one database that waits for its disk. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Understudy } from "../../src/sdk/index.ts";
import { ControlPlaneProcess } from "../control/support/control-plane-process.ts";
import { databaseUrl, TestPostgres } from "../control/support/database.ts";
import { makeImageStore } from "../control/support/image-store.ts";

const TOKEN = "ust_of_the_bench";
/** So many that no limit is met: what is measured is the service, not its manners. */
const UNLIMITED = "900000000";

export interface Service {
  /** One for each control plane. */
  readonly clients: readonly Understudy[];
  readonly urls: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

export async function startService(controlPlanes: number): Promise<Service> {
  const folder = await mkdtemp(join(tmpdir(), "understudy-bench-service-"));
  const images = await makeImageStore();
  const postgres = await TestPostgres.start({ binaries: null, durable: true });
  const env = {
    DATABASE_URL: databaseUrl(await postgres.newDatabase()),
    UNDERSTUDY_TOKEN: TOKEN,
    UNDERSTUDY_JOIN_TOKEN: "usj_of_the_bench",
    UNDERSTUDY_IMAGE_STORE: images.dir,
    UNDERSTUDY_RATE_LIMIT_BURST: UNLIMITED,
    UNDERSTUDY_RATE_LIMIT_PER_SECOND: UNLIMITED,
    UNDERSTUDY_LOG_LEVEL: "info",
  };
  const processes = Array.from(
    { length: controlPlanes },
    (_, index) => new ControlPlaneProcess(folder, { ...env, UNDERSTUDY_DATA_DIR: join(folder, `data-${index}`) }),
  );
  const urls: string[] = [];
  for (const process of processes) urls.push(String((await process.line("control plane listening"))["url"]));
  return {
    clients: urls.map((url) => new Understudy({ url, token: TOKEN })),
    urls,
    headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
    stop: async () => {
      for (const { child } of processes) child.kill("SIGTERM");
      for (const process of processes) await process.end();
      await postgres.stop();
      await rm(images.dir, { recursive: true, force: true });
      await rm(folder, { recursive: true, force: true });
    },
  };
}
