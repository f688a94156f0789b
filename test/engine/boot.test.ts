/** Debian's kernel as the judge of machine and engine: it boots, answers, and does the same thing every time. */
import { expect, test } from "vitest";
import { READY_LINE } from "../../src/images/index.ts";
import { BOOT_UNIX_MS, LinuxGuest, linuxFiles, type SavedGuest } from "../support/linux-guest.ts";

const files = await linuxFiles();

test("two fresh machines with the same inputs at the same instants have equal hashes every 10 million instructions of a whole boot", () => {
  const story = (): { hashes: string[]; transcript: string } => {
    const guest = new LinuxGuest(files);
    const hashes: string[] = [];
    const record = (until: () => boolean) => {
      while (!until()) {
        guest.epoch(10_000_000n);
        hashes.push(`${guest.vm.instant} ${guest.vm.hash().toString(16)}`);
        if (hashes.length > 500) throw new Error(`no end in sight:\n${guest.transcript}`);
      }
    };
    record(() => guest.transcript.includes(READY_LINE));
    guest.type("echo $((6*7)) apples\n");
    record(() => guest.transcript.includes("42 apples"));
    return { hashes, transcript: guest.transcript };
  };
  const first = story();
  const second = story();
  expect(first.hashes.length).toBeGreaterThan(30);
  expect(new Set(first.hashes).size).toBe(first.hashes.length);
  expect(second).toEqual(first);
});

test("a transfer in chunks, while the guest runs on, leaves the receiver with the sender's hash", () => {
  const sender = new LinuxGuest(files);
  while (sender.vm.instant < 100_000_000n) sender.epoch(1_000_000n);
  const receiver = new LinuxGuest(files);
  // The receiver starts from what another life left in it: pages of zeros must be sent too, where they matter.
  const target = receiver.vm;
  target.restore(new LinuxGuest(files).vm.snapshot());
  sender.vm.beginCapture();
  let chunks = 0;
  for (;;) {
    const { pages, pagesLeft } = sender.vm.captureState(1 << 20, false);
    target.applyState(pages);
    chunks++;
    if (pagesLeft < 512) break;
    sender.epoch(100_000n);
  }
  target.applyState(sender.vm.captureState(0, true).pages);
  sender.vm.endCapture();
  target.finishRestore();
  expect(chunks).toBeGreaterThan(20);
  expect(target.hash()).toBe(sender.vm.hash());
  expect(target.readConsole(0n)).toEqual(sender.vm.readConsole(0n));
});

let booted: { readonly guest: LinuxGuest; readonly saved: SavedGuest } | null = null;

/** A guest at its shell's prompt: one boot for all that begin there, and each finds it as it was then. */
function atPrompt(): LinuxGuest {
  if (booted === null) {
    const guest = new LinuxGuest(files);
    guest.runUntil("# ");
    booted = { guest, saved: guest.save() };
  }
  booted.guest.become(booted.saved);
  return booted.guest;
}

test("a guest that powers off is halted, and says so", () => {
  const guest = atPrompt();
  guest.type("poweroff -f\n");
  for (let i = 0; i < 1000 && guest.epoch(1_000_000n); i++);
  expect(guest.vm.halt).toBe("poweroff");
  expect(guest.vm.run(guest.vm.instant + 1n, true)).toBe("halted");
});

test("the kernel finds the hart that the device tree describes: four-level paging, and each extension", () => {
  const guest = atPrompt();
  guest.type("cat /proc/cpuinfo; dmesg | grep -i -e warn -e invalid -e block-size; echo all'' told\n");
  guest.runUntil("all told");
  const said = guest.transcript;
  expect(said).toMatch(/^mmu\s+: sv48\r$/m);
  expect(said.match(/^isa\s+: (\S+)\r$/m)?.[1]?.split("_")).toEqual(
    expect.arrayContaining(["rv64imafdc", "zicbom", "zicboz", "zicntr", "zihintpause", "zihpm", "zba", "zbb", "zbs", "sstc"]),
  );
  expect(said.slice(said.indexOf("uarch"))).not.toMatch(/warn|invalid|block-size/i);
});

