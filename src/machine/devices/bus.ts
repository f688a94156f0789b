/** The physical address map of devices: who answers an access that is not RAM. A width a device does not have is refused. */
import {
  CLINT_BASE, CLINT_SIZE, FINISHER_BASE, FINISHER_SIZE, PLIC_BASE, PLIC_SIZE, UART_BASE, UART_SIZE,
} from "../../isa/memory-map";
import { clintRead, clintWrite } from "./clint";
import { finisherWrite } from "./finisher";
import { plicRead, plicWrite } from "./plic";
import { uartRead, uartWrite } from "./uart";

/** Set by `deviceRead`: nobody is there, or not in that width. */
export let accessRefused: bool = false;

export function deviceRead(address: u64, size: u32): u64 {
  accessRefused = false;
  if (within(address, UART_BASE, UART_SIZE) && size == 1) return uartRead(<u32>(address - UART_BASE));
  if (within(address, PLIC_BASE, PLIC_SIZE) && size == 4) return plicRead(<u32>(address - PLIC_BASE));
  if (within(address, CLINT_BASE, CLINT_SIZE) && size >= 4) return clintRead(<u32>(address - CLINT_BASE), size);
  if (within(address, FINISHER_BASE, FINISHER_SIZE)) return 0;
  accessRefused = true;
  return 0;
}

/** @returns false where nobody takes the access */
export function deviceWrite(address: u64, size: u32, value: u64): bool {
  if (within(address, UART_BASE, UART_SIZE) && size == 1) uartWrite(<u32>(address - UART_BASE), <u32>value & 0xff);
  else if (within(address, PLIC_BASE, PLIC_SIZE) && size == 4) plicWrite(<u32>(address - PLIC_BASE), <u32>value);
  else if (within(address, CLINT_BASE, CLINT_SIZE) && size >= 4) clintWrite(<u32>(address - CLINT_BASE), size, value);
  else if (within(address, FINISHER_BASE, FINISHER_SIZE)) finisherWrite(<u32>(address - FINISHER_BASE), <u32>value);
  else return false;
  return true;
}

function within(address: u64, base: u64, size: u64): bool {
  return address - base < size;
}
