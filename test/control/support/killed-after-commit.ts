/** A real control plane that is killed when it has made a VM, and before it has answered. */
import { once } from "node:events";
import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { expect, onTestFinished } from "vitest";
import type { Vm } from "../../../src/control/schemas/vm.ts";
import type { ImageStore } from "../../../src/images/index.ts";
import { ControlPlaneProcess } from "./control-plane-process.ts";
import { makeImageStore } from "./image-store.ts";
import { PostgresProxy } from "./postgres-proxy.ts";
import { databaseOfTest } from "./shared-databases.ts";

export interface StartedProcess {
  readonly child: ControlPlaneProcess["child"];
  /** The create that was not answered, with the same idempotency key. */
  create(): Promise<Response>;
  list(): Promise<readonly Vm[]>;
}

export interface KilledAfterCommit {
  readonly connection: pg.PoolConfig;
  readonly images: ImageStore;
  /** Starts another one. */
  start(databaseUrl: string): Promise<StartedProcess>;
}

/** For one test: what it starts and makes is gone when the test is over. */
export async function killedAfterCommit(request: object): Promise<KilledAfterCommit> {
  const folder = await mkdtemp(join(tmpdir(), "understudy-killed-"));
  await chmod(folder, 0o755);
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const connection = await databaseOfTest();
  const images = await makeImageStore();
  onTestFinished(() => rm(images.dir, { recursive: true, force: true }));
  const proxy = await PostgresProxy.start(connection);
  onTestFinished(() => proxy.close());
  const start = async (databaseUrl: string): Promise<StartedProcess> => {
    const process_ = new ControlPlaneProcess(folder, { DATABASE_URL: databaseUrl, UNDERSTUDY_IMAGE_STORE: images.dir });
    onTestFinished(async () => {
      process_.child.kill("SIGKILL");
      await process_.end();
    });
    const { url, tokenFile } = (await process_.line("understudy control plane listening")) as unknown as {
      url: string;
      tokenFile: string;
    };
    const token = (await readFile(tokenFile, "utf8")).trim();
    const create = () =>
      fetch(`${url}/v1/vms`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json", "idempotency-key": "the-one" },
        body: JSON.stringify(request),
      });
    const list = async () =>
      ((await (await fetch(`${url}/v1/vms`, { headers: { authorization: `Bearer ${token}` } })).json()) as { items: Vm[] }).items;
    return { child: process_.child, create, list };
  };

  const first = await start(proxy.url);
  const listener = new pg.Client(connection);
  await listener.connect();
  onTestFinished(() => listener.end());
  await listener.query("LISTEN understudy_events");
  const committed = once(listener, "notification");
  proxy.loseAnswersToCommits();
  const answer = first.create().then(
    ({ status }) => status,
    () => "none",
  );
  await committed;
  first.child.kill("SIGKILL");
  expect(await answer).toBe("none");
  return { connection, images, start };
}
