/** Linux as the judge of the machine under load: what the guest works out is what the host computes, and its kernel has no complaint. */
import { expect, test } from "vitest";
import { READY_LINE } from "../../src/images/index.ts";
import { complaints, expectedResults, WORK_COMMAND, WORK_DONE, withWork, workReport } from "../support/guest-work.ts";
import { LinuxGuest, linuxFiles } from "../support/linux-guest.ts";
import { openSbi } from "../support/opensbi.ts";

const files = withWork(await linuxFiles());
const expected = expectedResults();
const firmware = openSbi();

// The most that a machine has. It comes first: machines that were there before it would hide what it costs.
test("a guest with 2048 MiB costs the host the memory that it touches, not what it has; it works out what the host computes, and its kernel complains of nothing", () => {
  const before = process.memoryUsage().rss;
  const guest = new LinuxGuest(files, 2048);
  guest.runUntil(READY_LINE);
  guest.vm.hash();
  expect((process.memoryUsage().rss - before) / 2 ** 20).toBeLessThan(400);
  expectWork(guest);
});

/** The least that the image asks for is among them; with 128 MiB it does so in test/determinism/nodes.test.ts, in every way there is. */
for (const memoryMiB of [96, 512]) {
  test(`a guest with ${memoryMiB} MiB works out what the host computes, and its kernel complains of nothing`, () => {
    expectWork(new LinuxGuest(files, memoryMiB));
  });
}

test.skipIf(firmware === null)("a guest on OpenSBI, with three-level page tables, works it out as well", () => {
  // OpenSBI 1.1 has no console for the kernel's first messages: an earlycon=sbi would be a complaint.
  const cmdline = `${files.cmdline.replace("earlycon=sbi ", "")} no4lvl`;
  expectWork(new LinuxGuest({ ...files, cmdline }, 128, firmware?.flat));
});

function expectWork(guest: LinuxGuest): void {
  guest.runUntil(READY_LINE);
  guest.runUntil("# ");
  guest.type(WORK_COMMAND);
  guest.runUntil(WORK_DONE, 0, 5_000_000_000n);
  const { results, kernelLog } = workReport(guest.transcript);
  expect(results).toEqual(expected);
  expect(kernelLog.length).toBeGreaterThan(100);
  expect(complaints(kernelLog)).toEqual([]);
  expect(guest.vm.halt).toBe(null);
}

test("the kernel's own tests of its ciphers pass, in a boot that leaves nothing out", () => {
  const guest = new LinuxGuest({ ...files, cmdline: "console=ttyS0" });
  guest.runUntil(READY_LINE);
  guest.runUntil("# ");
  guest.type("grep selftest /proc/crypto | sort | uniq -c; dmesg -r; echo $((6*7)) tests\n");
  guest.runUntil("42 tests");
  const [, passed] = /(\d+) selftest +: passed/.exec(guest.transcript) ?? [];
  expect(Number(passed)).toBeGreaterThan(40);
  // What nobody has written a test for is "unknown".
  expect(guest.transcript.match(/selftest +: (?!passed|unknown)\w+/g)).toBe(null);
  expect(complaints(guest.transcript.split("\r\n"))).toEqual([]);
});
