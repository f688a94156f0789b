/**
 * The main job: a Debian guest outlives the processes that run it, and its console shows no seam; nor does it when the control plane
 * dies, or the database is away.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Prng } from "../../src/base/prng.ts";
import { EmbeddedPostgres } from "../../src/control/db/embedded-postgres.ts";
import { ArbiterUnavailableError } from "../../src/sdk/index.ts";
import { databaseUrl } from "../control/support/database.ts";
import { guestImageStore } from "../support/guest-image.ts";
import { type Guest, Installation } from "../support/installation.ts";
import { otherNodes, runUnder } from "../support/node-versions.ts";
import { OtlpReceiver, type ReceivedSpan } from "../support/otlp-receiver.ts";
import { prepareData } from "../support/postgres-data.ts";
import { replay } from "../support/replay.ts";

const KILLS = 20;

let at: Installation;
/** Two guests live through all of it: one at its shell's prompt, until it powers off, and one that tells its story. */
let quiet: Guest;
let telling: Guest;
let recordDir: string;
let databaseDir: string;
/** Not the control plane's own, so that it can be stopped. */
let postgres: EmbeddedPostgres;
let receiver: OtlpReceiver;
beforeAll(async () => {
  recordDir = await mkdtemp(join(tmpdir(), "understudy-record-"));
  databaseDir = await mkdtemp(join(tmpdir(), "understudy-postgres-"));
  await prepareData(databaseDir);
  postgres = await EmbeddedPostgres.start({ directory: databaseDir, durable: false });
  receiver = await OtlpReceiver.start();
  // Two of the three workers run under different versions of Node; more of that: `npm run mixed-nodes`.
  const [otherNode] = await otherNodes();
  at = await Installation.start({
    env: {
      DATABASE_URL: databaseUrl(postgres.connection),
      UNDERSTUDY_RECORD_DIR: recordDir,
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    },
    place: { surroundings: runUnder({ "worker-2": otherNode }) },
  });
});
afterAll(async () => {
  await at?.stop();
  await postgres?.close();
  await receiver?.close();
  for (const folder of [recordDir, databaseDir]) await rm(folder, { recursive: true, force: true });
});

test("a VM made by one call boots Debian's kernel, is protected, and a command typed at its console is answered", async () => {
  const guest = await at.boot({ name: "quiet" });
  quiet = guest;
  expect(await guest.run("uname -srm")).toMatch(/^Linux 6\.12\..*riscv64$/);
  expect(await guest.run("echo $((6 * 7))")).toBe("42");
  await guest.protectedNow();
  const roles = (await guest.vm.replicas()).filter(({ state }) => state === "live").map(({ role, workerName }) => [role, workerName]);
  expect(roles.map(([role]) => role).sort()).toEqual(["backup", "primary"]);
  expect(new Set(roles.map(([, worker]) => worker)).size).toBe(2);

  // All of it is one trace, of three processes.
  const ofVm = ({ attributes }: ReceivedSpan) => attributes["understudy.vm.id"] === guest.vm.id;
  const { traceId } = await receiver.span("POST /v1/vms", ofVm);
  const inTrace = (name: string) => receiver.span(name, (span) => span.traceId === traceId && ofVm(span));
  const [paired, repair] = [await inTrace("worker pair"), await inTrace("repair")];
  const created = await receiver.until(({ spans }) => {
    const found = spans.filter((span) => span.traceId === traceId && span.name === "worker createReplica");
    return found.length === 2 && found;
  });
  expect(new Set([paired, repair, ...created].map(({ resource }) => resource["process.pid"])).size).toBe(3);
  expect([paired, repair, ...created].filter(({ failed }) => failed)).toEqual([]);
  expect(repair.attributes["understudy.protection.state"]).toBe("protected");
});

