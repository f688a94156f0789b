/**
 * Whether another thread asks the run to end: looked at every few thousand instructions, by who executes them.
 *
 * What is asked is function 0 of the table (src/engine/stop-request.ts). It decides at which instant a run ends, which the guest
 * cannot tell, and nothing else.
 */

/** Instructions between two looks: some 20 us interpreted. A run comes at least so far. */
const STOP_LOOK: u64 = 4096;
/** A region is given so many more, since they take less long: together 10 to 50 us. They are more than a block can have. */
export const STOP_LOOK_REGION: u64 = 28672;

const STOP_REQUEST_NUMBER: u32 = 0;

/** The instant from which on a look is due. */
let nextLook: u64 = u64.MAX_VALUE;

/** @param stoppable false: nobody may ask */
export function beginStopLooks(instant: u64, stoppable: bool): void {
  nextLook = stoppable ? instant + STOP_LOOK : u64.MAX_VALUE;
}

/** Looks, where that is due. It stays due while it is asked. */
export function stopAsked(instant: u64): bool {
  if (instant < nextLook) return false;
  const asked = call_indirect<u32>(STOP_REQUEST_NUMBER) != 0;
  nextLook = asked ? 0 : instant + STOP_LOOK;
  return asked;
}

/** Of the instructions up to an instant, those that are left when a look is due. */
export function leftAtStopLook(target: u64): u64 {
  return target > nextLook ? target - nextLook : 0;
}
