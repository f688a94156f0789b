/** SysRq keys at the UART: a break, and the key after it, before whatever was typed. */
import { expect, test } from "vitest";
import { UART_INTERRUPT } from "../../src/isa/memory-map.ts";
import { Guest, UART } from "./virtio-driver.ts";

const RBR = UART;
const IER = UART + 1;
const MCR = UART + 4;
const LSR = UART + 5;
const DATA_READY = 1;
const BREAK = 0x10;
const LOOPBACK = 0x10;

/** What a driver reads: line status, then the byte; to the end. */
function received(guest: Guest): string[] {
  const seen: string[] = [];
  for (;;) {
    const status = guest.loadByte(LSR);
    if ((status & DATA_READY) === 0) return seen;
    const byte = guest.loadByte(RBR);
    seen.push((status & BREAK) === 0 ? String.fromCharCode(byte) : `break ${byte}`);
  }
}

test("a key is a break and itself, interrupts, and comes before input that waits", () => {
  const guest = new Guest();
  guest.storeByte(IER, 1);
  guest.type("ab");
  guest.epoch({ kind: "sysRq", key: "s" }, { kind: "sysRq", key: "o" });
  expect(guest.pending(UART_INTERRUPT)).toBe(true);
  expect(received(guest)).toEqual(["break 0", "s", "break 0", "o", "a", "b"]);
  expect(received(guest)).toEqual([]);
});

test("keys arrive at the UART although another port has the keyboard, and wait while it is in loopback", () => {
  const guest = new Guest();
  guest.storeByte(MCR, LOOPBACK);
  guest.epoch({ kind: "sysRq", key: "u" });
  expect(guest.loadByte(LSR) & (BREAK | DATA_READY)).toBe(0);
  guest.storeByte(MCR, 0);
  expect(received(guest)).toEqual(["break 0", "u"]);
});

test("of keys that nobody reads eight are kept", () => {
  const guest = new Guest();
  for (let i = 0; i < 10; i++) guest.epoch({ kind: "sysRq", key: i < 8 ? "s" : "o" });
  expect(received(guest)).toEqual(Array.from({ length: 8 }, () => ["break 0", "s"]).flat());
});

test("a break that was read is part of the state: the replica that goes on reads the key next", () => {
  const guest = new Guest();
  guest.epoch({ kind: "sysRq", key: "o" });
  expect([guest.loadByte(LSR) & BREAK, guest.loadByte(RBR)]).toEqual([BREAK, 0]);
  const copy = new Guest();
  copy.vm.restore(guest.vm.snapshot());
  expect(copy.vm.hash()).toBe(guest.vm.hash());
  expect(received(copy)).toEqual(["o"]);
});