test("a backup whose process is killed is replaced, and the guest does not notice", async () => {
  const guest = quiet;
  const primary = await guest.workerOf("primary");
  const { term } = (await guest.vm.refresh()).status;
  process.kill((await guest.workerOf("backup")).pid, "SIGKILL");
  await guest.protectedAfter(term);
  expect((await guest.workerOf("primary")).replicaId).toBe(primary.replicaId);
  expect(await guest.run("echo unmoved")).toBe("unmoved");
  expect(guest.console.problems).toEqual([]);
});

test("a guest's clock is right and goes on over a failover, it gets entropy from either replica, and its consoles and their size stay", async () => {
  const guest = quiet;
  /** Seconds since 1970 that the guest shows, held to the host's before and after. */
  const clockIsRight = async (): Promise<number> => {
    const before = Date.now() / 1000;
    const shown = Number(await guest.run("date +%s"));
    const after = Date.now() / 1000;
    expect(shown).toBeGreaterThan(before - 3);
    expect(shown).toBeLessThan(after + 3);
    return shown;
  };
  const draw = async () => await guest.run("head -c 300 /dev/hwrng | sha256sum");
  const throughHvc0 = async (text: string) => {
    const from = guest.console.transcript.length;
    await guest.console.type("(echo at h''vc0; head -n 1) </dev/hvc0 >/dev/hvc0\n");
    await guest.expect(/at hvc0\r\n/, from);
    await guest.console.type(`${text}\n`);
    await guest.expect(new RegExp(`at hvc0\\r\\n${text}\\r\\n${text}\\r\\n[^\\r\\n]*# (\\x1b\\[6n)?$`), from);
  };

  const early = await clockIsRight();
  const drawn = [await draw(), await draw()];
  await throughHvc0("before");
  const many = Array.from({ length: 2_000 }, (_, i) => `${i + 1}\r\n`).join("");
  expect(`${await guest.run("seq 1 2000 >/dev/hvc0")}\r\n` === many).toBe(true);

  // The size of the terminal is input: the guest has it, and its next replica, and the one that is said to that.
  expect((await guest.stream.resize(100, 30)).durability).toBe("replicated");
  const size = async () => await guest.run("stty size; stty size </dev/hvc0");
  const becomes = async (wanted: string) => await expect.poll(size, { timeout: 240_000 }).toBe(`${wanted}\r\n${wanted}`);
  await becomes("30 100");

  const { term } = (await guest.vm.refresh()).status;
  process.kill((await guest.workerOf("primary")).pid, "SIGKILL");
  await guest.protectedAfter(term);

  expect(await clockIsRight()).toBeGreaterThanOrEqual(early);
  drawn.push(await draw(), await draw());
  expect(new Set(drawn).size).toBe(4);
  for (const sum of drawn) expect(sum).toMatch(/^[0-9a-f]{64} {2}-$/);
  await throughHvc0("after");
  await becomes("30 100");
  await guest.stream.resize(81, 25);
  await becomes("25 81");
  expect(guest.console.problems).toEqual([]);
});

test("a guest that powers off leaves a stopped VM that says why, with its last words on the console", async () => {
  const guest = quiet;
  await guest.console.type("echo good night; poweroff -f\n");
  await guest.vm.waitFor("stopped");
  expect(guest.vm.status.stateReason).toBe("guest_poweroff");
  expect(guest.console.transcript).toContain("\r\ngood night\r\n");
  guest.console.close();
  await (await guest.vm.delete()).result();
});

