/**
 * What devices do by themselves when guest time has come to it: the RTC's alarm, the console's word that output was taken.
 *
 * `meetDeadlines` is called between two instructions, before anybody looks at interrupts or stops; `nextDeadline` makes the
 * instant at which one comes a point to stop at; `ticksToInterrupt` says when one ends a wait.
 */
import { instantAfter } from "./clint";
import { goOff, interruptsByAlarm, ticksToAlarm } from "./rtc";
import { tellSent, ticksToTelling } from "./virtio-console";

export function meetDeadlines(instant: u64): void {
  if (ticksToAlarm(instant) == 0) goOff();
  if (ticksToTelling(instant) == 0) tellSent(instant);
}

/** The first instant after `instant`, at which all were met, that is one's; u64.MAX: there is none, or it is far away. */
export function nextDeadline(instant: u64): u64 {
  const ticks = min(ticksToAlarm(instant), ticksToTelling(instant));
  return ticks == u64.MAX_VALUE ? ticks : instantAfter(ticks, instant);
}

/** Ticks of guest time until the next one that interrupts; u64.MAX: there is none. */
export function ticksToInterrupt(instant: u64): u64 {
  const alarm = interruptsByAlarm() ? ticksToAlarm(instant) : u64.MAX_VALUE;
  return min(alarm, ticksToTelling(instant));
}
