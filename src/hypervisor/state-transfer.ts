/**
 * Brings one joining backup the machine's state while the guest runs (primary's side).
 *
 *     copying --few pages left--> closing --little under way--> last capture, with the hash
 *        ^                           |
 *        '-- had to wait: look once more
 *
 * Pages that the guest changes are sent again, in rounds over memory, so the copy chases the guest. The last capture is made
 * in a pause at an epoch boundary, and takes no more than 1 MiB. What is under way is bounded: the receiver reports what it
 * has applied.
 *
 * Engine time is shared, because a capture and an epoch exclude each other: the guest has nine tenths of it, and all of it while the
 * receiver is behind. So it keeps four fifths of its speed also where two processors that are both busy are slower than one alone. What counts as its time is what its instructions took before the transfer: that it is slower now, as sender
 * and receiver take processors and caches from it, is the transfer's time. A round that leaves nearly as much to do as the one before shows a guest that writes faster
 * than pages leave: from then on it gets half as much time for each time of the transfer, where waiting for the receiver
 * counts too, until it writes slowly enough; in the end it stands still. So the rounds are bounded, and the last pause is.
 */
import { assert } from "../base/assert.ts";
import type { ReplicaId } from "./messages.ts";

const MIB = 1024 * 1024;
/**
 * One capture while the guest runs: some two milliseconds between two epochs. Less would cost it more, since each costs the way to
 * the engine and back twice over, half a millisecond each.
 */
const CAPTURE_BYTES = 2 * MIB;
/** Sent and not reported as applied. */
const UNDER_WAY_BYTES = 8 * MIB;
/** The one more look before the last capture: with so much under way before it, no more than is allowed at the last is under way after it. */
const LOOK_BYTES = MIB;
/** At the last capture: the outputs of the epochs after it wait until all of this has been applied. */
const UNDER_WAY_BYTES_AT_LAST = 2 * LOOK_BYTES;
/** 1 MiB: what the pause of the guest may be spent on. */
const LAST_PAGES = 256;

/** Guest time for each time of the transfer, as long as the guest is not slowed. */
const GUEST_TIMES = 9;
/** So often that is halved; the next time the guest stands still until the transfer is done. */
const SLOWINGS_MAX = 8;
/** A round is fruitless if it leaves more than this share of what the one before left: numerator, denominator. */
const FRUITFUL = [3, 4] as const;

/** What the guest may have run ahead of its share, or been kept from it: beyond that it is forgotten. */
const AHEAD_US = 10_000;
const OWED_US = 200_000;
/**
 * So much of it because it was slower than before, and that only so long after a capture: it may do something else now, or the host
 * may have other work, and the transfer must get on.
 */
const SLOWER_US = 100_000;
const SLOWER_FOR_US = 200_000;

/** No bound: but little is left when the last capture is made. */
const ALL_BYTES = Number.MAX_SAFE_INTEGER;

export interface Capture {
  readonly first: boolean;
  readonly maxBytes: number;
  readonly final: boolean;
}

/** Who has the engine next. `nobody`: the guest is slowed, and the receiver must report first. */
export type Turn = Capture | "guest" | "nobody";

/** What a capture has come to. */
export interface Captured {
  readonly bytes: number;
  /** Known to be missing on the receiver after it. */
  readonly pagesLeft: number;
  /** Over memory, from 1. */
  readonly round: number;
}

export class StateTransfer {
  private captures = 0;
  private underWay = 0;
  private pagesLeft: number | null = null;
  private round = 1;
  /** When the round began; null: in the first, which has all of memory to do. */
  private pagesLeftAtRound: number | null = null;
  private looksInVain = 0;
  private slowings = 0;
  /** The guest's: so much it may run before it is the transfer's turn. */
  private creditUs = 0;
  /** What it has run since the last capture. */
  private sinceCaptureUs = 0;
  /** The capture that the engine makes now; `charged`: the guest would run meanwhile. */
  private capturing: { readonly capture: Capture; readonly beganUs: number; readonly charged: boolean } | null = null;
  /** Since when it has been nobody's turn. */
  private waitingSinceUs: number | null = null;
  private done = false;
  private waited = false;

  /** @param speed the guest's without a transfer, instructions per millisecond */
  constructor(
    readonly peer: ReplicaId,
    private readonly speed: number,
  ) {}

  /** Percent of its time that the guest has at least; 0: it stands still. */
  get guestShare(): number {
    return this.slowings > SLOWINGS_MAX ? 0 : Math.floor((100 * GUEST_TIMES) / (GUEST_TIMES + 2 ** this.slowings));
  }