test("failovers that are asked for: one that is planned, one that is tested, one that is forced on a stopped primary; the transcript shows none of them", async () => {
  const guest = await at.boot({ name: "telling" });
  telling = guest;
  await guest.protectedNow();
  await guest.beginStory(40);
  const moved = async (mode: "planned" | "test" | "forced") => {
    const [from, to] = [await guest.workerOf("primary"), await guest.workerOf("backup")];
    const { term } = guest.vm.status;
    if (mode === "forced") process.kill(from.pid, "SIGSTOP");
    try {
      const failover = await guest.vm.failover({ mode, expectedTerm: term }).result();
      expect(failover).toMatchObject({ mode, cause: "user_action", state: "completed", from: from.replicaId, to: to.replicaId });
      await guest.expectGuestLines(5);
      await guest.protectedAfter(term);
      expect((await guest.workerOf("primary")).replicaId).toBe(to.replicaId);
      return { failover, from, log: () => at.log(from.name) };
    } finally {
      if (mode === "forced") process.kill(from.pid, "SIGCONT");
    }
  };
  const planned = await moved("planned");
  expect(planned.failover.gapMs).toMatchObject({ detect: 0, arbitrate: 0 });
  expect(await planned.log()).toContain(`replica ${planned.from.replicaId} halted: handed_over`);
  const tested = await moved("test");
  expect(tested.failover.gapMs?.detect).toBeGreaterThan(0);
  expect(tested.failover.gapMs?.arbitrate).toBeGreaterThan(0);
  expect(await tested.log()).toContain(`replica ${tested.from.replicaId} halted: test_failover`);
  const root = await receiver.span("failover", ({ attributes }) => attributes["understudy.failover.id"] === tested.failover.id);
  for (const phase of ["detect", "arbitrate", "promote"] as const) {
    const span = await receiver.span(`failover ${phase}`, ({ parentSpanId }) => parentSpanId === root.spanId);
    expect(span.endMs - span.startMs).toBeCloseTo(tested.failover.gapMs?.[phase] as number, 2);
  }
  const forced = await moved("forced");
  await expect.poll(forced.log, { timeout: 240_000 }).toContain(`replica ${forced.from.replicaId} fenced`);
  // The same processes: nothing but replicas has ended.
  expect(at.notes.filter((note) => note.includes(`${tested.from.pid}`))).toEqual([]);
  expect((await guest.endStory()).problems).toEqual([]);
});

test("a control plane that is killed and started again finds the VM, the same replicas and no seam in the console", async () => {
  const guest = telling;
  guest.console.startTyping(40);
  const before = await guest.vm.refresh();
  const replicas = async () =>
    (await guest.vm.replicas())
      .filter(({ state }) => state === "live")
      .map(({ id, role }) => `${role} ${id}`)
      .sort();
  const pair = await replicas();

  const controlPlane = at.cluster.services[0];
  process.kill(controlPlane?.pid ?? 0, "SIGKILL");
  await guest.expectGuestLines(20);

  const again = await at.client.vms.get("telling");
  expect(again.status.term).toBe(before.status.term);
  expect(again.resource.createdAt).toBe(before.resource.createdAt);
  expect(await replicas()).toEqual(pair);
  await guest.protectedNow();

  // And it still decides: a kill after the restart is survived as well.
  const { term } = guest.vm.status;
  process.kill((await guest.workerOf("primary")).pid, "SIGKILL");
  await guest.expectGuestLines(20);
  await guest.protectedAfter(term);
  expect((await guest.endStory()).problems).toEqual([]);
});

// Postgres decides who is primary; while it is away nothing is decided, and nothing that runs is disturbed.
test("with Postgres stopped the pair goes on, a failover waits and says arbiter_unavailable, and happens when Postgres is back", async () => {
  const guest = telling;
  guest.console.startTyping(40);
  const { term } = guest.vm.status;
  const primary = await guest.workerOf("primary");
  const backup = await guest.workerOf("backup");
  await postgres.close();

  // The pair does not need the database: fifty lines, and what we type is acknowledged.
  await guest.expectGuestLines(50);
  const acknowledged = guest.console.acknowledged;
  await guest.expect(new RegExp(`heard client ${acknowledged + 10}\r\n`), 0);
  await expect(at.client.vms.get(guest.vm.id)).rejects.toBeInstanceOf(ArbiterUnavailableError);

  const refusals = async () => (await at.log("control-plane")).split("the replica will ask again").length - 1;
  const refused = await refusals();
  process.kill(primary.pid, "SIGKILL");
  // It waits: it asks, and asks again.
  await expect.poll(refusals, { timeout: 240_000 }).toBeGreaterThanOrEqual(refused + 3);
  expect(await at.log(backup.name)).toContain('"arbiterUnavailable":true');
  const undecided = guest.console.offset;

  postgres = await EmbeddedPostgres.start({ directory: databaseDir, durable: false });
  await guest.expectGuestLines(20);
  await guest.protectedAfter(term);
  // Nobody went on before somebody could decide: what came until then is what the backup had taken over.
  const [failover] = await guest.vm.failovers().all();
  expect(failover).toMatchObject({ state: "completed", to: backup.replicaId });
  expect(undecided).toBeLessThanOrEqual(BigInt(failover?.consoleEnd as string));
  expect((await guest.endStory()).problems).toEqual([]);
});

