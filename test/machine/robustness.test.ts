/** Guests that mean harm, or are lost: the host goes on, and says what became of them. */
import { describe, expect, test } from "vitest";
import { InvariantViolation, UnderstudyError } from "../../src/base/errors.ts";
import { StopRequest } from "../../src/engine/stop-request.ts";
import { VirtualMachine } from "../../src/engine/virtual-machine.ts";
import { machineModule } from "../support/machine-module.ts";
import { fixture, GuestRun, RATE } from "./guest-run.ts";

const module = machineModule();

/** A program of 32-bit instructions. */
function words(...bits: number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(bits.length * 4));
  for (const [index, word] of bits.entries()) view.setUint32(index * 4, word, true);
  return new Uint8Array(view.buffer);
}

/** The same as a flat Image, entered in S mode. */
function image(...bits: number[]): Uint8Array {
  const out = new Uint8Array(64 + bits.length * 4);
  const view = new DataView(out.buffer);
  view.setUint32(0, 0x0400006f, true); // j .+64
  view.setBigUint64(8, 0x20_0000n, true);
  view.setBigUint64(16, BigInt(out.length), true);
  view.setUint32(56, 0x05435352, true); // "RSC\x05"
  out.set(words(...bits), 64);
  return out;
}

const ECALL = 0x00000073;
const NOP = 0x00000013;
const WFI = 0x10500073;
const LOOP = 0x0000006f;
const RET = 0x00008067; // to ra, which is 0 at first
const LUI_T0_RAM = 0x800002b7;
const LUI_T1_END = 0x80100337; // a megabyte on
const ZERO_EXTEND_T0 = [0x02029293, 0x0202d293]; // slli, srli by 32
const ZERO_EXTEND_T1 = [0x02031313, 0x02035313];
const CSRW_MTVEC_T0 = 0x30529073;
const CSRW_STVEC_T0 = 0x10529073;

describe("a guest whose trap handler cannot run is halted as a panic", () => {
  const lost: [string, Uint8Array, boolean][] = [
    ["no handler was set: the first trap goes to address 0", words(ECALL), false],
    ["a jump to where nothing is", words(RET), false],
    ["memory of zeros", words(0), false],
    ["the handler begins with an illegal instruction", words(LUI_T0_RAM, ...ZERO_EXTEND_T0, 0x01428293, CSRW_MTVEC_T0, 0), false],
    ["a supervisor's handler is at address 0", image(0x00100073), true],
    ["a supervisor's handler is a device", image(0x100002b7, CSRW_STVEC_T0, 0x00100073), true],
    ["its page tables are nowhere", image(0xfff00293, 0x02c29293, 0x18029073 | (5 << 15), NOP), true],
  ];
  test.each(lost)("%s", (_, program, supervisor) => {
    const guest = new GuestRun({ image: program, supervisor });
    expect(guest.to(1_000_000n)).toBe(false);
    expect(guest.vm.halt).toBe("panic");
    expect(guest.vm.instant).toBeLessThan(100n);
    expect(guest.vm.run(1_000_000n, true)).toBe("halted");
    // The count of traps is state: it does not matter where the run was cut.
    const cut = new GuestRun({ image: program, supervisor });
    while (cut.to(cut.vm.instant + 1n));
    expect(cut.hash).toBe(guest.hash);
  });
});

test("a guest that traps for ever, but moves, runs for as long as it is let", () => {
  // mtvec points to a handler that only calls M mode again.
  const guest = new GuestRun({ image: words(LUI_T0_RAM, ...ZERO_EXTEND_T0, 0x01428293, CSRW_MTVEC_T0, NOP, ECALL) });
  expect(guest.to(500_000n)).toBe(true);
  expect(guest.vm.halt).toBeNull();
});

test("whatever a guest does, a run that is asked to stop ends soon", () => {
  const stopRequest = new StopRequest();
  for (const program of [words(LOOP), words(LUI_T0_RAM, ...ZERO_EXTEND_T0, 0x01428293, CSRW_MTVEC_T0, NOP, ECALL)]) {
    const vm = new VirtualMachine(module, { memoryMiB: 1, stopRequest });
    vm.loadProgram(program);
    vm.beginEpoch({ time: 0n, rate: RATE }, []);
    stopRequest.ask();
    expect(vm.run(1n << 60n, false)).toBe("stopped");
    expect(vm.instant).toBeLessThan(1_000_000n);
    stopRequest.withdraw();
  }
});

