/**
 * Split virtqueues (virtio 1.2, 2.7), for every virtio device: takes the next chain of descriptors apart, gives it back used.
 *
 * Nothing that the guest says about memory is believed. A queue whose rings are not in RAM, a chain that loops, leaves RAM, has
 * a buffer of no length or one to be read behind one to be written: `BROKEN`, and the device needs a reset. The work for a
 * chain is bounded by the queue's size, since RAM is one range of linear memory and a buffer in it one address and a length.
 * A device copies each chain with its buffers' lengths as they were taken apart: the guest does not run meanwhile.
 */
import { RESERVATION, SEGMENTS } from "../layout";
import { beforeWrite, hostAddress, isRam } from "../ram";

/** Entries that a queue has at most. */
export const QUEUE_MAX: u32 = 16;

/** A queue's registers in the device page. */
export const QUEUE_NUM: u32 = 0; // u32
export const QUEUE_READY: u32 = 4; // u32
export const QUEUE_DESC: u32 = 8; // u64
export const QUEUE_DRIVER: u32 = 16; // u64
export const QUEUE_DEVICE: u32 = 24; // u64
/** Entries of the available ring that were taken, and of the used ring that were given back: u32 each, modulo 2^16. */
const QUEUE_TAKEN: u32 = 32;
const QUEUE_USED: u32 = 36;
export const QUEUE_BYTES: u32 = 48;

const DESC_NEXT: u32 = 1;
const DESC_WRITE: u32 = 2;
const DESC_INDIRECT: u32 = 4;
const AVAIL_NO_INTERRUPT: u32 = 1;

export const BROKEN: i32 = -1;
export const EMPTY: i32 = 0;
export const TAKEN: i32 = 1;

/** The chain that `nextChain` found: its head, how many of its SEGMENTS the device reads, how many there are. */
let head: u32 = 0;
let readSegments: u32 = 0;
let segments: u32 = 0;
/** Bytes that it has for the device to read, and to write. */
export let readable: u64 = 0;
export let writable: u64 = 0;

/** Takes the next chain apart and leaves it where it is: the same again, until `complete`. */
export function nextChain(queue: u32): i32 {
  if (load<u32>(queue, QUEUE_READY) == 0) return EMPTY;
  const num = load<u32>(queue, QUEUE_NUM);
  const driver = load<u64>(queue, QUEUE_DRIVER);
  if (!isRing(load<u64>(queue, QUEUE_DESC), num * 16, 15)) return BROKEN;
  if (!isRing(driver, 4 + num * 2, 1) || !isRing(load<u64>(queue, QUEUE_DEVICE), 4 + num * 8, 3)) return BROKEN;
  const available = hostAddress(driver);
  const taken = load<u32>(queue, QUEUE_TAKEN);
  const waiting = (<u32>load<u16>(available, 2) - taken) & 0xffff;
  if (waiting == 0) return EMPTY;
  if (waiting > num) return BROKEN;
  head = load<u16>(available + ((taken & (num - 1)) << 1), 4);
  return walk(hostAddress(load<u64>(queue, QUEUE_DESC)), num) ? TAKEN : BROKEN;
}

function isRing(address: u64, bytes: u32, alignment: u64): bool {
  return (address & alignment) == 0 && isRam(address, bytes);
}

/** Lists the chain's buffers; false where it is none. */
function walk(table: u32, num: u32): bool {
  segments = 0;
  readSegments = 0;
  readable = 0;
  writable = 0;
  let index = head;
  while (index < num && segments < num) {
    const descriptor = table + (index << 4);
    const address = load<u64>(descriptor);
    const length = load<u32>(descriptor, 8);
    const flags = <u32>load<u16>(descriptor, 12);
    if ((flags & DESC_INDIRECT) != 0 || length == 0 || !isRam(address, length)) return false;
    const at = SEGMENTS + (segments << 3);
    store<u32>(at, hostAddress(address));
    store<u32>(at, length, 4);
    segments++;
    if ((flags & DESC_WRITE) != 0) writable += length;
    else {
      if (writable != 0) return false;
      readable += length;
      readSegments++;
    }
    if ((flags & DESC_NEXT) == 0) return true;
    index = load<u16>(descriptor, 14);
  }
  return false;
}

/** Buffers of the chain that the device reads: 0 .. readBuffers - 1; those that it writes follow, up to buffers - 1. */
export function readBuffers(): u32 {
  return readSegments;
}

export function buffers(): u32 {
  return segments;
}

/** Linear address of a buffer. */
export function bufferAt(index: u32): u32 {
  return load<u32>(SEGMENTS + (index << 3));
}

export function bufferLength(index: u32): u32 {
  return load<u32>(SEGMENTS + (index << 3), 4);
}

/**
 * Must precede what a device writes to RAM: caches of code and translations follow it, and a reservation that it overlaps ends
 * (Zalrsc: a store by another agent).
 */
export function beforeDeviceWrite(host: u32, length: u32): void {
  for (let at = host; at < host + length; ) {
    const part = min(host + length - at, 4096 - (at & 4095));
    beforeWrite(at, part);
    at += part;
  }
  const reserved = load<u64>(RESERVATION);
  if (reserved + 8 > <u64>host && reserved < <u64>(host + length)) store<u64>(RESERVATION, -1);
}

/**
 * Gives the chain at hand back, with so many bytes written to its buffers.
 *
 * @returns whether the driver wants an interrupt for it
 */
export function complete(queue: u32, written: u32): bool {
  const mask = load<u32>(queue, QUEUE_NUM) - 1;
  const used = hostAddress(load<u64>(queue, QUEUE_DEVICE));
  const index = load<u32>(queue, QUEUE_USED);
  const entry = used + 4 + ((index & mask) << 3);
  beforeDeviceWrite(entry, 8);
  store<u32>(entry, head);
  store<u32>(entry, written, 4);
  const next = (index + 1) & 0xffff;
  beforeDeviceWrite(used + 2, 2);
  store<u16>(used, <u16>next, 2);
  store<u32>(queue, next, QUEUE_USED);
  store<u32>(queue, (load<u32>(queue, QUEUE_TAKEN) + 1) & 0xffff, QUEUE_TAKEN);
  return (<u32>load<u16>(hostAddress(load<u64>(queue, QUEUE_DRIVER))) & AVAIL_NO_INTERRUPT) == 0;
}
