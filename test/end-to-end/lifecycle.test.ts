/** A VM outlives its guest: stopped and started, paused over a failover, reset and killed, on real workers with a real Debian. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ConsoleStream } from "../../src/sdk/index.ts";
import { Guest, Installation } from "../support/installation.ts";

const STEP_MS = 240_000;

let at: Installation;
/** At the prompt of the second guest's shell. */
let restarted: Guest;
beforeAll(async () => {
  at = await Installation.start();
});
afterAll(async () => await at?.stop());

async function promisedMiB(): Promise<number> {
  return (await at.client.workers.list().all()).reduce((sum, { status }) => sum + status.memoryPromisedMiB, 0);
}

/** Resolves when no worker has promised memory: looks again with each event. */
async function nothingPromised(): Promise<void> {
  const watch = new AbortController();
  for await (const _ of at.client.events.watch({ after: "0", signal: AbortSignal.any([at.signal, watch.signal]) })) {
    if ((await promisedMiB()) === 0) break;
  }
  watch.abort();
}

/** Until the VM ends. */
async function readAll(stream: ConsoleStream): Promise<string> {
  let text = "";
  for await (const { data } of stream) text += Buffer.from(data).toString("latin1");
  return text;
}

test("a guest that is told to stop powers itself off, and the next one goes on with its console", async () => {
  const guest = await at.boot({ name: "stopped" });
  await guest.protectedNow();
  await guest.run("echo of the first guest");
  // Whoever types in a story expects no end of it.
  guest.console.close();
  const reader = await guest.vm.console.attach({ mode: "read", from: "end", signal: at.signal });
  const lastWords = readAll(reader);
  await (await guest.vm.stop({ graceMs: STEP_MS })).result({ timeoutMs: STEP_MS });
  expect(await lastWords).toMatch(/sysrq: Power Off[\s\S]*reboot: Power down/);
  const stopped = (await guest.vm.refresh()).status;
  expect(stopped).toMatchObject({ state: "stopped", stateReason: "guest_poweroff" });
  await nothingPromised();
  const { end } = (await guest.vm.refresh()).status.console;

  await (await guest.vm.start()).result({ timeoutMs: STEP_MS });
  await guest.protectedNow();
  expect(guest.vm.status.term).toBeGreaterThan(stopped.term);
  const stream = await guest.vm.console.attach({ mode: "write", from: BigInt(end), signal: at.signal });
  restarted = new Guest(at, guest.vm, stream);
  await restarted.expect(/understudy: ready[\s\S]*# (\x1b\[6n)?$/, 0);
  // Its first byte is the one behind the first guest's last.
  expect(restarted.console.offset).toBe(BigInt(end) + BigInt(restarted.console.transcript.length));
  expect(restarted.console.problems).toEqual([]);
  expect(restarted.console.transcript).not.toContain("first guest");
});

test("a guest that is paused stands still over a failover, and goes on where it was", async () => {
  const guest = restarted;
  await guest.beginStory(40);
  await guest.expectGuestLines(20);
  await (await guest.vm.pause()).result({ timeoutMs: STEP_MS });
  const { instant, term } = (await guest.vm.refresh()).status;

  process.kill((await guest.workerOf("primary")).pid, "SIGKILL");
  await guest.protectedAfter(term);
  expect((await guest.vm.refresh()).status).toMatchObject({ state: "paused", instant });

  await (await guest.vm.resume()).result({ timeoutMs: STEP_MS });
  await guest.expectGuestLines(20);
  expect((await guest.endStory()).problems).toEqual([]);

  // A reset is another guest in the same VM; a killed one holds nothing.
  const before = (await guest.vm.refresh()).status;
  await (await guest.vm.reset()).result({ timeoutMs: STEP_MS });
  await guest.protectedNow();
  expect(guest.vm.status.term).toBeGreaterThan(before.term);
  expect(BigInt(guest.vm.status.console.start)).toBeGreaterThanOrEqual(BigInt(before.console.end));
  await (await guest.vm.kill()).result({ timeoutMs: STEP_MS });
  expect((await guest.vm.refresh()).status).toMatchObject({ state: "stopped", stateReason: "killed", replicas: [] });
  await nothingPromised();
});

test("a guest that is created to be paused is protected before its first instruction, outlives its worker and boots when it is resumed", async () => {
  const vm = await at.client.vms.create({ image: "debian", machine: { memoryMiB: 128 }, desiredState: "paused" });
  await vm.waitFor("protected", { timeoutMs: STEP_MS, signal: at.signal });
  expect(vm.status).toMatchObject({ state: "paused", instant: "0", console: { start: "0", end: "0" } });
  const { term } = vm.status;
  const guest = new Guest(at, vm, await vm.console.attach({ mode: "write", from: "start", signal: at.signal }));

  process.kill((await guest.workerOf("primary")).pid, "SIGKILL");
  await guest.protectedAfter(term);
  expect((await vm.refresh()).status).toMatchObject({ state: "paused", instant: "0" });

  await (await vm.resume()).result({ timeoutMs: STEP_MS });
  await guest.expect(/understudy: ready[\s\S]*# (\x1b\[6n)?$/, 0);
  expect(guest.console.problems).toEqual([]);
  guest.console.close();
});
