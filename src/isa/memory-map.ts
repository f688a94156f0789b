/** Physical addresses of QEMU's `virt` board, as far as this machine has its devices. */
export const FINISHER_BASE = 0x0010_0000;
export const FINISHER_SIZE = 0x1000;
export const CLINT_BASE = 0x0200_0000;
export const CLINT_SIZE = 0x1_0000;
export const PLIC_BASE = 0x0c00_0000;
export const PLIC_SIZE = 0x60_0000;
export const UART_BASE = 0x1000_0000;
export const UART_SIZE = 0x100;
export const UART_INTERRUPT = 10;
export const PLIC_SOURCES = 96;
export const RAM_BASE = 0x8000_0000;
/** Where a flat kernel Image is put: 2 MiB above RAM's start (its header's text_offset). */
export const KERNEL_BASE = 0x8020_0000;

/** Values the guest stores to the finisher. */
export const FINISHER_POWEROFF = 0x5555;
export const FINISHER_REBOOT = 0x7777;
export const FINISHER_FAIL = 0x3333;
