/**
 * virtio console (device 3), one port: the guest's `hvc0`, a second way to the VM's one console (devices/console.ts).
 *
 * Output is taken where the guest notifies, before its next instruction: between two instructions, but not in the middle of
 * one, because it may be more than the console's ring holds and must be read by the host meanwhile. Input is put into the
 * buffers of the receive queue as it comes, while this port has the keyboard.
 *
 * The configuration has the size of the terminal, which a client of the console tells in an epoch's inputs. The driver is told
 * when it is another one, and when it comes and there is one: Linux passes it on to whoever runs on `hvc0` (SIGWINCH). The UART
 * has no such thing.
 *
 * That output was taken, the guest is told at most every 0.2 s. Linux has always seen it by then, since it looks for it with
 * interrupts off, and takes an interrupt with nothing to do for one that nobody cared about: after 100,000 of them with no
 * more than 0.1 s in between it disables the line. (virtio sets no time for it)
 */
import { VIRTIO_CONSOLE_SLOT } from "../../isa/memory-map";
import { CONSOLE_END, CONSOLE_SIZE } from "../layout";
import { clockAt } from "./clint";
import { consoleAppend, consoleWrite, hasKeyboard, inputWaiting, takeInput, takeKeyboard, UART_PORT, VIRTIO_PORT } from "./console";
import { uartUpdate } from "./uart";
import { configInterrupt, isLive, needsReset, ownState, queueAt, takesFeature, usedInterrupt } from "./virtio-mmio";
import {
  beforeDeviceWrite, bufferAt, bufferLength, buffers, BROKEN, complete, EMPTY, nextChain, QUEUE_READY, readable, readBuffers, writable,
} from "./virtqueue";

export const CONSOLE_DEVICE: u32 = 3;
/** VIRTIO_CONSOLE_F_SIZE */
const SIZE: u64 = 1 << 0;
/** With VIRTIO_CONSOLE_F_EMERG_WRITE. */
export const CONSOLE_FEATURES: u64 = SIZE | (1 << 2);
export const CONSOLE_QUEUES: u32 = 2;

const RECEIVE: u32 = 0;
const TRANSMIT: u32 = 1;
const EMERGENCY_WRITE: u32 = 8;

/**
 * A chain with more output than this is broken: with a full queue of such, a notification is 512 KiB, which whoever holds the
 * output for those who have to acknowledge it must have room for. Linux sends at most a page on a terminal, 32 KiB on a port.
 */
const CHAIN_MAX: u64 = 32 * 1024;

/** Ticks of guest time between two interrupts for output that was taken. */
const TELLING_TICKS: u64 = 2_000_000;

/** u32, 1: output was announced and is not taken yet. */
function announced(): u32 {
  return ownState(VIRTIO_CONSOLE_SLOT);
}

/** u32, 1: output was taken, and the guest is to be told. */
function untold(): u32 {
  return ownState(VIRTIO_CONSOLE_SLOT) + 4;
}

/** u64: clock time before which it is not. */
function tellingTime(): u32 {
  return ownState(VIRTIO_CONSOLE_SLOT) + 8;
}

/** Ticks of guest time until the guest is told; 0: now; u64.MAX: there is nothing to tell. */
export function ticksToTelling(instant: u64): u64 {
  if (load<u32>(untold()) == 0) return u64.MAX_VALUE;
  const clock = clockAt(instant);
  const due = load<u64>(tellingTime());
  return due <= clock ? 0 : due - clock;
}

export function tellSent(instant: u64): void {
  store<u32>(untold(), 0);
  store<u64>(tellingTime(), clockAt(instant) + TELLING_TICKS);
  usedInterrupt(VIRTIO_CONSOLE_SLOT);
}

export function consoleNotified(queue: u32): void {
  if (queue == TRANSMIT) store<u32>(announced(), 1);
  else receive();
}

export function consoleReset(): void {
  takeKeyboard(UART_PORT);
}

