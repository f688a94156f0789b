/** Worker processes that have several control planes: each hears everything, any may order, and one that dies is not missed. */
import { afterEach, describe, expect, test } from "vitest";
import type { ReplicaSpec } from "../../src/wire/control-messages.ts";
import { guestImage, readTranscript } from "./guest-program.ts";
import { ConsoleClient, ScriptedControlPlane } from "./scripted-control-plane.ts";
import { WorkerProcess } from "./worker-process.ts";

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function twoPlanes(): Promise<[ScriptedControlPlane, ScriptedControlPlane]> {
  const first = new ScriptedControlPlane();
  const second = new ScriptedControlPlane(first);
  for (const plane of [first, second]) {
    await plane.listen();
    cleanups.push(() => plane.close());
  }
  return [first, second];
}

function startWorker(name: string, url: string, env: NodeJS.ProcessEnv = {}): WorkerProcess {
  const worker = WorkerProcess.start(name, { url }, env);
  cleanups.push(async () => {
    worker.signal("SIGKILL");
    await worker.exited;
  });
  return worker;
}

const GUEST = guestImage({ periodTicks: 10_000, busy: false });

function guest(plane: ScriptedControlPlane): ReplicaSpec {
  const blobs = { kernelDigest: plane.putBlob(GUEST), initramfsDigest: plane.putBlob(new Uint8Array(64)) };
  return { memoryMiB: 16, cmdline: "", ...blobs, heartbeatTimeoutMs: 30_000, maxLagMs: 60_000, consoleBase: "0" };
}

describe("a worker with two control planes", () => {
  test("serves both of them, and a failover needs either", async () => {
    const [first, second] = await twoPlanes();
    const urls = `${first.url}, ${second.url}`;
    const primary = startWorker("worker-0", urls);
    startWorker("worker-1", urls);
    const [at0, at1] = [await first.joined("worker-0"), await first.joined("worker-1")];
    await second.joined("worker-0");
    const secondAt1 = await second.joined("worker-1");

    // Only the first has the image, so whichever is asked first, it is found.
    const spec = guest(first);
    first.createPrimary(at0, "vm_1", "rep_a", spec);
    await second.reported("rep_a", "is live", ({ state }) => state === "live");
    await first.protect(at0, at1, "vm_1", "rep_b", spec);
    const [here, there] = [new ConsoleClient(first), new ConsoleClient(second)];
    here.attach(at0, "rep_a");
    there.attach(await second.joined("worker-0"), "rep_a");
    await first.until("the first control plane's client reads", () => readTranscript(here.output).numbers > 5);
    await second.until("the second one's does", () => readTranscript(there.output).numbers > 5);

    await first.close();
    cleanups.push(() => first.listen());
    primary.signal("SIGKILL");
    await second.reported("rep_b", "is primary", ({ role }) => role === "primary");
    expect(second.vm("vm_1")).toMatchObject({ primary: "rep_b", term: 3n });
    const before = there.next;
    there.attach(secondAt1, "rep_b");
    there.type("x");
    await second.until("the new primary is read and typed to", () => there.inputNext === 1n && there.next > before + 100n);
    // Both read one history.
    expect(there.output.startsWith(here.output.slice(0, there.output.length))).toBe(true);
  });

  test("asks the next one where the first does not answer", async () => {
    const [first, second] = await twoPlanes();
    first.arbiterMode = "unavailable";
    const urls = `${first.url},${second.url}`;
    startWorker("worker-0", urls);
    startWorker("worker-1", urls);
    const [at0, at1] = [await second.joined("worker-0"), await second.joined("worker-1")];
    const spec = guest(second);
    second.createPrimary(at0, "vm_1", "rep_a", spec);
    await second.reported("rep_a", "is live", ({ state }) => state === "live");
    await second.protect(at0, at1, "vm_1", "rep_b", spec);
    expect(second.vm("vm_1").synced).toEqual(["rep_b"]);
  });

  test("finds them all behind one name, and goes on without those that cannot be reached", async () => {
    const [first] = await twoPlanes();
    const url = first.url.replace("127.0.0.1", "localhost");
    const worker = startWorker("worker-0", `${url},ws://nowhere.invalid:1/`, {
      UNDERSTUDY_CONTROL_DISCOVERY: "dns",
      UNDERSTUDY_TLS: "never",
    });
    await first.joined("worker-0");
    expect((await worker.says(/joined the control plane/)).msg).toContain("localhost");
  });

  test("ends, where none of them has welcomed it and one refuses it", async () => {
    const [first, second] = await twoPlanes();
    const worker = startWorker("worker-0", `${first.url},${second.url}`, { UNDERSTUDY_JOIN_TOKEN: "wrong" });
    expect(await worker.exited).toMatchObject({ code: 1 });
    expect((await worker.says(/worker not admitted/)).code).toBe("join_refused");
  });
});
