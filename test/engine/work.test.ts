/** Linux as the judge of the machine under load: what the guest works out is what the host computes, and its kernel has no complaint. */
import { expect, test } from "vitest";
import { READY_LINE } from "../../src/images/index.ts";
import { complaints, expectedResults, WORK_COMMAND, WORK_DONE, withWork, workReport } from "../support/guest-work.ts";
import { LinuxGuest, linuxFiles } from "../support/linux-guest.ts";

const files = withWork(await linuxFiles());
const expected = expectedResults();

test("a guest with 2 GiB costs the host the memory that it touches, not what it has", () => {
  const before = process.memoryUsage().rss;
  const guest = new LinuxGuest(files, 2048);
  guest.runUntil(READY_LINE);
  guest.vm.hash();
  expect((process.memoryUsage().rss - before) / 2 ** 20).toBeLessThan(400);
});

/** The least that the image asks for, and the most that a machine has, are among them. */
for (const memoryMiB of [96, 128, 512, 2048]) {
  test(`a guest with ${memoryMiB} MiB works out what the host computes, and its kernel complains of nothing`, () => {
    const guest = new LinuxGuest(files, memoryMiB);
    guest.runUntil(READY_LINE);
    guest.runUntil("# ");
    guest.type(WORK_COMMAND);
    guest.runUntil(WORK_DONE, 0, 5_000_000_000n);
    const { results, kernelLog } = workReport(guest.transcript);
    expect(results).toEqual(expected);
    expect(kernelLog.length).toBeGreaterThan(100);
    expect(complaints(kernelLog)).toEqual([]);
    expect(guest.vm.halt).toBe(null);
  });
}
