/**
 * Lag control between real worker processes: a guest that writes its console as fast as it can, and a backup that is slow, stands
 * still, or is given less time than it had. The control plane is scripted.
 */
import { afterEach, expect, test } from "vitest";
import type { ReplicaSpec } from "../../src/wire/control-messages.ts";
import { guestImage, readTranscript } from "./guest-program.ts";
import { ConsoleClient, type JoinedWorker, ScriptedControlPlane } from "./scripted-control-plane.ts";
import { WorkerProcess } from "./worker-process.ts";

/** Nobody is suspected for its silence here. */
const HEARTBEAT_TIMEOUT_MS = 240_000;
const PATIENT_MS = 60_000;
/** A line is printed as soon as the one before is out. */
const FLOOD = { periodTicks: 1, busy: true };
const LINE_BYTES = 9;

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Pair {
  readonly plane: ScriptedControlPlane;
  readonly primaryAt: JoinedWorker;
  readonly backupAt: JoinedWorker;
  readonly primaryProcess: WorkerProcess;
  readonly backupProcess: WorkerProcess;
  readonly client: ConsoleClient;
}

async function floodingPair(): Promise<Pair> {
  const plane = new ScriptedControlPlane();
  await plane.listen();
  cleanups.push(() => plane.close());
  const start = async (name: string) => {
    const process = WorkerProcess.start(name, plane);
    cleanups.push(async () => {
      process.signal("SIGCONT");
      process.signal("SIGKILL");
      await process.exited;
    });
    return { process, worker: await plane.joined(name) };
  };
  const [first, second] = await Promise.all([start("first"), start("second")]);
  const spec: ReplicaSpec = {
    memoryMiB: 16,
    cmdline: "",
    kernelDigest: plane.putBlob(guestImage(FLOOD)),
    initramfsDigest: plane.putBlob(new Uint8Array(64)),
    heartbeatTimeoutMs: HEARTBEAT_TIMEOUT_MS,
    maxLagMs: PATIENT_MS,
    consoleBase: "0",
    // A client that comes back after a failover, on a busy host, finds what it has not seen.
    console: { headBytes: 0, tailBytes: 4 * 1024 * 1024 },
  };
  plane.createPrimary(first.worker, "vm_1", "rep_a", spec);
  await plane.reported("rep_a", "is live", ({ state }) => state === "live");
  const client = new ConsoleClient(plane);
  client.attach(first.worker, "rep_a");
  await plane.protect(first.worker, second.worker, "vm_1", "rep_b", spec);
  return {
    plane,
    primaryAt: first.worker,
    backupAt: second.worker,
    primaryProcess: first.process,
    backupProcess: second.process,
    client,
  };
}

/** Waits until the client has so many bytes more. */
async function more({ plane, client }: Pair, bytes: number): Promise<void> {
  const wanted = client.output.length + bytes;
  await plane.until(`${wanted} bytes are out`, () => client.output.length >= wanted);
}

/** Waits for two reports of the primary, one after the other, that tell the same instant, and of records that wait for acks. */
async function waitsForAcks({ plane, primaryAt: worker }: Pair): Promise<void> {
  const said = worker.messages.length;
  await plane.until("the primary stands still", () => {
    const reports = worker.messages
      .slice(said)
      .flatMap((message) => (message.type === "replicaReport" && message.report.replicaId === "rep_a" ? [message.report] : []));
    const [before, last] = reports.slice(-2);
    return before !== undefined && last !== undefined && before.instant === last.instant && (before.lag?.ms ?? 0) > 0;
  });
}

const soloReasons = ({ plane }: Pair) =>
  plane.arbiterRequests.flatMap(({ request }) => (request.kind === "goSolo" ? [request.reason] : []));

test("a guest that writes its console as fast as it can does not starve its backup, which takes over with every byte", async () => {
  const pair = await floodingPair();
  const { plane, client } = pair;
  const applied = () => BigInt(plane.report("rep_b")?.instant ?? 0);
  for (let round = 0; round < 3; round++) {
    const before = applied();
    await more(pair, 200_000);
    await plane.until("the backup has executed more", () => applied() > before);
  }
  // All that has left is executed by the backup, but for what 64 KiB of unreleased output and 100 ms of lag can hold.
  const written = BigInt(client.output.length);
  await plane.until("the backup is where the client is", () => applied() > written);
  expect(soloReasons(pair)).toEqual([]);
  expect(plane.vm("vm_1").synced).toEqual(["rep_b"]);

  pair.primaryProcess.signal("SIGKILL");
  await plane.reported("rep_b", "is primary", ({ role }) => role === "primary");
  client.attach(pair.backupAt, "rep_b");
  await more(pair, 200_000);
  expect(readTranscript(client.output).numbers).toBe(Math.floor(client.output.length / LINE_BYTES));
});

test("a guest whose backup stands still waits for it, and goes on with it", async () => {
  const pair = await floodingPair();
  pair.backupProcess.signal("SIGSTOP");
  await waitsForAcks(pair);
  pair.backupProcess.signal("SIGCONT");
  await more(pair, 200_000);
  expect(soloReasons(pair)).toEqual([]);
  expect(pair.plane.vm("vm_1")).toMatchObject({ primary: "rep_a", synced: ["rep_b"] });
  await pair.plane.reported("rep_b", "tells of the delay", ({ lag }) => (lag?.executionDelay?.sumUs ?? 0) > 0);
});

test("a backup that stands still is dropped once maxLagMs is set below its lag, and the guest goes on alone", async () => {
  const pair = await floodingPair();
  const { plane } = pair;
  pair.backupProcess.signal("SIGSTOP");
  await waitsForAcks(pair);
  expect(soloReasons(pair)).toEqual([]);
  pair.primaryAt.send({ type: "setMaxLag", replicaId: "rep_a", maxLagMs: 250 });
  await plane.reported("rep_a", "has the new bound", ({ lag }) => lag?.maxMs === 250);
  await plane.reported("rep_a", "is alone", ({ synced }) => synced.length === 0);
  expect(soloReasons(pair)).toEqual(["lag_exceeded"]);
  await more(pair, 200_000);
  expect(readTranscript(pair.client.output).numbers).toBe(Math.floor(pair.client.output.length / LINE_BYTES));
});
