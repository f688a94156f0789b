/**
 * The VM's console: one numbered stream of output, one queue of input, and two ports to both, the UART and the virtio console.
 *
 * What the guest sends through either port is appended to the one stream, in the order of its instructions, so that byte N is
 * the same byte on every replica and whoever reads the stream has missed nothing, whichever port the guest prefers.
 *
 * Input goes to the port that has the keyboard. The UART has it at first. The virtio console takes it with output; the UART
 * takes it back with output that it is sent while its receive interrupt is enabled, which is when a program has that terminal
 * open: the kernel's own messages are sent with interrupts off, and leave the keyboard where it is. A virtio console that is
 * reset loses it. So whoever prompts is whom the next line goes to, and a driver that merely is there takes nothing away.
 * SBI's console calls read the queue whoever has the keyboard.
 */
import { CONSOLE_END, CONSOLE_RING, CONSOLE_RING_SIZE, INPUT_HEAD, INPUT_RING, INPUT_RING_SIZE, INPUT_TAIL, KEYBOARD } from "../layout";
import { markDirty } from "../ram";
import { uartUpdate } from "./uart";
import { receive } from "./virtio-console";

export const UART_PORT: u64 = 0;
export const VIRTIO_PORT: u64 = 1;

export function hasKeyboard(port: u64): bool {
  return load<u64>(KEYBOARD) == port;
}

export function takeKeyboard(port: u64): void {
  if (hasKeyboard(port)) return;
  store<u64>(KEYBOARD, port);
  inputChanged();
}

/** Input came, or goes elsewhere now: the ports look at it. */
export function inputChanged(): void {
  receive();
  uartUpdate();
}

/** Bytes of input that nobody has read. */
export function inputWaiting(): u32 {
  return <u32>(load<u64>(INPUT_HEAD) - load<u64>(INPUT_TAIL));
}

/** Takes a byte of input, or -1. */
export function consoleRead(): i32 {
  if (inputWaiting() == 0) return -1;
  const tail = load<u64>(INPUT_TAIL);
  store<u64>(INPUT_TAIL, tail + 1);
  return load<u8>(INPUT_RING + (<u32>tail & (INPUT_RING_SIZE - 1)));
}

/** Takes `length` bytes of input, which are there, to a linear address. */
export function takeInput(to: u32, length: u32): void {
  const tail = load<u64>(INPUT_TAIL);
  const from = <u32>tail & (INPUT_RING_SIZE - 1);
  const first = min(length, INPUT_RING_SIZE - from);
  memory.copy(to, INPUT_RING + from, first);
  memory.copy(to + first, INPUT_RING, length - first);
  store<u64>(INPUT_TAIL, tail + length);
}

/** Appends a byte to the output. */
export function consoleWrite(byte: u32): void {
  const end = load<u64>(CONSOLE_END);
  const at = CONSOLE_RING + (<u32>end & (CONSOLE_RING_SIZE - 1));
  store<u8>(at, <u8>byte);
  markDirty(at);
  store<u64>(CONSOLE_END, end + 1);
}

/** Appends bytes from a linear address; they are no more than the ring has. */
export function consoleAppend(from: u32, length: u32): void {
  const end = load<u64>(CONSOLE_END);
  for (let done: u32 = 0; done < length; ) {
    const at = CONSOLE_RING + ((<u32>end + done) & (CONSOLE_RING_SIZE - 1));
    const part = min(length - done, 4096 - (at & 4095));
    memory.copy(at, from + done, part);
    markDirty(at);
    done += part;
  }
  store<u64>(CONSOLE_END, end + length);
}
