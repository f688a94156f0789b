/** What a guest has besides its processor, over the death of the process that ran it: the time, entropy, a second console, an end. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { Installation } from "../support/installation.ts";

let at: Installation;
beforeAll(async () => {
  at = await Installation.start();
});
afterAll(async () => await at?.stop());

test("a guest's clock is right and goes on over a failover, it gets entropy from either replica, and its panic stops the VM as one", async () => {
  const guest = await at.boot({ name: "equipped" });
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

  await guest.protectedNow();
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

  const { term } = guest.vm.status;
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

  await guest.console.type("echo c >/proc/sysrq-trigger\n");
  await guest.vm.waitFor("stopped");
  expect(guest.vm.status.stateReason).toBe("guest_panic");
  // Everything it said is there, to the last line.
  expect(guest.console.transcript).toContain("Kernel panic - not syncing: sysrq triggered crash");
  const halted = await Promise.all(["worker-1", "worker-2", "worker-3"].map((worker) => at.log(worker)));
  const instants = halted.join("\n").match(/"code":"guest_halted"[^\n]*?"instant":"(\d+)"/g) ?? [];
  // The backup may be dropped before it has come so far: what has halted has done so at one instant.
  expect(instants.length).toBeGreaterThan(0);
  expect(new Set(instants.map((line) => /"instant":"(\d+)"/.exec(line)?.[1])).size).toBe(1);
  expect(halted.join("\n")).not.toContain("divergence");
  guest.console.close();
  await (await guest.vm.delete()).result();
}, 600_000);