test("a guest that waits with nothing enabled waits, and costs nothing", () => {
  const vm = new VirtualMachine(module, { memoryMiB: 1 });
  vm.loadProgram(words(WFI, LOOP));
  vm.beginEpoch({ time: 0n, rate: RATE }, []);
  for (let i = 0; i < 3; i++) expect(vm.run(1n << 60n, true)).toBe("wfi");
  expect([vm.instant, vm.waiting, vm.wakeTime]).toEqual([1n, true, null]);
});

test("a guest that only prints is stopped before output is lost", () => {
  const vm = new VirtualMachine(module, { memoryMiB: 1 });
  vm.loadProgram(words(0x100002b7, 0x05800313, 0x00628023, 0xffdff06f)); // 'X' for ever
  vm.beginEpoch({ time: 0n, rate: RATE }, []);
  let read = 0n;
  for (let i = 0; i < 20; i++) {
    expect(vm.run(1n << 60n, true)).toBe("output");
    expect(vm.consoleOldest).toBeLessThanOrEqual(read);
    const bytes = vm.readConsole(read);
    expect(bytes.every((byte) => byte === 0x58)).toBe(true);
    read += BigInt(bytes.length);
  }
  expect(read).toBeGreaterThan(1_000_000n);
  expect(() => vm.readConsole(0n)).toThrow(InvariantViolation);
});

describe("RAM is as large as it was made", () => {
  test.each([1, 2, 3, 64, 511, 2048])("%i MiB", (memoryMiB) => {
    // Writes and reads the last bytes of each megabyte, and waits when the next one is not there.
    const program = words(
      ...[LUI_T0_RAM, ...ZERO_EXTEND_T0, 0x02c28293, CSRW_MTVEC_T0], // mtvec = 0x8000002c
      ...[LUI_T1_END, ...ZERO_EXTEND_T1],
      ...[0xff833503, 0xfe633c23], // ld a0, -8(t1); sd t1, -8(t1)
      0x00c0006f, // j on
      ...[WFI, LOOP], // the handler
      ...[0x00033503, 0x00100537, 0x00a30333, 0xfe1ff06f], // on: ld a0, 0(t1); t1 += 1 MiB; j back to the first ld
    );
    const guest = new VirtualMachine(module, { memoryMiB });
    guest.loadProgram(program);
    guest.beginEpoch({ time: 0n, rate: RATE }, []);
    expect(guest.run(1_000_000n, true)).toBe("wfi");
    expect(Number(guest.registers()[6]!) - 0x8000_0000).toBe(memoryMiB * 1024 * 1024);
  });
});

test("a machine of 2048 MiB is hashed, and costs what it touched", () => {
  const guest = new GuestRun({ image: fixture("loops/list.s.bin") }, 2048);
  guest.to(90_000n);
  const small = new GuestRun({ image: fixture("loops/list.s.bin") }, 4);
  small.to(90_000n);
  expect(guest.console).toBe(small.console);
  expect(guest.hash).not.toBe(small.hash); // how much RAM there is is state
});

describe("what does not fit is refused", () => {
  const load = (memoryMiB: number, kernel: Uint8Array, initramfs: Uint8Array | null) => () =>
    new VirtualMachine(module, { memoryMiB }).loadLinux({ kernel, initramfs, cmdline: "" });
  const code = (action: () => void): string => {
    try {
      action();
    } catch (error) {
      if (error instanceof UnderstudyError) return error.code;
      throw error;
    }
    return "";
  };

  test("a kernel in less memory than its header asks for", () => {
    const kernel = image(NOP);
    new DataView(kernel.buffer).setBigUint64(16, 6n << 20n, true);
    expect(code(load(8, kernel, null))).toBe("guest_too_large");
    expect(code(load(9, kernel, null))).toBe("");
  });

  test("any kernel in a megabyte", () => expect(code(load(1, image(NOP), null))).toBe("guest_too_large"));

  test("an initramfs that leaves no room", () => {
    expect(code(load(4, image(NOP), new Uint8Array(2 << 20)))).toBe("guest_too_large");
    expect(code(load(4, image(NOP), new Uint8Array(1 << 20)))).toBe("");
  });

  test("what is no kernel", () => {
    expect(code(load(8, new Uint8Array(100), null))).toBe("unsupported_kernel");
    expect(code(load(8, new Uint8Array(0), null))).toBe("unsupported_kernel");
  });
});
