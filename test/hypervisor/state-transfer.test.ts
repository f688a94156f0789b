import { expect, test } from "vitest";
import { type Capture, StateTransfer } from "../../src/hypervisor/state-transfer.ts";

const MIB = 1024 * 1024;
/** One capture's. */
const CAPTURE = 2 * MIB;
/** Of a guest without a transfer: instructions per millisecond. */
const SPEED = 200_000;

/** What a guest executes in so long at that speed. */
const executedIn = (us: number): bigint => BigInt(Math.floor((us * SPEED) / 1000));

/** Begins and answers the capture that the transfer asks for; it takes a millisecond. */
function capture(
  transfer: StateTransfer,
  guestRuns: boolean,
  pagesLeft: number,
  { bytes = CAPTURE, round = 1, atUs = 0 } = {},
): Capture | null {
  const turn = transfer.next(guestRuns, atUs);
  if (typeof turn !== "object") return null;
  transfer.began(turn, guestRuns, atUs);
  expect(transfer.next(guestRuns, atUs)).toBe("guest");
  return transfer.captured({ bytes, pagesLeft, round }, atUs + 1000);
}

test("the guest has nine times as long as the captures take, and while it waits they follow each other", () => {
  const transfer = new StateTransfer("rep_b", SPEED);
  expect(capture(transfer, true, 5000)).toEqual({ first: true, maxBytes: CAPTURE, final: false });
  expect(transfer.next(true, 1000)).toBe("guest");
  transfer.guestRan(executedIn(8999), 8999);
  expect(transfer.next(true, 10_000)).toBe("guest");
  transfer.guestRan(executedIn(1), 1);
  expect(capture(transfer, true, 4900, { atUs: 10_000 })).toEqual({ first: false, maxBytes: CAPTURE, final: false });
  expect(transfer.next(true, 11_000)).toBe("guest");
  expect(capture(transfer, false, 4800, { atUs: 11_000 })).not.toBeNull();
  expect(capture(transfer, false, 4700, { atUs: 12_000 })).not.toBeNull();
});

test("a guest that is slower than before has nine times of what it lost, as long as that is not much", () => {
  const transfer = new StateTransfer("rep_b", SPEED);
  capture(transfer, true, 5000);
  transfer.guestRan(executedIn(8000), 9000);
  expect(transfer.next(true, 10_000)).toBe("guest");
  transfer.guestRan(executedIn(9999), 9999);
  expect(transfer.next(true, 20_000)).toBe("guest");
  transfer.guestRan(executedIn(1), 1);
  expect(capture(transfer, true, 4900, { atUs: 20_000 })).not.toBeNull();
  // It hardly gets on, whatever may be the reason.
  transfer.guestRan(1n, 200_000);
  transfer.guestRan(1n, 99_999);
  expect(transfer.next(true, 330_000)).toBe("guest");
  transfer.guestRan(1n, 1);
  expect(capture(transfer, true, 4800, { atUs: 330_000 })).not.toBeNull();
});

test("a guest's epochs follow each other without a word where its turn lasts longer than the one that runs", () => {
  const transfer = new StateTransfer("rep_b", SPEED);
  expect(transfer.isGuestsAfter(4000)).toBe(false);
  const turn = transfer.next(true, 0) as Capture;
  transfer.began(turn, true, 0);
  expect(transfer.isGuestsAfter(0)).toBe(false);
  transfer.captured({ bytes: CAPTURE, pagesLeft: 5000, round: 1 }, 2000);
  expect([transfer.isGuestsAfter(17_999), transfer.isGuestsAfter(18_000)]).toEqual([true, false]);
});

test("a guest that has run ahead while the receiver was behind is stopped for a few milliseconds, not for all of it", () => {
  const transfer = new StateTransfer("rep_b", SPEED);
  for (let i = 0; i < 8; i++) capture(transfer, false, 50_000);
  expect(transfer.next(true, 0)).toBe("guest");
  for (let epoch = 0; epoch < 100; epoch++) transfer.guestRan(executedIn(5000), 5000);
  transfer.received(8 * MIB);
  let captures = 0;
  while (capture(transfer, true, 40_000) !== null) captures++;
  expect(captures).toBe(2);
});

test("no more than 8 MiB are under way, and the receiver's reports make room", () => {
  const transfer = new StateTransfer("rep_b", SPEED);
  let captures = 0;
  while (capture(transfer, false, 50_000 - captures) !== null) captures++;
  expect(captures).toBe(4);
  transfer.received(MIB);
  expect(capture(transfer, false, 40_000)).toBeNull();
  transfer.received(MIB);
  expect(capture(transfer, false, 40_000)).not.toBeNull();
  expect(capture(transfer, false, 40_000)).toBeNull();
});

test("with few pages left the next capture is the last, whoever's turn it is", () => {
  const transfer = new StateTransfer("rep_b", SPEED);
  capture(transfer, true, 257);
  transfer.received(CAPTURE);
  transfer.guestRan(executedIn(9000), 9000);
  expect(capture(transfer, true, 256)?.final).toBe(false);
  expect(capture(transfer, true, 0, { bytes: 100 })?.final).toBe(true);
  expect(transfer.next(true, 0)).toBe("guest");
});

