/**
 * The guest's wall clock: what the log has told the guest, and whether it must be told again.
 *
 * The guest's clock is guest time and an offset. Guest time follows the primary's monotonic clock, on every replica and over
 * failovers, so an offset that was right once stays right by itself: an idle guest costs no record, and the guest asks
 * nobody. It is wrong at the VM's creation, when there is none; after the host's own clock was set; and a little after each
 * failover, because guest time then goes on from an estimate that is at most right. So the primary compares at the start of
 * every epoch that it runs anyway, and logs a new one where the two are too far apart. A correction back is the machine's
 * concern: its clock stands still meanwhile.
 */
import type { WallClockInput } from "../engine/epoch.ts";

const NS_PER_US = 1000n;
const NS_PER_TICK = 100n;

/** The difference that is corrected: guests read a real-time clock in whole seconds, at boot and after a sleep. */
const TOLERANCE_NS = 500_000_000n;

export class WallClock {
  /** The host's, in microseconds since 1970 - `nowUs`; null: nobody has told yet. */
  private hostOffsetUs: bigint | null = null;

  /** The guest's, in nanoseconds since 1970 - 100 * guest time; 0 as long as the log has said nothing. */
  private guestOffsetNs = 0n;

  /** The machine whose state has come has this offset. */
  stateHas(guestOffsetNs: bigint): void {
    this.guestOffsetNs = guestOffsetNs;
  }

  /** The host's real-time clock says so. */
  told(unixUs: number, nowUs: number): void {
    this.hostOffsetUs = BigInt(unixUs) - BigInt(nowUs);
  }

  /** A record gives the guest a clock at guest time `time`, the start of its epoch. */
  delivered(input: WallClockInput, time: bigint): void {
    this.guestOffsetNs = input.unixNs - time * NS_PER_TICK;
  }

  /** What an epoch that starts now, at guest time `time`, must tell the guest; it counts as delivered. Null: nothing. */
  correction(time: bigint, nowUs: number): WallClockInput | null {
    if (this.hostOffsetUs === null) return null;
    const unixNs = (this.hostOffsetUs + BigInt(nowUs)) * NS_PER_US;
    if (unixNs < 0n) return null;
    const wrongNs = this.guestOffsetNs + time * NS_PER_TICK - unixNs;
    if (wrongNs < TOLERANCE_NS && wrongNs > -TOLERANCE_NS) return null;
    const input: WallClockInput = { kind: "wallClock", unixNs };
    this.delivered(input, time);
    return input;
  }
}
