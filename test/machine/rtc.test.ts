/** The real-time clock, as the log sets it. What the guest can do with it is in test/fixtures/programs/rtc.S. */
import { expect, test } from "vitest";
import { Guest, RAM } from "./virtio-driver.ts";

const RTC = 0x10_1000;
const TIME_LOW = 0x00;
const TIME_HIGH = 0x04;
const ALARM_LOW = 0x08;
const ALARM_HIGH = 0x0c;
const ALARM_STATUS = 0x18;
const IRQ_ENABLED = 0x10;

const SECOND = 1_000_000_000n;
const NOW = 1_700_000_000n * SECOND;

/** What the guest reads; its instructions take some microseconds. */
function read(guest: Guest): bigint {
  return BigInt(guest.load(RTC + TIME_LOW)) | (BigInt(guest.load(RTC + TIME_HIGH)) << 32n);
}

function tell(guest: Guest, unixNs: bigint): void {
  guest.epoch({ kind: "wallClock", unixNs });
}

/** Guest time goes on by so much, with an epoch in between. */
function pass(guest: Guest, ns: bigint): void {
  guest.vm.beginEpoch({ time: guest.vm.time + ns / 100n, rate: 1 << 24 }, []);
}

function about(actual: bigint, expected: bigint): void {
  expect(actual - expected).toBeGreaterThan(-SECOND / 100n);
  expect(actual - expected).toBeLessThan(SECOND / 100n);
}

function setAlarm(guest: Guest, unixNs: bigint): void {
  guest.store(RTC + ALARM_HIGH, Number(unixNs >> 32n));
  guest.store(RTC + ALARM_LOW, Number(unixNs & 0xffff_ffffn));
}

test("begins in 1970, shows what the log says, and goes on with guest time", () => {
  const guest = new Guest();
  about(read(guest), 0n);
  tell(guest, NOW);
  about(read(guest), NOW);
  pass(guest, 3600n * SECOND);
  about(read(guest), NOW + 3600n * SECOND);
});

test("goes forward at once, and stands still where it would go back, until that time has come again", () => {
  const guest = new Guest();
  tell(guest, NOW);
  tell(guest, NOW + 50n * SECOND);
  about(read(guest), NOW + 50n * SECOND);
  tell(guest, NOW + 20n * SECOND);
  const stands = read(guest);
  about(stands, NOW + 50n * SECOND);
  pass(guest, 29n * SECOND);
  expect(read(guest)).toBe(stands);
  pass(guest, 2n * SECOND);
  about(read(guest), NOW + 51n * SECOND);
});

test("keeps what the guest has set it to over a correction", () => {
  const guest = new Guest();
  tell(guest, NOW);
  guest.store(RTC + TIME_HIGH, 0);
  guest.store(RTC + TIME_LOW, 0);
  about(read(guest), 0n);
  tell(guest, NOW + 10n * SECOND);
  about(read(guest), 10n * SECOND);
});

test("an alarm is due by what the clock shows: sooner when it is put forward, later while it stands still", () => {
  const guest = new Guest();
  tell(guest, NOW);
  guest.store(RTC + IRQ_ENABLED, 1);
  setAlarm(guest, NOW + 60n * SECOND);
  tell(guest, NOW + 30n * SECOND);
  expect(guest.load(RTC + ALARM_STATUS)).toBe(1);
  tell(guest, NOW);
  pass(guest, 30n * SECOND);
  pass(guest, 29n * SECOND);
  expect(guest.load(RTC + ALARM_STATUS)).toBe(1);
  pass(guest, 2n * SECOND);
  expect(guest.load(RTC + ALARM_STATUS)).toBe(0);
  expect(guest.pending(11)).toBe(true);
  setAlarm(guest, NOW + 600n * SECOND);
  tell(guest, NOW + 600n * SECOND);
  expect(guest.load(RTC + ALARM_STATUS)).toBe(0);
});

test("is the same on every machine that has the same log, and moves with the state", () => {
  const story = (moves: boolean) => {
    let guest = new Guest();
    const move = () => {
      if (!moves) return;
      const other = new Guest();
      other.vm.restore(guest.vm.snapshot());
      guest = other;
    };
    const shown: bigint[] = [];
    for (const step of [NOW, NOW + 7n * SECOND, NOW + SECOND, NOW + 100n * SECOND]) {
      tell(guest, step);
      move();
      setAlarm(guest, step + SECOND / 1000n);
      guest.run(20_000n);
      move();
      shown.push(read(guest), BigInt(guest.load(RTC + ALARM_STATUS)));
    }
    return { shown, hash: guest.vm.hash(), mark: guest.vm.readRam(RAM, 16) };
  };
  expect(story(true)).toEqual(story(false));
});
