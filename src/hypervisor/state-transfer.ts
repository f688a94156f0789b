/**
 * Brings one joining backup the machine's state while the guest runs (primary's side).
 *
 *     copying --few pages left, or they do not get fewer--> closing --little under way--> last capture, with the hash
 *        ^                                                     |
 *        '----------- had to wait: look once more -------------'
 *
 * Pages that the guest changes are sent again, so the copy chases the guest. The last capture is made in a pause at an
 * epoch boundary. What is under way is bounded: the receiver reports what it has applied. A guest that writes as fast as
 * we read gets more captures between its epochs, which slows it; if that does not help, the pause takes what is left.
 */
import { assert } from "../base/assert.ts";
import type { ReplicaId } from "./messages.ts";

/** One capture while the guest runs: some milliseconds between two epochs. */
const CAPTURE_BYTES = 1024 * 1024;
/** Sent and not reported as applied. */
const UNDER_WAY_BYTES = 8 * CAPTURE_BYTES;
/** At the last capture: the outputs of the epochs after it wait until all of this has been applied. */
const UNDER_WAY_BYTES_AT_LAST = 2 * CAPTURE_BYTES;
/** 2 MiB: what the pause of the guest may be spent on. */
const LAST_PAGES = 512;
/** A capture is fruitless if it does not leave fewer pages than ever before. So many of them double the captures at a boundary. */
const FRUITLESS_DOUBLES = 4;
const CAPTURES_PER_BOUNDARY_MAX = 8;
/** And so many end the chase. */
const FRUITLESS_MAX = 64;

/** No bound: all that is left goes into the last capture. */
const ALL_BYTES = Number.MAX_SAFE_INTEGER;

export interface Capture {
  readonly first: boolean;
  readonly maxBytes: number;
  readonly final: boolean;
}

export class StateTransfer {
  private captures = 0;
  private underWay = 0;
  private pagesLeft: number | null = null;
  private fewestPagesLeft: number | null = null;
  private fruitless = 0;
  /** The capture that the engine makes now. */
  private capturing: Capture | null = null;
  private done = false;
  private waited = false;
  private boundary: bigint | null = null;
  private capturesAtBoundary = 0;

  constructor(readonly peer: ReplicaId) {}

  /**
   * @param epoch the boundary before which the guest stands
   * @param guestRuns false: it waits, so nothing is lost by capturing on
   * @returns null: let the guest run, or wait for the receiver
   */
  next(epoch: bigint, guestRuns: boolean): Capture | null {
    if (this.done || this.capturing !== null) return null;
    const perBoundary = Math.min(CAPTURES_PER_BOUNDARY_MAX, 1 << Math.floor(this.fruitless / FRUITLESS_DOUBLES));
    if (guestRuns && this.boundary === epoch && this.capturesAtBoundary >= perBoundary) return null;
    if (this.pagesLeft !== null && (this.pagesLeft <= LAST_PAGES || this.fruitless >= FRUITLESS_MAX)) {
      if (this.underWay > (this.waited ? CAPTURE_BYTES : UNDER_WAY_BYTES_AT_LAST)) {
        this.waited = true;
        return null;
      }
      if (!this.waited) return { first: false, maxBytes: ALL_BYTES, final: true };
    }
    if (this.underWay + CAPTURE_BYTES > UNDER_WAY_BYTES) return null;
    return { first: this.captures === 0, maxBytes: CAPTURE_BYTES, final: false };
  }

  began(capture: Capture, epoch: bigint): void {
    assert(this.capturing === null, `one capture for ${this.peer} at a time`);
    this.capturing = capture;
    this.capturesAtBoundary = this.boundary === epoch ? this.capturesAtBoundary + 1 : 1;
    this.boundary = epoch;
  }

  /** @returns the capture that this answers */
  captured(bytes: number, pagesLeft: number): Capture {
    const capture = this.capturing;
    assert(capture !== null, `a capture for ${this.peer} was asked for`);
    this.capturing = null;
    this.captures++;
    this.underWay += bytes;
    this.pagesLeft = pagesLeft;
    this.waited = false;
    this.done = capture.final;
    if (this.fewestPagesLeft === null || pagesLeft < this.fewestPagesLeft) {
      this.fewestPagesLeft = pagesLeft;
      this.fruitless = 0;
    } else {
      this.fruitless++;
    }
    return capture;
  }

  /** The receiver has applied so much. */
  received(bytes: number): void {
    assert(bytes <= this.underWay, `${this.peer} reports ${bytes} bytes as applied, ${this.underWay} are under way`);
    this.underWay -= bytes;
  }
}
