/** Physical addresses of QEMU's `virt` board, as far as this machine has its devices. */
export const FINISHER_BASE = 0x0010_0000;
export const FINISHER_SIZE = 0x1000;
export const RTC_BASE = 0x0010_1000;
export const RTC_SIZE = 0x1000;
/** Of it, what has registers. */
export const RTC_REGISTERS_SIZE = 0x24;
export const RTC_INTERRUPT = 11;
export const CLINT_BASE = 0x0200_0000;
export const CLINT_SIZE = 0x1_0000;
export const PLIC_BASE = 0x0c00_0000;
export const PLIC_SIZE = 0x60_0000;
export const UART_BASE = 0x1000_0000;
export const UART_SIZE = 0x100;
export const UART_INTERRUPT = 10;
/** virtio-mmio transports: slot n is at VIRTIO_BASE + n * VIRTIO_STRIDE and interrupts with VIRTIO_INTERRUPT + n. */
export const VIRTIO_BASE = 0x1000_1000;
export const VIRTIO_STRIDE = 0x1000;
export const VIRTIO_SIZE = 0x200;
export const VIRTIO_SLOTS = 8;
export const VIRTIO_INTERRUPT = 1;
/** Which slot has which device; the others are empty. */
export const VIRTIO_CONSOLE_SLOT = 0;
export const VIRTIO_RNG_SLOT = 1;
export const PLIC_SOURCES = 96;
export const RAM_BASE = 0x8000_0000;
/** Where a flat kernel Image is put: 2 MiB above RAM's start (its header's text_offset). */
export const KERNEL_BASE = 0x8020_0000;

/** Values the guest stores to the finisher. */
export const FINISHER_POWEROFF = 0x5555;
export const FINISHER_REBOOT = 0x7777;
export const FINISHER_FAIL = 0x3333;
