/**
 * Goldfish RTC (QEMU's `goldfish_rtc`): the wall clock in nanoseconds since 1970, and an alarm.
 *
 * The wall clock is guest time and an offset that comes from the log, as an input of an epoch: so it costs nothing while it is
 * right, every replica shows the same at every instant, and it goes on over a failover as guest time does. Before the first
 * such input it begins in 1970. An input may move it forward at once; where it would move it back, the clock stands still
 * until the time it has shown comes again. What the guest writes moves an offset of its own on top, as on QEMU.
 *
 * The alarm goes off before the first instruction at which its time is reached. (hw/rtc/goldfish_rtc.h has the registers)
 */
import { RTC_INTERRUPT } from "../../isa/memory-map";
import { RTC, WALL_FLOOR, WALL_OFFSET } from "../layout";
import { clockAt, now } from "./clint";
import { plicSetLevel } from "./plic";

/** Added to the wall clock: what the guest has set the clock to. */
const GUEST_OFFSET: u32 = RTC;
const ALARM: u32 = RTC + 8;
/** Upper half of the time whose lower half was read last. */
const HIGH: u32 = RTC + 16;
const ALARM_SET: u32 = RTC + 20;
const INTERRUPT_ENABLED: u32 = RTC + 24;
const INTERRUPT_PENDING: u32 = RTC + 28;

const NS_PER_TICK: u64 = 100;

/** Wall clock at an instant of the running epoch. */
function wallAt(instant: u64): u64 {
  return max(clockAt(instant) * NS_PER_TICK + load<u64>(WALL_OFFSET), load<u64>(WALL_FLOOR));
}

function rtcAt(instant: u64): u64 {
  return wallAt(instant) + load<u64>(GUEST_OFFSET);
}

/** The log says what time it is at `instant`, the start of an epoch. */
export function setWallClock(unixNs: u64, instant: u64): void {
  store<u64>(WALL_FLOOR, wallAt(instant));
  store<u64>(WALL_OFFSET, unixNs - clockAt(instant) * NS_PER_TICK);
}

/** Ticks of guest time until the alarm goes off, rounded up; 0: now; u64.MAX: it is not set. */
export function ticksToAlarm(instant: u64): u64 {
  if (load<u32>(ALARM_SET) == 0) return u64.MAX_VALUE;
  const shown = rtcAt(instant);
  const alarm = load<u64>(ALARM);
  if (alarm <= shown) return 0;
  // The clock may be standing still: then it first has to come to what it shows.
  const behind = wallAt(instant) - (clockAt(instant) * NS_PER_TICK + load<u64>(WALL_OFFSET));
  const left = alarm - shown;
  if (left > u64.MAX_VALUE - behind - NS_PER_TICK) return u64.MAX_VALUE;
  return (left + behind + NS_PER_TICK - 1) / NS_PER_TICK;
}

export function goOff(): void {
  store<u32>(ALARM_SET, 0);
  store<u32>(INTERRUPT_PENDING, 1);
  updateLine();
}

/** Whether the guest hears of the alarm when it goes off. */
export function interruptsByAlarm(): bool {
  return load<u32>(INTERRUPT_ENABLED) != 0;
}

function updateLine(): void {
  plicSetLevel(RTC_INTERRUPT, (load<u32>(INTERRUPT_PENDING) & load<u32>(INTERRUPT_ENABLED)) != 0);
}

export function rtcRead(offset: u32): u64 {
  switch (offset) {
    case 0x00: {
      const time = rtcAt(now);
      store<u32>(HIGH, <u32>(time >> 32));
      return time & 0xffffffff;
    }
    case 0x04:
      return load<u32>(HIGH);
    case 0x08:
      return load<u32>(ALARM);
    case 0x0c:
      return load<u32>(ALARM, 4);
    case 0x10:
      return load<u32>(INTERRUPT_ENABLED);
    case 0x18:
      return load<u32>(ALARM_SET);
  }
  return 0;
}

export function rtcWrite(offset: u32, value: u32): void {
  switch (offset) {
    case 0x00:
    case 0x04: {
      const before = rtcAt(now);
      const after =
        offset == 0 ? (before & 0xffffffff00000000) | <u64>value : (before & 0xffffffff) | (<u64>value << 32);
      store<u64>(GUEST_OFFSET, load<u64>(GUEST_OFFSET) + (after - before));
      break;
    }
    case 0x08: // sets the alarm: drivers store the upper half first
      store<u32>(ALARM, value);
      store<u32>(ALARM_SET, 1);
      if (ticksToAlarm(now) == 0) goOff();
      break;
    case 0x0c:
      store<u32>(ALARM, value, 4);
      break;
    case 0x10:
      store<u32>(INTERRUPT_ENABLED, value & 1);
      updateLine();
      break;
    case 0x14:
      store<u32>(ALARM_SET, 0);
      break;
    case 0x1c:
      store<u32>(INTERRUPT_PENDING, 0);
      updateLine();
      break;
  }
}
