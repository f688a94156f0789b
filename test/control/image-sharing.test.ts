/** Images that were pulled into one control plane's store: there for all control planes of the database, also when that one is gone for good. */
import { randomBytes } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { trimHistory } from "../../src/control/db/queries/trim-history.ts";
import type { Image } from "../../src/control/schemas/image.ts";
import type { Vm } from "../../src/control/schemas/vm.ts";
import type { ControlSettings } from "../../src/control/settings.ts";
import type { ImageManifest } from "../../src/images/index.ts";
import { sealManifest } from "../../src/images/manifest.ts";
import { ControlUnderTest, JOIN_TOKEN } from "./support/control-under-test.ts";
import { databaseOfTest } from "./support/shared-databases.ts";

const MIB = 1024 * 1024;
const SETTINGS: Partial<ControlSettings> = { imageShareMs: 30 };

/** An image as `image pull` leaves it in a store: three pieces of kernel, and one of initramfs. */
async function pull({ images }: ControlUnderTest, name: string): Promise<ImageManifest> {
  const manifest = sealManifest({
    name,
    kernel: await images.putBlob([randomBytes(2 * MIB + 5)]),
    initramfs: await images.putBlob([randomBytes(1000)]),
    ...{ cmdline: "console=ttyS0", minMemoryMiB: 96, createdAt: new Date().toISOString(), kernelRelease: "6.12.0" },
    source: { package: null, version: null, suite: null, description: "made by a test" },
  });
  await images.putManifest(manifest);
  return manifest;
}

const query = async (control: ControlUnderTest, sql: string): Promise<Record<string, unknown>[]> =>
  (await control.parts.database.query(sql, [])).rows;

const pieces = async (control: ControlUnderTest, { kernel }: ImageManifest): Promise<unknown[]> =>
  (await query(control, `SELECT n FROM image_chunks WHERE digest = '${kernel.digest}' ORDER BY n`)).map(({ n }) => n);

async function until(control: ControlUnderTest, look: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await look())) await control.parts.feed.next(20);
}

const offers = (control: ControlUnderTest, image: string): Promise<boolean> =>
  control.get(`/v1/images/${image}`).then(({ status }) => status === 200);

const warnings = ({ log }: ControlUnderTest) =>
  log.filter(({ msg }) => msg === "an image is not there for the other control planes yet") as unknown as {
    readonly image: string;
    readonly retryMs: number;
    readonly err: { readonly code?: string; readonly cause?: { readonly code?: string } };
  }[];

/** Postgres holds this many pieces, and says of more that its disk is full. */
async function haveRoomFor(control: ControlUnderTest, most: number): Promise<void> {
  await query(
    control,
    `CREATE OR REPLACE FUNCTION room() RETURNS trigger AS $$ BEGIN
       IF (SELECT count(*) FROM image_chunks) >= ${most} THEN
         RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100';
       END IF;
       RETURN NEW;
     END $$ LANGUAGE plpgsql`,
  );
  const has = await query(control, "SELECT FROM pg_trigger WHERE tgname = 'room'");
  if (has.length === 0) await query(control, "CREATE TRIGGER room BEFORE INSERT ON image_chunks FOR EACH ROW EXECUTE FUNCTION room()");
}

/** Both have pulled the image "debian" before; it is shared then. */
const isSettled = (control: ControlUnderTest): Promise<void> =>
  until(control, async () => (await query(control, "SELECT FROM images WHERE shared")).length === 1);

/** Two control planes, of which the first has a disk of its own that can go. */
async function two(): Promise<[ControlUnderTest, ControlUnderTest]> {
  const connection = await databaseOfTest();
  const first = await ControlUnderTest.ofTest({ connection, settings: SETTINGS });
  return [first, await ControlUnderTest.ofTest({ connection })];
}

