/**
 * 16550A UART: the first port to the guest's console (devices/console.ts).
 *
 * Output is never busy: a byte stored to THR is in the console's output at once. Input comes from the input queue, which is
 * filled at epoch starts only; the receive FIFO the guest sees is that queue. So no time passes between characters: what is
 * below the FIFO's trigger level has already timed out, and interrupts with the identification that says so. In loopback the
 * port is disconnected from the console: what the guest sends comes back to it, and input waits outside.
 *
 * A SysRq key is a break and the key after it, as somebody at a serial terminal gives it. It arrives whoever has the keyboard, before
 * input that waits.
 */
import { UART_INTERRUPT } from "../../isa/memory-map";
import { UART } from "../layout";
import { consoleRead, consoleWrite, hasKeyboard, inputWaiting, takeKeyboard, UART_PORT } from "./console";
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

/** SysRq keys that the guest has not read: how many, up to 8 of them, and 1: the break of the first was read. */
const SYSRQ_COUNT: u32 = UART + 32;
const SYSRQ_KEYS: u32 = UART + 33;
const SYSRQ_BROKEN: u32 = UART + 41;

const SYSRQ_MAX: u32 = 8;
const LOOPED_MAX: u32 = 16;
const MCR_LOOP: u32 = 0x10;
const IER_RECEIVED: u8 = 1;
/** What of FCR is kept: FIFOs on, and the receiver's trigger level. */
const FCR_FIFO: u32 = 1;
const FCR_KEPT: u32 = 0xc1;
const LSR_BREAK: u32 = 0x10;
const IIR_RECEIVED: u32 = 0x04;
const IIR_TIMEOUT: u32 = 0x0c;

function loopback(): bool {
  return (load<u8>(MCR) & MCR_LOOP) != 0;
}

function sysRqWaits(): bool {
  return load<u8>(SYSRQ_COUNT) != 0 && !loopback();
}

/** Somebody gives a break and `key` at the terminal; lost where the guest has read none of the 8 before. */
export function uartSysRq(key: u32): void {
  const count = load<u8>(SYSRQ_COUNT);
  if (<u32>count == SYSRQ_MAX) return;
  store<u8>(SYSRQ_KEYS + <u32>count, <u8>key);
  store<u8>(SYSRQ_COUNT, count + 1);
  uartUpdate();
}

/** Reads a break as 0, then its key. */
function receiveSysRq(): u32 {
  if (load<u8>(SYSRQ_BROKEN) == 0) {
    store<u8>(SYSRQ_BROKEN, 1);
    return 0;
  }
  const key = load<u8>(SYSRQ_KEYS);
  memory.copy(SYSRQ_KEYS, SYSRQ_KEYS + 1, SYSRQ_MAX - 1);
  store<u8>(SYSRQ_KEYS + SYSRQ_MAX - 1, 0);
  store<u8>(SYSRQ_COUNT, load<u8>(SYSRQ_COUNT) - 1);
  store<u8>(SYSRQ_BROKEN, 0);
  return key;
}

function inputAvailable(): bool {
  return received() != 0;
}

/** Bytes in the receive FIFO. */
function received(): u32 {
  return <u32>load<u8>(LOOPED) + (sysRqWaits() ? 1 : 0) + (loopback() || !hasKeyboard(UART_PORT) ? 0 : inputWaiting());
}

/** Identification of received data: at the trigger level, or less than that and no more coming. */
function receivedIdentification(): u32 {
  const fcr = <u32>load<u8>(FCR);
  if ((fcr & FCR_FIFO) == 0) return IIR_RECEIVED;
  const level = fcr >> 6;
  const trigger: u32 = level == 0 ? 1 : level == 1 ? 4 : level == 2 ? 8 : 14;
  return received() >= trigger ? IIR_RECEIVED : IIR_TIMEOUT;
}

/** Reads RBR: 0 where nothing was received. */
function receive(): u32 {
  const looped = load<u8>(LOOPED);
  if (looped == 0) {
    if (sysRqWaits()) return receiveSysRq();
    const byte = loopback() || !hasKeyboard(UART_PORT) ? -1 : consoleRead();
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
      const fifo: u32 = (load<u8>(FCR) & <u8>FCR_FIFO) != 0 ? 0xc0 : 0;
      const ier = load<u8>(IER);
      if ((ier & 1) != 0 && inputAvailable()) value = receivedIdentification() | fifo;
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
      return 0x60 | (inputAvailable() ? 1 : 0) | (sysRqWaits() && load<u8>(LOOPED) == 0 && load<u8>(SYSRQ_BROKEN) == 0 ? LSR_BREAK : 0);
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
      else {
        consoleWrite(value);
        if ((load<u8>(IER) & IER_RECEIVED) != 0) takeKeyboard(UART_PORT);
      }
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
      store<u8>(FCR, <u8>(value & FCR_KEPT));
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
