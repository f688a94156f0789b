/** Input, snapshots and transfers of a small guest: what is accepted, what is refused, and that a refusal leaves no trace. */
import { describe, expect, test } from "vitest";
import { InvariantViolation, UnderstudyError } from "../../src/base/errors.ts";
import { Prng } from "../../src/base/prng.ts";
import type { EpochInput } from "../../src/engine/epoch.ts";
import { VirtualMachine } from "../../src/engine/virtual-machine.ts";
import { machineModule } from "../support/machine-module.ts";

const module = machineModule();
const RATE = 1 << 20;

/** Reads the UART for ever and echoes what it gets, or NUL: lui t0, UART; 1: lbu t1, 0(t0); sb t1, 0(t0); j 1b. */
const ECHO = new Uint8Array(new Uint32Array([0x100002b7, 0x0002c303, 0x00628023, 0xff9ff06f]).buffer);

function guest(memoryMiB = 2): VirtualMachine {
  const vm = new VirtualMachine(module, { memoryMiB });
  vm.loadProgram(ECHO);
  vm.beginEpoch({ time: 0n, rate: RATE }, []);
  return vm;
}

function session(number: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, "0")}`;
}

function input(text: string, offset: bigint, inputSession = session(1)): EpochInput {
  return { kind: "console", inputSession, offset, bytes: new TextEncoder().encode(text) };
}

function give(vm: VirtualMachine, ...inputs: EpochInput[]): void {
  vm.beginEpoch({ time: vm.time, rate: RATE }, inputs);
}

function echoed(vm: VirtualMachine): string {
  vm.run(vm.instant + 300n, true);
  return new TextDecoder("latin1").decode(vm.readConsole(0n)).replaceAll("\0", "");
}

function codeOf(action: () => void): string {
  try {
    action();
  } catch (error) {
    if (error instanceof UnderstudyError) return error.code;
    throw error;
  }
  return "";
}

describe("console input", () => {
  test("comes in the order of its session's offsets, and what came already is dropped", () => {
    const vm = guest();
    give(vm, input("abc", 0n));
    give(vm, input("abcd", 0n), input("bcd", 1n), input("de", 3n));
    expect(vm.inputSessions()).toEqual(new Map([[session(1), 5n]]));
    expect(echoed(vm)).toBe("abcde");
  });

  test("of one session says nothing about another's", () => {
    const vm = guest();
    give(vm, input("a", 0n, session(1)), input("x", 0n, session(2)), input("b", 1n, session(1)));
    expect([...vm.inputSessions()]).toEqual([
      [session(2), 1n],
      [session(1), 2n],
    ]);
    expect(echoed(vm)).toBe("axb");
  });

  test("with a hole is our error, of a known session and of a new one, and changes nothing", () => {
    const vm = guest();
    give(vm, input("a", 0n));
    const before = vm.hash();
    expect(() => give(vm, input("c", 2n))).toThrow(InvariantViolation);
    expect(() => give(vm, input("c", 1n, session(9)))).toThrow(InvariantViolation);
    expect(vm.hash()).toBe(before);
  });

  test("fits until the queue is full, and wraps around in it", () => {
    const vm = guest();
    const room = vm.inputRoom;
    const chunk = "0123456789abcdef".repeat(256);
    let offset = 0n;
    while (vm.inputRoom >= chunk.length) {
      give(vm, input(chunk, offset));
      offset += BigInt(chunk.length);
    }
    expect([vm.inputRoom, Number(offset)]).toEqual([room % chunk.length, room - (room % chunk.length)]);
    expect(() => give(vm, input(chunk, offset))).toThrow(InvariantViolation);
    let read = "";
    let console = vm.consoleEnd;
    const drain = () => {
      vm.run(vm.instant + 30_000n, true);
      read += new TextDecoder("latin1").decode(vm.readConsole(console)).replaceAll("\0", "");
      console = vm.consoleEnd;
    };
    drain();
    give(vm, input(chunk, offset));
    while (vm.inputRoom < room) drain();
    expect(read.length).toBe(room + chunk.length);
    expect(read).toBe(chunk.repeat(room / chunk.length + 1));
  });

  test("is remembered for 64 sessions; the one least recently delivered to makes room", () => {
    const vm = guest();
    for (let i = 0; i < 64; i++) give(vm, input("x", 0n, session(i)));
    give(vm, input("x", 1n, session(0)));
    give(vm, input("x", 0n, session(64)));
    const known = [...vm.inputSessions().keys()];
    expect(known.length).toBe(64);
    expect(known).not.toContain(session(1));
    expect(known.at(-1)).toBe(session(64));
    expect(vm.inputSessions().get(session(0))).toBe(2n);
  });

  test("of a session that was refused takes no session's place", () => {
    const vm = guest();
    for (let i = 0; i < 64; i++) give(vm, input("x", 0n, session(i)));
    expect(() => give(vm, input("x", 5n, session(99)))).toThrow(InvariantViolation);
    expect(vm.inputSessions().has(session(0))).toBe(true);
    give(vm, input("y", 1n, session(0)));
  });
});

test("guest time never goes back", () => {
  const vm = guest();
  vm.run(10_000n, true);
  expect(vm.time).toBeGreaterThan(0n);
  expect(() => vm.beginEpoch({ time: vm.time - 1n, rate: RATE }, [])).toThrow(InvariantViolation);
});

describe("a snapshot", () => {
  test("is the machine, in another of the same size", () => {
    const vm = guest();
    give(vm, input("hello", 0n));
    vm.run(7n, true);
    const other = guest();
    other.run(1000n, true);
    other.restore(vm.snapshot());
    expect(other.hash()).toBe(vm.hash());
    expect(other.snapshot()).toEqual(vm.snapshot());
    expect(echoed(other)).toBe(echoed(vm));
    expect(other.hash()).toBe(vm.hash());
  });

  test("that does not fit is refused with a reason, and the machine is as it was", () => {
    const vm = guest();
    vm.run(100n, true);
    const snapshot = vm.snapshot();
    const before = vm.hash();
    const otherVersion = snapshot.slice();
    otherVersion[4]! += 1;
    expect(codeOf(() => vm.restore(otherVersion))).toBe("snapshot_version_mismatch");
    expect(codeOf(() => guest(3).restore(snapshot))).toBe("snapshot_memory_mismatch");
    for (const bytes of [new Uint8Array(0), new Uint8Array(15), new Uint8Array(4096)]) {
      expect(codeOf(() => vm.restore(bytes))).toBe("malformed_state");
    }
    expect(vm.hash()).toBe(before);
    expect(codeOf(() => vm.restore(snapshot.subarray(0, -1)))).toBe("malformed_state");
    vm.restore(snapshot);
    expect(vm.hash()).toBe(before);
  });

  test("with pages that are no state of the machine is refused", () => {
    const vm = guest();
    const pages = (page: number, full: number, bytes: number) => {
      const out = new Uint8Array(5 + bytes);
      new DataView(out.buffer).setUint32(0, page, true);
      out[4] = full;
      return out;
    };
    for (const page of [0, 128, 255, 256 + 512, 0xffff_ffff])
      expect(codeOf(() => vm.applyState(pages(page, 0, 0)))).toBe("malformed_state");
    expect(codeOf(() => vm.applyState(pages(300, 2, 4096)))).toBe("malformed_state");
    expect(codeOf(() => vm.applyState(pages(300, 1, 4095)))).toBe("malformed_state");
    expect(codeOf(() => vm.applyState(pages(300, 0, 3)))).toBe("malformed_state");
  });
});

test("a transfer in chunks, while the guest prints and gets input, ends with equal machines", () => {
  const seed = 7;
  const prng = new Prng(seed);
  const sender = guest();
  const receiver = guest();
  receiver.run(12_345n, true);
  receiver.restore(guest().snapshot());
  sender.beginCapture();
  let offset = 0n;
  for (let chunk = 0; chunk < 40; chunk++) {
    receiver.applyState(sender.captureState(prng.between(1, 20_000), false).pages);
    const text = String.fromCharCode(...Array.from({ length: prng.between(1, 200) }, () => prng.between(32, 126)));
    give(sender, input(text, offset));
    offset += BigInt(text.length);
    if (prng.between(0, 2) === 0) sender.hash();
    sender.run(sender.instant + BigInt(prng.between(1, 5000)), true);
  }
  receiver.applyState(sender.captureState(0, true).pages);
  sender.endCapture();
  receiver.finishRestore();
  expect(receiver.hash(), `seed ${seed}`).toBe(sender.hash());
  for (const vm of [sender, receiver]) {
    give(vm, input("and on", offset));
    vm.run(vm.instant + 10_000n, true);
  }
  expect(receiver.hash()).toBe(sender.hash());
});
