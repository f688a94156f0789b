/** What a machine may have. A Debian 13 riscv64 kernel with its initramfs does not come up below the minimum. */
export const MINIMUM_MEMORY_MIB = 96;
export const MAXIMUM_MEMORY_MIB = 2048;