test("an idle guest waits, and wakes by its timer or by input", () => {
  const guest = atPrompt();
  for (let i = 0; i < 100 && !guest.vm.waiting; i++) guest.epoch(10_000_000n);
  expect(guest.vm.waiting).toBe(true);
  expect(guest.vm.wakeTime).not.toBeNull();
  const before = guest.vm.instant;
  guest.vm.beginEpoch({ time: guest.vm.time, rate: 1 }, []);
  expect(guest.vm.run(before + 1000n, true)).toBe("wfi");
  expect(guest.vm.instant).toBe(before);
  const from = guest.transcript.length;
  guest.type("echo woken\n");
  guest.runUntil("\r\nwoken", from);
});

test("a guest knows the time from its first second, has entropy, and an hvc0 that is the same console", () => {
  const guest = atPrompt();
  const answer = (command: string): string => {
    const from = guest.transcript.length;
    guest.type(`${command}; echo end of ans''wer\n`);
    guest.runUntil("end of answer\r\n", from);
    return guest.transcript.slice(from);
  };
  const shown = Number(/\r\n(\d+)\r\n/.exec(answer("date +%s"))?.[1]) * 1000;
  const since = BOOT_UNIX_MS + Number(guest.vm.time / 10_000n);
  expect(Math.abs(shown - since)).toBeLessThan(2000);
  expect(answer("cat /sys/class/rtc/rtc0/name")).toContain("goldfish_rtc");

  const sums = answer("for i in 1 2 3; do head -c 100 /dev/hwrng | sha256sum; done").match(/[0-9a-f]{64}/g) ?? [];
  expect([sums.length, new Set(sums).size]).toEqual([3, 3]);

  // A program on hvc0 prompts there, so the next line is its; then the shell on ttyS0 prompts again.
  const from = guest.transcript.length;
  guest.type("(echo at h''vc0; head -n 1) </dev/hvc0 >/dev/hvc0; echo back at t''tyS0\n");
  guest.runUntil("at hvc0\r\n", from);
  guest.type("there and back\n");
  guest.runUntil("back at ttyS0\r\n", from);
  expect(guest.transcript.slice(from)).toMatch(/at hvc0\r\nthere and back\r\nthere and back\r\nback at ttyS0/);

  // The size of the terminal is hvc0's, and the image passes it on to the serial port, where the shell is.
  guest.resize(100, 30);
  expect(answer("until stty size; do read -t 1 x; done; stty size </dev/hvc0")).toMatch(/\r\n30 100\r\n30 100\r\n/);
  const changed = guest.transcript.length;
  guest.resize(81, 25);
  // The shell draws its prompt anew: it had the signal.
  guest.runUntil("# \x1b[J", changed);
  expect(answer("stty size")).toMatch(/\r\n25 81\r\n/);

  // More than the console's ring holds, through a device that takes it at once. In long lines: their ends are what costs the guest.
  const long = Array.from({ length: 2700 }, (_, i) => i + 1).join(`${"0".repeat(100)}\r\n.`);
  expect(long.length).toBeGreaterThan(256 * 1024);
  expect(answer("seq -s \"$(printf '%0100d\\n.' 0)\" 1 2700 >/tmp/many; cat /tmp/many >/dev/hvc0")).toContain(long);
});

test.each([
  ["echo c >/proc/sysrq-trigger", "panic"],
  ["reboot -f", "reboot"],
])("a guest that does %s is halted, and it was a %s", (command, halt) => {
  const guest = atPrompt();
  guest.type(`${command}\n`);
  for (let i = 0; i < 1000 && guest.epoch(1_000_000n); i++);
  expect(guest.vm.halt).toBe(halt);
});

test("a guest that waits at its prompt is woken less than every other second: each time is an epoch of both replicas", () => {
  const guest = atPrompt();
  const { vm } = guest;
  const seconds = (count: bigint) => count * 10_000_000n;
  /** Runs from one moment that wakes it to the next, until it was idle for so long. @returns how often it was woken */
  const idle = (duration: bigint): number => {
    const end = vm.time + duration;
    let wakes = 0;
    while (vm.time < end) {
      if (vm.waiting) wakes++;
      if (!guest.epoch(5_000_000n)) throw new Error("the guest has ended");
    }
    return wakes;
  };
  // What the boot has set going comes to rest.
  idle(seconds(240n));
  expect(idle(seconds(60n))).toBeLessThan(30);
});
