/**
 * 16550A UART: the guest's console.
 *
 * Output is never busy: a byte stored to THR is in the console ring at once, numbered by CONSOLE_END. Input comes from the
 * input queue, which is filled at epoch starts only; the receive FIFO the guest sees is that queue. In loopback it is
 * disconnected from both: what the guest sends comes back to it, and the console's input waits outside.
 */
import { UART_INTERRUPT } from "../../isa/memory-map";
import {
  CONSOLE_END, CONSOLE_RING, CONSOLE_RING_SIZE, INPUT_HEAD, INPUT_RING, INPUT_RING_SIZE, INPUT_TAIL, UART,
} from "../layout";
import { markDirty } from "../ram";
import { plicSetLevel } from "./plic";

const IER: u32 = UART;
const FCR: u32 = UART + 1;
const LCR: u32 = UART + 2;
const MCR: u32 = UART + 3;
const SCR: u32 = UART + 4;
const DLL: u32 = UART + 5;
const DLM: u32 = UART + 6;
/** 1: the transmitter became empty and nobody has seen it in IIR yet. */
const THRE_PENDING: u32 = UART + 7;
/** Bytes that loopback has sent back and the guest has not read: how many, and up to 16 of them. */
const LOOPED: u32 = UART + 8;
const LOOPED_BYTES: u32 = UART + 9;

const LOOPED_MAX: u32 = 16;
const MCR_LOOP: u32 = 0x10;

function loopback(): bool {
  return (load<u8>(MCR) & MCR_LOOP) != 0;
}

function inputAvailable(): bool {
  return load<u8>(LOOPED) != 0 || (!loopback() && load<u64>(INPUT_HEAD) != load<u64>(INPUT_TAIL));
}

/** Reads RBR: 0 where nothing was received. */
function receive(): u32 {
  const looped = load<u8>(LOOPED);
  if (looped == 0) {
    const byte = loopback() ? -1 : consoleRead();
    return byte < 0 ? 0 : byte;
  }
  const byte = load<u8>(LOOPED_BYTES);
  memory.copy(LOOPED_BYTES, LOOPED_BYTES + 1, LOOPED_MAX - 1);
  store<u8>(LOOPED_BYTES + LOOPED_MAX - 1, 0);
  store<u8>(LOOPED, looped - 1);
  return byte;
}

function sendBack(byte: u32): void {
  const looped = load<u8>(LOOPED);
  if (<u32>looped == LOOPED_MAX) return; // overrun
  store<u8>(LOOPED_BYTES + <u32>looped, <u8>byte);
  store<u8>(LOOPED, looped + 1);
}

/** Drives the interrupt line from the registers; after each change of them. */
export function uartUpdate(): void {
  const ier = load<u8>(IER);
  plicSetLevel(UART_INTERRUPT, ((ier & 1) != 0 && inputAvailable()) || ((ier & 2) != 0 && load<u8>(THRE_PENDING) != 0));
}

/** Appends a byte to the console's output. */
export function consoleWrite(byte: u32): void {
  const end = load<u64>(CONSOLE_END);
  const at = CONSOLE_RING + (<u32>end & (CONSOLE_RING_SIZE - 1));
  store<u8>(at, <u8>byte);
  markDirty(at);
  store<u64>(CONSOLE_END, end + 1);
}

/** Takes a byte of console input, or -1. */
export function consoleRead(): i32 {
  const tail = load<u64>(INPUT_TAIL);
  if (tail == load<u64>(INPUT_HEAD)) return -1;
  const byte = load<u8>(INPUT_RING + (<u32>tail & (INPUT_RING_SIZE - 1)));
  store<u64>(INPUT_TAIL, tail + 1);
  return byte;
}

export function uartRead(offset: u32): u64 {
  const dlab = (load<u8>(LCR) & 0x80) != 0;
  let value: u32 = 0;
  switch (offset) {
    case 0:
      if (dlab) return load<u8>(DLL);
      value = receive();
      break;
    case 1:
      return dlab ? load<u8>(DLM) : load<u8>(IER);
    case 2: {
      const fifo: u32 = (load<u8>(FCR) & 1) != 0 ? 0xc0 : 0;
      const ier = load<u8>(IER);
      if ((ier & 1) != 0 && inputAvailable()) value = 0x04 | fifo;
      else if ((ier & 2) != 0 && load<u8>(THRE_PENDING) != 0) {
        value = 0x02 | fifo;
        store<u8>(THRE_PENDING, 0);
      } else value = 0x01 | fifo;
      break;
    }
    case 3:
      return load<u8>(LCR);
    case 4:
      return load<u8>(MCR);
    case 5:
      return 0x60 | (inputAvailable() ? 1 : 0);
    case 6: {
      const mcr = load<u8>(MCR);
      // In loopback the modem lines show the control register's: how the driver tells a 16550A.
      if ((mcr & MCR_LOOP) != 0) return ((mcr & 1) << 5) | ((mcr & 2) << 3) | ((mcr & 4) << 4) | ((mcr & 8) << 4);
      return 0xb0; // DCD, DSR, CTS
    }
    case 7:
      return load<u8>(SCR);
  }
  uartUpdate();
  return value;
}

export function uartWrite(offset: u32, value: u32): void {
  const dlab = (load<u8>(LCR) & 0x80) != 0;
  switch (offset) {
    case 0:
      if (dlab) {
        store<u8>(DLL, <u8>value);
        return;
      }
      if (loopback()) sendBack(value);
      else consoleWrite(value);
      store<u8>(THRE_PENDING, 1);
      break;
    case 1:
      if (dlab) {
        store<u8>(DLM, <u8>value);
        return;
      }
      // Enabling the transmitter's interrupt while it is empty raises it.
      if ((value & 2) != 0 && (load<u8>(IER) & 2) == 0) store<u8>(THRE_PENDING, 1);
      store<u8>(IER, <u8>(value & 0x0f));
      break;
    case 2:
      // A FIFO reset takes only what was looped back: what is queued has not arrived in the FIFO yet, and acknowledged input
      // is never lost.
      store<u8>(FCR, <u8>(value & 1));
      if ((value & 2) != 0) memory.fill(LOOPED, 0, LOOPED_MAX + 1);
      break;
    case 3:
      store<u8>(LCR, <u8>value);
      return;
    case 4:
      store<u8>(MCR, <u8>(value & 0x1f));
      break;
    case 7:
      store<u8>(SCR, <u8>value);
      return;
    default:
      return;
  }
  uartUpdate();
}
