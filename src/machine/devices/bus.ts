/** The physical address map of devices: who answers an access that is not RAM. A width a device does not have is refused. */
import {
  CLINT_BASE, CLINT_SIZE, FINISHER_BASE, FINISHER_SIZE, PLIC_BASE, PLIC_SIZE, RTC_BASE, RTC_REGISTERS_SIZE, UART_BASE, UART_SIZE,
  VIRTIO_BASE, VIRTIO_SLOTS, VIRTIO_STRIDE,
} from "../../isa/memory-map";
import { clintHas, clintRead, clintWrite } from "./clint";
import { finisherWrite } from "./finisher";
import { plicRead, plicWrite } from "./plic";
import { rtcRead, rtcWrite } from "./rtc";
import { uartRead, uartWrite } from "./uart";
import { virtioHas, virtioRead, virtioWrite } from "./virtio-mmio";

/** Set by `deviceRead`: nobody is there, or not in that width. */
export let accessRefused: bool = false;

const VIRTIO_BYTES: u64 = VIRTIO_SLOTS * VIRTIO_STRIDE;

/** Widths are QEMU's, but that the UART has bytes alone, and virtio registers words. */
export function deviceRead(address: u64, size: u32): u64 {
  accessRefused = false;
  if (within(address, UART_BASE, UART_SIZE) && size == 1) return uartRead(<u32>(address - UART_BASE));
  if (within(address, VIRTIO_BASE, VIRTIO_BYTES) && virtioHas(<u32>(address - VIRTIO_BASE), size)) {
    return virtioRead(<u32>(address - VIRTIO_BASE), size);
  }
  if (within(address, PLIC_BASE, PLIC_SIZE) && size == 4) return plicRead(<u32>(address - PLIC_BASE));
  if (within(address, CLINT_BASE, CLINT_SIZE) && clintHas(<u32>(address - CLINT_BASE), size)) {
    return clintRead(<u32>(address - CLINT_BASE), size);
  }
  if (within(address, RTC_BASE, RTC_REGISTERS_SIZE) && size == 4) return rtcRead(<u32>(address - RTC_BASE));
  if (within(address, FINISHER_BASE, FINISHER_SIZE) && finisherHas(size)) return 0;
  accessRefused = true;
  return 0;
}

/** @returns false where nobody takes the access */
export function deviceWrite(address: u64, size: u32, value: u64): bool {
  if (within(address, UART_BASE, UART_SIZE) && size == 1) uartWrite(<u32>(address - UART_BASE), <u32>value & 0xff);
  else if (within(address, VIRTIO_BASE, VIRTIO_BYTES) && virtioHas(<u32>(address - VIRTIO_BASE), size)) {
    virtioWrite(<u32>(address - VIRTIO_BASE), size, <u32>value);
  } else if (within(address, PLIC_BASE, PLIC_SIZE) && size == 4) plicWrite(<u32>(address - PLIC_BASE), <u32>value);
  else if (within(address, CLINT_BASE, CLINT_SIZE) && clintHas(<u32>(address - CLINT_BASE), size)) {
    clintWrite(<u32>(address - CLINT_BASE), size, value);
  } else if (within(address, RTC_BASE, RTC_REGISTERS_SIZE) && size == 4) rtcWrite(<u32>(address - RTC_BASE), <u32>value);
  else if (within(address, FINISHER_BASE, FINISHER_SIZE) && finisherHas(size)) {
    finisherWrite(<u32>(address - FINISHER_BASE), <u32>value);
  } else return false;
  return true;
}

function finisherHas(size: u32): bool {
  return size == 2 || size == 4;
}

function within(address: u64, base: u64, size: u64): bool {
  return address - base < size;
}
