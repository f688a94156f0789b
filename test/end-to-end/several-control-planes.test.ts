/** Two control planes on one Postgres, as processes, and real workers: either serves everything, and neither is missed. */
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { StoryConsole } from "../../src/cli/demo/story-console.ts";
import { STORY_BEGIN, STORY_SCRIPT } from "../../src/cli/demo/transcript.ts";
import { Understudy } from "../../src/sdk/index.ts";
import { ControlPlaneProcess } from "../control/support/control-plane-process.ts";
import { databaseUrl } from "../control/support/database.ts";
import { databaseOfTest } from "../control/support/shared-databases.ts";
import { guestImageStore } from "../support/guest-image.ts";
import { WorkerProcess } from "../worker/worker-process.ts";

const TOKEN = "ust_of_the_test";
const JOIN_TOKEN = "usj_of_the_test";
const STEP_MS = 240_000;

let folder: string;
const planes: ControlPlaneProcess[] = [];
const workers: WorkerProcess[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "understudy-planes-"));
  await chmod(folder, 0o755);
});
afterAll(async () => {
  for (const worker of workers) worker.signal("SIGKILL");
  for (const plane of planes) plane.child.kill("SIGKILL");
  await Promise.all([...workers.map(({ exited }) => exited), ...planes.map((plane) => plane.end())]);
  await rm(folder, { recursive: true, force: true });
});

test("the leader and a primary are killed, and the other control plane's console has every byte", async () => {
  const database = databaseUrl(await databaseOfTest());
  const imageStore = (await guestImageStore()).dir;
  const startPlane = async (name: string) => {
    const plane = new ControlPlaneProcess(folder, {
      DATABASE_URL: database,
      UNDERSTUDY_DATA_DIR: join(folder, name),
      UNDERSTUDY_IMAGE_STORE: imageStore,
      UNDERSTUDY_TOKEN: TOKEN,
      UNDERSTUDY_JOIN_TOKEN: JOIN_TOKEN,
      UNDERSTUDY_HEARTBEAT_TIMEOUT_MS: "30000",
      UNDERSTUDY_MAX_LAG_MS: "60000",
    });
    planes.push(plane);
    const { url, internalUrl } = await plane.line("understudy control plane listening");
    return { plane, client: new Understudy({ url: url as string, token: TOKEN }), internalUrl: internalUrl as string };
  };
  const first = await startPlane("first");
  await first.plane.line("this control plane reconciles");
  const second = await startPlane("second");
  const url = [first, second].map(({ internalUrl }) => `${internalUrl.replace("http", "ws")}/internal/v1/workers`).join(",");
  for (const name of ["worker-1", "worker-2", "worker-3"])
    workers.push(WorkerProcess.start(name, { url }, { UNDERSTUDY_JOIN_TOKEN: JOIN_TOKEN, UNDERSTUDY_IMAGE_STORE: imageStore }));

  // Created by one that does not reconcile; read and written at both.
  const vm = await second.client.vms.create({ name: "shared", image: "debian", machine: { memoryMiB: 128 } });
  const signal = AbortSignal.timeout(4 * STEP_MS);
  const before = await (await first.client.vms.get("shared")).console.attach({ mode: "write", from: "start", signal });
  for await (const { type } of second.client.events.watch({ vm: vm.id, after: "0", signal }))
    if (type === "vm.console.writer.changed") break;
  const own = (await vm.refresh()).status.console.writer;
  const taken = new Promise<string | null>((resolve) => before.on("writer", ({ writer }) => writer !== own && resolve(writer)));
  await expect(vm.console.attach({ mode: "write", signal })).rejects.toMatchObject({ code: "console_writer_busy" });
  const stream = await vm.console.attach({ mode: "write", from: "start", takeover: true, signal });
  const story = new StoryConsole(stream, () => undefined);
  // The one that wrote before knows of the session that does now.
  expect(await taken).toBe((await vm.refresh()).status.console.writer);
  before.close();
  await story.expect(/understudy: ready[\s\S]*# (\x1b\[6n)?$/, STEP_MS, signal, 0);
  await vm.waitFor("protected", { timeoutMs: STEP_MS });
  await story.type(STORY_SCRIPT);
  await story.expect(new RegExp(`${STORY_BEGIN}\r\n`), STEP_MS, signal, 0);
  story.startTyping(40);
  await story.expectGuestLines(20, STEP_MS, signal);

  first.plane.child.kill("SIGKILL");
  await second.plane.line("this control plane reconciles");
  await story.expectGuestLines(20, STEP_MS, signal);

  const primary = (await vm.replicas()).find(({ role, state }) => role === "primary" && state === "live");
  workers.find(({ name }) => name === primary?.workerName)?.signal("SIGKILL");
  await story.expectGuestLines(20, STEP_MS, signal);
  await vm.waitFor("protected", { timeoutMs: STEP_MS });
  expect((await vm.replicas()).some(({ id, state }) => id === primary?.id && state === "live")).toBe(false);

  expect((await story.endTyping(STEP_MS, signal)).problems).toEqual([]);
  story.close();
});