describe("an image that one of two control planes has pulled", () => {
  test("makes VMs at the other one, also when the first is gone with its disk", async () => {
    const [first, second] = await two();
    const image = await pull(first, "pulled");
    await until(second, () => offers(second, "pulled"));
    await first.stopButWorkers();
    await rm(first.images.dir, { recursive: true });

    const worker = await second.join("worker-1");
    const made = await second.call<Vm>("POST", "/v1/vms", { name: "made", spec: { image: "pulled", protection: { mode: "none" } } });
    expect(made.status).toBe(201);
    expect(await worker.order("createReplica", ({ vmId }) => vmId === made.body.id)).toMatchObject({ role: "primary" });
    for (const { digest, sizeBytes } of [image.kernel, image.initramfs]) {
      const answer = await fetch(`${second.internalUrl}/internal/v1/blobs/${digest}`, {
        headers: { authorization: `Bearer ${JOIN_TOKEN}` },
      });
      expect([answer.status, (await answer.arrayBuffer()).byteLength]).toEqual([200, sizeBytes]);
      await second.images.checkBlob(digest);
    }
    // It is no upload: quotas do not count it. Nor are its bytes forgotten.
    await query(second, "UPDATE image_chunks SET stored_at = now() - interval '2 days'");
    await trimHistory(second.parts.database.db, { eventDays: 30, auditDays: 30 });
    expect(await pieces(second, image)).toEqual([0, 1, 2]);
    const { body } = await second.get<{ items: { resource: string; usage: number }[] }>("/v1/quotas");
    expect(body.items.find(({ resource }) => resource === "images")?.usage).toBe(0);
  });

  test("is told of, where it cannot be given yet, and goes on at the piece where it was when there is room again", async () => {
    const [first, second] = await two();
    await isSettled(first);
    await haveRoomFor(first, 4);
    const image = await pull(first, "large");
    await until(first, () => warnings(first).length >= 2);
    // Others are not kept waiting by it.
    expect(await offers(first, "large")).toBe(true);
    const refused = await second.get<{ code: string; detail: string }>("/v1/images/large");
    expect([refused.status, refused.body.code, refused.body.detail]).toEqual([
      404,
      "image_not_found",
      expect.stringContaining("another control plane has it"),
    ]);
    expect(await pieces(first, image)).toEqual([0, 1]);
    const waits = warnings(first).map(({ retryMs }) => retryMs);
    expect(waits.slice(0, 2)).toEqual([30, 60]);
    await query(first, "CREATE TABLE rewritten AS SELECT digest, n FROM image_chunks WHERE false");
    await query(
      first,
      `CREATE FUNCTION remember() RETURNS trigger AS $$ BEGIN INSERT INTO rewritten VALUES (NEW.digest, NEW.n); RETURN NEW; END $$ LANGUAGE plpgsql`,
    );
    await query(first, "CREATE TRIGGER remember BEFORE INSERT ON image_chunks FOR EACH ROW EXECUTE FUNCTION remember()");
    await haveRoomFor(first, 1000);
    await until(second, () => offers(second, "large"));
    expect((await query(first, `SELECT n FROM rewritten WHERE digest = '${image.kernel.digest}' AND n < 2`)).length).toBe(0);
    expect(await pieces(first, image)).toEqual([0, 1, 2]);
  });

  test("is not given away with a damaged file, and does not keep others waiting", async () => {
    const [first, second] = await two();
    const damaged = await pull(first, "damaged");
    await writeFile(first.images.blobPath(damaged.kernel.digest), randomBytes(2 * MIB + 5));
    await pull(first, "sound");
    await until(second, () => offers(second, "sound"));
    await until(first, () => warnings(first).length > 0);
    expect(warnings(first)[0]).toMatchObject({ image: "damaged", err: { code: "image_corrupt" } });
    expect([await pieces(first, damaged), await offers(second, "damaged")]).toEqual([[], false]);
  });

  test("is given to nobody once it is deleted, and what was written of it is forgotten", async () => {
    const [first, second] = await two();
    await isSettled(first);
    await haveRoomFor(first, 2);
    const image = await pull(first, "unwanted");
    await until(first, () => warnings(first).some((each) => each.image === "unwanted"));
    const { id } = (await first.get<Image>("/v1/images/unwanted")).body;
    const holder = first.parts.database.newClient();
    await holder.connect();
    onTestFinished(() => holder.end());
    await holder.query("BEGIN; LOCK TABLE image_chunks IN EXCLUSIVE MODE");
    await haveRoomFor(first, 1000);
    await until(first, async () => first.parts.imageSharing["sharing"]?.imageId === id && (await isWaitingForPieces(first)));
    expect((await first.call("DELETE", `/v1/images/${id}`)).status).toBe(200);
    await holder.query("COMMIT");
    await until(first, () => first.parts.imageSharing["sharing"] === null);
    expect((await pieces(first, image)).length).toBeLessThan(3);
    expect(await query(first, `SELECT shared FROM images WHERE id = '${id}'`)).toEqual([{ shared: false }]);
    expect(await offers(second, "unwanted")).toBe(false);
    await query(first, "UPDATE image_chunks SET stored_at = now() - interval '2 days'");
    await trimHistory(first.parts.database.db, { eventDays: 30, auditDays: 30 });
    expect(await pieces(first, image)).toEqual([]);
  });

  test("stays with it while it is alone", async () => {
    const alone = await ControlUnderTest.ofTest({ settings: SETTINGS });
    const image = await pull(alone, "lonely");
    await alone.parts.imageSharing["look"]();
    expect(await pieces(alone, image)).toEqual([]);
    const late = await ControlUnderTest.ofTest({ connection: alone.connection });
    await until(late, () => offers(late, "lonely"));
  });
});

async function isWaitingForPieces(control: ControlUnderTest): Promise<boolean> {
  const waiting = "datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%image_chunks%'";
  return (await query(control, `SELECT FROM pg_stat_activity WHERE ${waiting}`)).length > 0;
}