test("the last capture waits until little is under way, and looks once more at what was written meanwhile", () => {
  const transfer = new StateTransfer("rep_b", SPEED);
  for (let i = 0; i < 2; i++) capture(transfer, false, i < 1 ? 3000 : 100);
  expect(capture(transfer, false, 0)).toBeNull();
  transfer.received(2 * MIB);
  expect(capture(transfer, false, 0)).toBeNull();
  transfer.received(MIB);
  // While it waited, the guest wrote 450 pages.
  const look = { first: false, maxBytes: MIB, final: false };
  expect(capture(transfer, false, 450, { bytes: MIB })).toEqual(look);
  transfer.received(MIB);
  expect(capture(transfer, false, 150, { bytes: MIB })).toEqual({ ...look, maxBytes: CAPTURE });
  transfer.received(MIB);
  expect(capture(transfer, false, 0, { bytes: 100 })?.final).toBe(true);
});

/** Memory, a guest that writes to it, a line and a receiver, in microseconds. */
function race({ pagesPerMs, linePagesPerMs, memoryPages = 65_536 }: { pagesPerMs: number; linePagesPerMs: number; memoryPages?: number }) {
  const transfer = new StateTransfer("rep_b", SPEED);
  const captureUsPerPage = 3;
  const epochUs = 5000;
  let nowUs = 0;
  let lacking = memoryPages;
  let inSweep = 0;
  let sweep = memoryPages;
  let round = 1;
  let underWay = 0;
  let guestUs = 0;
  let pausedSinceUs = 0;
  let longestPauseUs = 0;
  let lastPages = 0;
  const pass = (us: number) => {
    nowUs += us;
    const delivered = Math.min(underWay, Math.floor((us * linePagesPerMs) / 1000));
    underWay -= delivered;
    transfer.received(delivered * 4096);
  };
  for (let turns = 0; turns < 1_000_000; turns++) {
    const turn = transfer.next(true, nowUs);
    if (turn === "guest") {
      longestPauseUs = Math.max(longestPauseUs, nowUs - pausedSinceUs);
      pass(epochUs);
      guestUs += epochUs;
      transfer.guestRan(executedIn(epochUs), epochUs);
      lacking = Math.min(memoryPages, lacking + Math.floor((pagesPerMs * epochUs) / 1000));
      pausedSinceUs = nowUs;
    } else if (turn === "nobody") {
      pass(1000);
    } else {
      transfer.began(turn, true, nowUs);
      const taken = turn.final ? lacking : Math.min(lacking, CAPTURE / 4096);
      if (turn.final) lastPages = lacking;
      pass(taken * captureUsPerPage);
      lacking -= taken;
      underWay += taken;
      inSweep += taken;
      if (inSweep >= sweep) {
        round++;
        inSweep = 0;
        sweep = lacking;
      }
      const { final } = transfer.captured({ bytes: taken * 4096, pagesLeft: lacking, round }, nowUs);
      if (final)
        return {
          round,
          guestPercent: (100 * guestUs) / nowUs,
          longestPauseUs,
          lastPages,
          share: transfer.guestShare,
          seconds: nowUs / 1e6,
        };
    }
  }
  return expect.unreachable("the chase ends");
}

test("a guest that writes 50 MB/s keeps nine tenths of its time, and is never stopped for long", () => {
  const { guestPercent, longestPauseUs, lastPages, share } = race({ pagesPerMs: 12, linePagesPerMs: 50 });
  expect(share).toBe(90);
  expect(guestPercent).toBeGreaterThan(89);
  expect(longestPauseUs).toBeLessThan(10_000);
  expect(lastPages).toBeLessThanOrEqual(256);
});

test.each([
  ["writes faster than the line carries", { pagesPerMs: 60, linePagesPerMs: 30 }],
  ["writes as fast as it is read", { pagesPerMs: 400, linePagesPerMs: 300 }],
  ["writes all of its memory with every epoch", { pagesPerMs: 2000, linePagesPerMs: 100, memoryPages: 8192 }],
  ["writes ten times what a slow line carries", { pagesPerMs: 30, linePagesPerMs: 3 }],
])("a guest that %s is slowed until it can be followed, in a bounded number of rounds and with a short last one", (_what, speeds) => {
  const { round, lastPages, share } = race(speeds);
  expect(share).toBeLessThan(90);
  expect(round).toBeLessThan(60);
  expect(lastPages).toBeLessThanOrEqual(256);
});

test("a guest that cannot be followed however slow it is stands still in the end", () => {
  const { share, lastPages, round } = race({ pagesPerMs: 2000, linePagesPerMs: 2, memoryPages: 16_384 });
  expect(share).toBe(0);
  expect(round).toBeLessThan(60);
  expect(lastPages).toBeLessThanOrEqual(256);
});
