/**
 * virtio-mmio transport, version 2 (virtio 1.2, 4.2): eight slots as on QEMU's `virt`, two of them with a device.
 *
 *     reset --ACKNOWLEDGE, DRIVER, FEATURES_OK--> negotiated --DRIVER_OK--> live --broken queue--> DEVICE_NEEDS_RESET
 *       ^-------------------------------- status 0 --------------------------------------------------------'
 *
 * Registers have words, aligned; a device's configuration has bytes, halfwords and words. Other accesses are refused, as the
 * bus refuses them. Reserved registers read 0 and take nothing. Queues take no other address or size while they are ready.
 * Notifications are ignored unless the device is live.
 */
import {
  VIRTIO_CONSOLE_SLOT, VIRTIO_INTERRUPT, VIRTIO_RNG_SLOT, VIRTIO_SIZE, VIRTIO_STRIDE,
} from "../../isa/memory-map";
import { VIRTIO } from "../layout";
import { plicSetLevel } from "./plic";
import {
  CONSOLE_DEVICE, CONSOLE_FEATURES, CONSOLE_QUEUES, consoleConfigGeneration, consoleConfigRead, consoleConfigWrite, consoleNotified,
  consoleReset, tellSize,
} from "./virtio-console";
import { RNG_DEVICE, RNG_QUEUES, rngNotified } from "./virtio-rng";
import { QUEUE_BYTES, QUEUE_DESC, QUEUE_DEVICE, QUEUE_DRIVER, QUEUE_MAX, QUEUE_NUM, QUEUE_READY } from "./virtqueue";

const MAGIC: u32 = 0x74726976; // "virt"
const VERSION: u32 = 2;
const VENDOR: u32 = 0x554d4551; // "QEMU"

const SLOT_BYTES: u32 = 0x100;
const STATUS: u32 = 0; // u32
const INTERRUPT: u32 = 4; // u32
const DEVICE_FEATURES_SELECT: u32 = 8; // u32
const DRIVER_FEATURES_SELECT: u32 = 12; // u32
const DRIVER_FEATURES: u32 = 16; // u64
const QUEUE_SELECT: u32 = 24; // u32
/** 24 bytes of the device's own. */
const OWN: u32 = 32;
const QUEUES: u32 = 56;

const STATUS_FEATURES_OK: u32 = 8;
const STATUS_DRIVER_OK: u32 = 4;
const STATUS_NEEDS_RESET: u32 = 64;

const INTERRUPT_USED: u32 = 1;
const INTERRUPT_CONFIG: u32 = 2;

const VERSION_1: u64 = 1 << 32;

function slotAt(slot: u32): u32 {
  return VIRTIO + slot * SLOT_BYTES;
}

/** What a device keeps for itself between accesses; zero after a reset. */
export function ownState(slot: u32): u32 {
  return slotAt(slot) + OWN;
}

export function queueAt(slot: u32, queue: u32): u32 {
  return slotAt(slot) + QUEUES + queue * QUEUE_BYTES;
}

/** The driver is there, and nothing is broken: the device may use its queues. */
export function isLive(slot: u32): bool {
  return (load<u32>(slotAt(slot), STATUS) & (STATUS_DRIVER_OK | STATUS_NEEDS_RESET)) == STATUS_DRIVER_OK;
}

/** The driver has agreed to this feature. */
export function takesFeature(slot: u32, feature: u64): bool {
  return (load<u64>(slotAt(slot), DRIVER_FEATURES) & feature) != 0;
}

/** The device's configuration is another one. */
export function configInterrupt(slot: u32): void {
  interrupt(slot, INTERRUPT_CONFIG);
}

/** A chain was given back, and the driver wants to hear of it. */
export function usedInterrupt(slot: u32): void {
  interrupt(slot, INTERRUPT_USED);
}

/** The driver has broken its queue: the device does nothing more until it is reset. */
export function needsReset(slot: u32): void {
  const at = slotAt(slot);
  store<u32>(at, load<u32>(at, STATUS) | STATUS_NEEDS_RESET, STATUS);
  configInterrupt(slot);
}

function interrupt(slot: u32, cause: u32): void {
  const at = slotAt(slot);
  store<u32>(at, load<u32>(at, INTERRUPT) | cause, INTERRUPT);
  updateLine(slot);
}

function updateLine(slot: u32): void {
  plicSetLevel(VIRTIO_INTERRUPT + slot, load<u32>(slotAt(slot), INTERRUPT) != 0);
}

function deviceOf(slot: u32): u32 {
  return slot == VIRTIO_CONSOLE_SLOT ? CONSOLE_DEVICE : slot == VIRTIO_RNG_SLOT ? RNG_DEVICE : 0;
}

function featuresOf(slot: u32): u64 {
  return VERSION_1 | (slot == VIRTIO_CONSOLE_SLOT ? CONSOLE_FEATURES : 0);
}

function queuesOf(slot: u32): u32 {
  return slot == VIRTIO_CONSOLE_SLOT ? CONSOLE_QUEUES : RNG_QUEUES;
}

/** The queue that the driver has selected; 0: the device has no such. */
function selected(slot: u32): u32 {
  const queue = load<u32>(slotAt(slot), QUEUE_SELECT);
  return queue < queuesOf(slot) ? queueAt(slot, queue) : 0;
}

/** Whether a slot takes an access of this width at this offset, both within the slots' range. */
export function virtioHas(offset: u32, size: u32): bool {
  const register = offset & (<u32>VIRTIO_STRIDE - 1);
  return register < <u32>VIRTIO_SIZE && (size == 4 || (size < 4 && register >= 0x100));
}

