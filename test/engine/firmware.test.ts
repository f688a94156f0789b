/** Somebody else's firmware: OpenSBI in M mode boots the kernel, and the machine's own SBI stays out of it. */
import { expect, test } from "vitest";
import { VirtualMachine } from "../../src/engine/virtual-machine.ts";
import { READY_LINE } from "../../src/images/index.ts";
import { LinuxGuest, linuxFiles } from "../support/linux-guest.ts";
import { machineModule } from "../support/machine-module.ts";
import { openSbi } from "../support/opensbi.ts";

const firmware = openSbi();
const files = await linuxFiles();

/** The lowest of the kernel's messages are on the console too. */
const verbose = { ...files, cmdline: `${files.cmdline} loglevel=8` };

test.skipIf(firmware === null)("OpenSBI boots Debian's kernel, keeps its memory to itself and resets the machine", () => {
  const guest = new LinuxGuest(verbose, 128, firmware?.flat);
  guest.runUntil("OpenSBI v");
  guest.runUntil(READY_LINE);
  // The kernel asks who its SBI is: 1 is OpenSBI's registered number.
  expect(guest.transcript).toMatch(/SBI implementation ID=0x1 /);
  expect(guest.transcript).toMatch(/Firmware Base +: 0x80000000/);
  expect(guest.transcript).not.toMatch(/WARNING|BUG:|Oops|unhandled/i);
  const from = guest.transcript.length;
  guest.type("ls /proc/device-tree/reserved-memory; reboot -f\n");
  while (guest.epoch(10_000_000n)) if (guest.vm.instant > 2_000_000_000n) throw new Error(guest.transcript.slice(from));
  expect(guest.transcript.slice(from)).toMatch(/mmode_resv\d@80000000/);
  expect(guest.vm.halt).toBe("reboot");
});

test.skipIf(firmware === null)("OpenSBI is the same firmware as ELF and flat, and a boot with it is the same every time", () => {
  const end = 60_000_000n;
  const [flat, again, elf] = [firmware?.flat, firmware?.flat, firmware?.elf].map((image) => {
    const guest = new LinuxGuest(files, 128, image);
    while (guest.vm.instant < end) guest.epoch(10_000_000n);
    return { hash: guest.vm.hash().toString(16), transcript: guest.transcript };
  });
  expect(flat?.transcript).toContain("Boot HART MEDELEG");
  expect(again).toEqual(flat);
  expect(elf).toEqual(flat);
});

test("firmware without a kernel is entered in M mode with hart, device tree and what comes next in a0 to a2", () => {
  const vm = new VirtualMachine(machineModule(), { memoryMiB: 8 });
  vm.loadFirmware({ firmware: Uint8Array.of(0x6f, 0, 0, 0), cmdline: "" }); // j .
  const [, , , , , , , , , , hart, tree, information] = vm.registers();
  expect(vm.programCounter).toBe(0x8000_0000n);
  expect(hart).toBe(0n);
  expect([...vm.readRam(Number(tree), 4)]).toEqual([0xd0, 0x0d, 0xfe, 0xed]);
  const words = new BigUint64Array(vm.readRam(Number(information), 48).buffer);
  // Magic, version, next address, next mode, options, boot hart.
  expect([...words]).toEqual([0x4942534fn, 2n, 0n, 1n, 0n, 0n]);
});

test("firmware, kernel, initramfs or device tree that do not fit are refused by name", () => {
  const kernel = new Uint8Array(4096);
  new DataView(kernel.buffer).setUint32(56, 0x05435352, true);
  const loop = Uint8Array.of(0x6f, 0, 0, 0);
  const cases = [
    { firmware: new Uint8Array(9 << 20), cmdline: "" },
    { firmware: new Uint8Array((2 << 20) + 1), kernel, cmdline: "" }, // over the kernel
    { firmware: loop, kernel: grown(kernel, 7 << 20), cmdline: "" },
    { firmware: loop, kernel, initramfs: new Uint8Array(6 << 20), cmdline: "" },
    { firmware: loop, kernel, cmdline: "x".repeat(1 << 16) },
    { firmware: loop, cmdline: "x".repeat(1 << 18) },
    { firmware: loop, initramfs: new Uint8Array(8 << 20), cmdline: "" },
  ];
  for (const [index, boot] of cases.entries()) {
    const vm = new VirtualMachine(machineModule(), { memoryMiB: 8 });
    expect(() => vm.loadFirmware(boot), `case ${index}`).toThrowError(expect.objectContaining({ code: "guest_too_large" }));
  }
});

/** The same kernel, which says that it needs so much memory. */
function grown(kernel: Uint8Array, bytes: number): Uint8Array {
  const copy = kernel.slice();
  new DataView(copy.buffer).setBigUint64(16, BigInt(bytes), true);
  return copy;
}