  /**
   * At an epoch boundary.
   *
   * @param guestRuns false: it waits, so nothing is lost by capturing on
   */
  next(guestRuns: boolean, nowUs: number): Turn {
    this.waitedUntil(nowUs);
    if (this.done || this.capturing !== null) return "guest";
    const capture = this.due();
    if (capture?.final) return capture;
    if (guestRuns && this.creditUs > 0) return "guest";
    if (capture !== null) return capture;
    if (!guestRuns || this.slowings === 0) return "guest";
    this.waitingSinceUs = nowUs;
    return "nobody";
  }

  /** Whether it is still the guest's turn when an epoch of so long has ended that runs now. */
  isGuestsAfter(epochUs: number): boolean {
    return this.capturing === null && this.creditUs > epochUs;
  }

  /** What the transfer would do; null: wait for the receiver. */
  private due(): Capture | null {
    if (this.pagesLeft !== null && this.pagesLeft <= LAST_PAGES) {
      if (this.underWay > (this.waited ? LOOK_BYTES : UNDER_WAY_BYTES_AT_LAST)) {
        this.waited = true;
        return null;
      }
      if (!this.waited) return { first: false, maxBytes: ALL_BYTES, final: true };
    }
    const maxBytes = this.waited ? LOOK_BYTES : CAPTURE_BYTES;
    if (this.underWay + maxBytes > UNDER_WAY_BYTES) return null;
    return { first: this.captures === 0, maxBytes, final: false };
  }

  /** @param guestRuns as `next` was told */
  began(capture: Capture, guestRuns: boolean, nowUs: number): void {
    assert(this.capturing === null, () => `one capture for ${this.peer} at a time`);
    this.capturing = { capture, beganUs: nowUs, charged: guestRuns };
  }

  /** @returns the capture that this answers */
  captured({ bytes, pagesLeft, round }: Captured, nowUs: number): Capture {
    assert(this.capturing !== null, () => `a capture for ${this.peer} was asked for`);
    const { capture, beganUs, charged } = this.capturing;
    this.capturing = null;
    if (charged) this.earn(nowUs - beganUs, OWED_US);
    this.captures++;
    this.sinceCaptureUs = 0;
    this.underWay += bytes;
    this.done = capture.final;
    const lookedAgain = this.waited;
    this.waited = false;
    this.pagesLeft = pagesLeft;
    if (pagesLeft <= LAST_PAGES) {
      this.round = round;
    } else if (lookedAgain) {
      // Few pages were left, and many are: the guest has written them while the receiver caught up. Once may be a bad moment.
      if (this.looksInVain++ > 0) this.fruitless(round);
    } else if (round > this.round) {
      const before = this.pagesLeftAtRound;
      if (before !== null && pagesLeft * FRUITFUL[1] > before * FRUITFUL[0]) this.fruitless(round);
      this.round = round;
      this.pagesLeftAtRound = pagesLeft;
    }
    return capture;
  }

  private fruitless(round: number): void {
    this.round = round;
    this.pagesLeftAtRound = this.pagesLeft;
    if (this.slowings <= SLOWINGS_MAX) this.slowings++;
    this.creditUs = Math.min(this.creditUs, 0);
  }

  /** An epoch of so many instructions has taken so long; one that ran when the transfer began is none of its business. */
  guestRan(instructions: bigint, elapsedUs: number): void {
    if (this.captures === 0) return;
    this.sinceCaptureUs += elapsedUs;
    const slower = this.sinceCaptureUs <= SLOWER_FOR_US;
    const ownUs = slower ? Math.min(elapsedUs, Number((instructions * 1000n) / BigInt(this.speed))) : elapsedUs;
    this.creditUs = Math.max(-AHEAD_US, this.creditUs - ownUs);
    this.earn(elapsedUs - ownUs, SLOWER_US);
  }

  /** The receiver has applied so much. */
  received(bytes: number): void {
    assert(bytes <= this.underWay, () => `${this.peer} reports ${bytes} bytes as applied, ${this.underWay} are under way`);
    this.underWay -= bytes;
  }

  private waitedUntil(nowUs: number): void {
    if (this.waitingSinceUs !== null) this.earn(nowUs - this.waitingSinceUs, OWED_US);
    this.waitingSinceUs = null;
  }

  /** The guest would have run, and did not. */
  private earn(elapsedUs: number, maxUs: number): void {
    if (this.slowings > SLOWINGS_MAX || this.creditUs >= maxUs) return;
    this.creditUs = Math.min(maxUs, this.creditUs + Math.floor((elapsedUs * GUEST_TIMES) / 2 ** this.slowings));
  }
}