/** The terminal has this size now. */
export function resizeConsole(cols: u32, rows: u32): void {
  const size = cols | (rows << 16);
  if (load<u32>(CONSOLE_SIZE) == size) return;
  store<u32>(CONSOLE_SIZE, size);
  store<u32>(CONSOLE_SIZE, load<u32>(CONSOLE_SIZE, 4) + 1, 4);
  tellSize();
}

/** The driver is there: it knows of no change before. */
export function tellSize(): void {
  if (load<u32>(CONSOLE_SIZE) == 0 || !isLive(VIRTIO_CONSOLE_SLOT) || !takesFeature(VIRTIO_CONSOLE_SLOT, SIZE)) return;
  configInterrupt(VIRTIO_CONSOLE_SLOT);
}

/** Whether output was announced and not taken yet: nobody may look at the machine now, it is in the middle of an instant. */
export function transmitting(): bool {
  return load<u32>(announced()) != 0;
}

/**
 * Takes the output that was announced.
 *
 * @param limit stop where the console has come to so many bytes; a chain more is possible
 * @returns false: stopped, call again before the next instruction
 */
export function transmit(limit: u64): bool {
  const queue = queueAt(VIRTIO_CONSOLE_SLOT, TRANSMIT);
  while (load<u32>(announced()) != 0) {
    if (load<u64>(CONSOLE_END) >= limit) break;
    const found = nextChain(queue);
    if (found == EMPTY) store<u32>(announced(), 0);
    else if (found == BROKEN || readable > CHAIN_MAX) giveUp();
    else {
      for (let i: u32 = 0; i < readBuffers(); i++) consoleAppend(bufferAt(i), bufferLength(i));
      const sent = readable != 0;
      if (complete(queue, 0)) store<u32>(untold(), 1);
      if (sent && load<u32>(queueAt(VIRTIO_CONSOLE_SLOT, RECEIVE), QUEUE_READY) != 0) takeKeyboard(VIRTIO_PORT);
    }
  }
  return load<u32>(announced()) == 0;
}

/** Puts waiting input into the guest's buffers, where this port has the keyboard. */
export function receive(): void {
  if (!hasKeyboard(VIRTIO_PORT) || !isLive(VIRTIO_CONSOLE_SLOT)) return;
  const queue = queueAt(VIRTIO_CONSOLE_SLOT, RECEIVE);
  let interrupts = false;
  while (inputWaiting() != 0) {
    const found = nextChain(queue);
    if (found == EMPTY) break;
    if (found == BROKEN || writable == 0) {
      giveUp();
      break;
    }
    let written: u32 = 0;
    for (let i = readBuffers(); i < buffers() && inputWaiting() != 0; i++) {
      const part = min(inputWaiting(), bufferLength(i));
      beforeDeviceWrite(bufferAt(i), part);
      takeInput(bufferAt(i), part);
      written += part;
    }
    if (complete(queue, written)) interrupts = true;
  }
  if (interrupts) usedInterrupt(VIRTIO_CONSOLE_SLOT);
  uartUpdate();
}

function giveUp(): void {
  store<u32>(announced(), 0);
  store<u32>(untold(), 0);
  needsReset(VIRTIO_CONSOLE_SLOT);
  takeKeyboard(UART_PORT);
}

/** Columns, rows, one port; whatever else there is reads 0. The access is aligned. */
export function consoleConfigRead(offset: u32, size: u32): u32 {
  if (offset >= 4) return offset == 4 && size == 4 ? 1 : 0;
  const word = load<u32>(CONSOLE_SIZE) >> (offset << 3);
  return size == 4 ? word : word & ((1 << (size << 3)) - 1);
}

/** It moves with every change of the configuration. */
export function consoleConfigGeneration(): u32 {
  return load<u32>(CONSOLE_SIZE, 4);
}

export function consoleConfigWrite(offset: u32, size: u32, value: u32): void {
  if (offset == EMERGENCY_WRITE && size == 4) consoleWrite(value & 0xff);
}