test(`${KILLS} kills of the primary's process at random instants leave a transcript without gap or repeat and every acknowledged line once`, async () => {
  const seed = Number(process.env.UNDERSTUDY_TEST_SEED ?? 1996);
  const prng = new Prng(seed);
  const guest = telling;
  const completed = async () => (await guest.vm.failovers().all()).filter(({ state }) => state === "completed").length;
  const before = await completed();
  guest.console.startTyping(40);
  for (let kill = 1; kill <= KILLS; kill++) {
    // A random instant: so many more bytes of the guest's story, not so many milliseconds.
    const more = prng.between(0, 400);
    await guest.expect(new RegExp(`[\\s\\S]{${more}}`));
    const { term } = guest.vm.status;
    const { pid } = await guest.workerOf("primary");
    process.kill(pid, "SIGKILL");
    await guest.expectGuestLines(5);
    await guest.protectedAfter(term);
  }
  const { problems, guestLines } = await guest.endStory();
  expect(problems, `seed ${seed}`).toEqual([]);
  expect(guestLines).toBeGreaterThan((before + KILLS) * 5);
  expect(await completed()).toBe(before + KILLS);
}, 1_800_000);

test("a guest that panics stops its VM as one, at one instant on either replica, with its last words on the console", async () => {
  const guest = telling;
  // The end of what is typed is the end of its story.
  await guest.console.type("\x04echo c >/proc/sysrq-trigger\n");
  await guest.vm.waitFor("stopped");
  expect(guest.vm.status.stateReason).toBe("guest_panic");
  // Everything it said is there, to the last line.
  expect(guest.console.transcript).toContain("Kernel panic - not syncing: sysrq triggered crash");
  const logs = (await Promise.all(["worker-1", "worker-2", "worker-3"].map((worker) => at.log(worker)))).join("\n");
  const halted = logs.split("\n").filter((line) => line.includes('"code":"guest_halted"') && line.includes(guest.vm.id));
  // The backup may be dropped before it has come so far: what has halted has done so at one instant.
  expect(halted.length).toBeGreaterThan(0);
  expect(new Set(halted.map((line) => /"instant":"(\d+)"/.exec(line)?.[1])).size).toBe(1);
  expect(logs).not.toContain("divergence");
});

test("one machine that nobody kills, given the log of all these failovers, has the states of the replicas and writes what the client saw", async () => {
  const guest = telling;
  const failovers = (await guest.vm.failovers().all()).filter(({ state }) => state === "completed").length;
  guest.console.close();
  const { id } = guest.vm;
  await (await guest.vm.delete()).result();
  // Every hash that was taken is met, and it writes what the client saw.
  const again = await replay(recordDir, id, (await guestImageStore()).dir);
  expect(again.problems).toEqual([]);
  expect(again.hashesCompared).toBeGreaterThan(KILLS / 2);
  expect(again.primaries).toBeGreaterThan(failovers);
  expect(new TextDecoder().decode(again.console).startsWith(guest.console.transcript)).toBe(true);
});