export function virtioRead(offset: u32, size: u32): u64 {
  const slot = offset / <u32>VIRTIO_STRIDE;
  const register = offset & (<u32>VIRTIO_STRIDE - 1);
  if (register == 0x00) return MAGIC;
  if (register == 0x04) return VERSION;
  if (register == 0x0c) return VENDOR;
  if (deviceOf(slot) == 0) return 0;
  if (register >= 0x100) return slot == VIRTIO_CONSOLE_SLOT ? consoleConfigRead(register - 0x100, size) : 0;
  const at = slotAt(slot);
  switch (register) {
    case 0x08:
      return deviceOf(slot);
    case 0x10: {
      const select = load<u32>(at, DEVICE_FEATURES_SELECT);
      return select > 1 ? 0 : <u64>(<u32>(featuresOf(slot) >> (select << 5)));
    }
    case 0x34:
      return selected(slot) != 0 ? QUEUE_MAX : 0;
    case 0x44: {
      const queue = selected(slot);
      return queue != 0 ? load<u32>(queue, QUEUE_READY) : 0;
    }
    case 0x60:
      return load<u32>(at, INTERRUPT);
    case 0x70:
      return load<u32>(at, STATUS);
    case 0xfc:
      return slot == VIRTIO_CONSOLE_SLOT ? consoleConfigGeneration() : 0;
    case 0xb0: // shared memory: there is none
    case 0xb4:
    case 0xb8:
    case 0xbc:
      return 0xffffffff;
  }
  return 0;
}

export function virtioWrite(offset: u32, size: u32, value: u32): void {
  const slot = offset / <u32>VIRTIO_STRIDE;
  const register = offset & (<u32>VIRTIO_STRIDE - 1);
  if (deviceOf(slot) == 0) return;
  if (register >= 0x100) {
    if (slot == VIRTIO_CONSOLE_SLOT) consoleConfigWrite(register - 0x100, size, value);
    return;
  }
  const at = slotAt(slot);
  switch (register) {
    case 0x14:
      store<u32>(at, value, DEVICE_FEATURES_SELECT);
      break;
    case 0x20:
      acceptFeatures(at, value);
      break;
    case 0x24:
      store<u32>(at, value, DRIVER_FEATURES_SELECT);
      break;
    case 0x30:
      store<u32>(at, value, QUEUE_SELECT);
      break;
    case 0x50:
      if (value < queuesOf(slot) && isLive(slot)) notified(slot, value);
      break;
    case 0x64:
      store<u32>(at, load<u32>(at, INTERRUPT) & ~value, INTERRUPT);
      updateLine(slot);
      break;
    case 0x70:
      setStatus(slot, value);
      break;
    default: {
      const queue = selected(slot);
      if (queue != 0) setQueue(queue, register, value);
    }
  }
}

/** Features are fixed once they are agreed on. */
function acceptFeatures(at: u32, value: u32): void {
  const select = load<u32>(at, DRIVER_FEATURES_SELECT);
  if (select > 1 || (load<u32>(at, STATUS) & STATUS_FEATURES_OK) != 0) return;
  store<u32>(at + (select << 2), value, DRIVER_FEATURES);
}

function setStatus(slot: u32, value: u32): void {
  const at = slotAt(slot);
  if (value == 0) {
    memory.fill(at, 0, SLOT_BYTES);
    updateLine(slot);
    if (slot == VIRTIO_CONSOLE_SLOT) consoleReset();
    return;
  }
  const before = load<u32>(at, STATUS);
  let status = (value & 0xff & ~STATUS_NEEDS_RESET) | (before & STATUS_NEEDS_RESET);
  if ((status & ~before & STATUS_FEATURES_OK) != 0) {
    const features = load<u64>(at, DRIVER_FEATURES);
    if ((features & VERSION_1) == 0 || (features & ~featuresOf(slot)) != 0) status &= ~STATUS_FEATURES_OK;
  }
  // Without an agreement there is no driver.
  if ((status & STATUS_FEATURES_OK) == 0) status &= ~STATUS_DRIVER_OK;
  store<u32>(at, status, STATUS);
  if (slot == VIRTIO_CONSOLE_SLOT && (status & ~before & STATUS_DRIVER_OK) != 0) tellSize();
}

function setQueue(queue: u32, register: u32, value: u32): void {
  if (register == 0x44) {
    // A queue of no size, or of one that it was not given, does not become ready.
    store<u32>(queue, value & <u32>(load<u32>(queue, QUEUE_NUM) != 0), QUEUE_READY);
    return;
  }
  if (load<u32>(queue, QUEUE_READY) != 0) return;
  switch (register) {
    case 0x38:
      store<u32>(queue, value <= QUEUE_MAX && popcnt(value) == 1 ? value : 0, QUEUE_NUM);
      break;
    case 0x80:
    case 0x84:
      store<u32>(queue + (register & 4), value, QUEUE_DESC);
      break;
    case 0x90:
    case 0x94:
      store<u32>(queue + (register & 4), value, QUEUE_DRIVER);
      break;
    case 0xa0:
    case 0xa4:
      store<u32>(queue + (register & 4), value, QUEUE_DEVICE);
      break;
  }
}

function notified(slot: u32, queue: u32): void {
  if (slot == VIRTIO_CONSOLE_SLOT) consoleNotified(queue);
  else rngNotified();
}
