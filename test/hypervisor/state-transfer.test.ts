import { expect, test } from "vitest";
import { type Capture, StateTransfer } from "../../src/hypervisor/state-transfer.ts";

const MIB = 1024 * 1024;
const PAGES_PER_CAPTURE = 256;

/** Begins and answers the capture that the transfer asks for. */
function capture(transfer: StateTransfer, epoch: bigint, guestRuns: boolean, bytes: number, pagesLeft: number): Capture | null {
  const wanted = transfer.next(epoch, guestRuns);
  if (wanted === null) return null;
  transfer.began(wanted, epoch);
  expect(transfer.next(epoch, guestRuns)).toBeNull();
  return transfer.captured(bytes, pagesLeft);
}

test("while the guest runs there is one capture at a boundary, while it waits they follow each other", () => {
  const transfer = new StateTransfer("rep_b");
  expect(capture(transfer, 5n, true, MIB, 5000)).toEqual({ first: true, maxBytes: MIB, final: false });
  expect(capture(transfer, 5n, true, MIB, 5000)).toBeNull();
  expect(capture(transfer, 6n, true, MIB, 4900)).toEqual({ first: false, maxBytes: MIB, final: false });
  expect(capture(transfer, 6n, false, MIB, 4800)).not.toBeNull();
  expect(capture(transfer, 6n, false, MIB, 4700)).not.toBeNull();
});

test("no more than 8 MiB are under way, and the receiver's reports make room", () => {
  const transfer = new StateTransfer("rep_b");
  let captures = 0;
  while (capture(transfer, 0n, false, MIB, 50_000 - captures) !== null) captures++;
  expect(captures).toBe(8);
  transfer.received(MIB);
  expect(capture(transfer, 0n, false, MIB, 40_000)).not.toBeNull();
  expect(capture(transfer, 0n, false, MIB, 40_000)).toBeNull();
});

test("with few pages left the next capture is the last", () => {
  const transfer = new StateTransfer("rep_b");
  capture(transfer, 0n, true, MIB, 513);
  expect(capture(transfer, 1n, true, MIB, 512)?.final).toBe(false);
  expect(capture(transfer, 2n, true, 100, 0)?.final).toBe(true);
  expect(transfer.next(3n, true)).toBeNull();
});

test("the last capture waits until little is under way, and looks once more at what was written meanwhile", () => {
  const transfer = new StateTransfer("rep_b");
  for (let i = 0; i < 4; i++) capture(transfer, BigInt(i), true, MIB, i < 3 ? 3000 - i : 100);
  expect(transfer.next(4n, true)).toBeNull();
  transfer.received(2 * MIB);
  expect(transfer.next(5n, true)).toBeNull();
  transfer.received(MIB);
  // While it waited, the guest wrote 700 pages.
  expect(capture(transfer, 6n, true, MIB, 700)?.final).toBe(false);
  transfer.received(MIB);
  expect(capture(transfer, 7n, true, MIB, 300)?.final).toBe(false);
  transfer.received(MIB);
  expect(capture(transfer, 8n, true, 100, 0)?.final).toBe(true);
});

test("a guest that writes as fast as it is read gets more captures at a boundary, and in the end the pause", () => {
  const transfer = new StateTransfer("rep_b");
  let captures = 0;
  let busiest = 0;
  for (let epoch = 0n; epoch < 1000n; epoch++) {
    let atBoundary = 0;
    for (;;) {
      const taken = capture(transfer, epoch, true, MIB, 20 * PAGES_PER_CAPTURE);
      if (taken === null) break;
      transfer.received(MIB);
      captures++;
      atBoundary++;
      if (taken.final) {
        expect(captures).toBeLessThan(100);
        expect(busiest).toBe(8);
        return;
      }
    }
    busiest = Math.max(busiest, atBoundary);
  }
  expect.unreachable("the chase ends");
});
