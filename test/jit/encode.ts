/** A few instructions, and pages of them, for tests that need no more. RISC-V Unprivileged Architecture, "RV32I Base Instruction Set". */

/** addi a0, a0, 1 */
export const ADDI = 0x00150513;
/** jalr x0, 0(ra) */
export const RETURN = 0x00008067;

/** jal rd, delta */
export function jump(rd: number, delta: number): number {
  const imm = ((delta >> 20) & 1) * 2 ** 31 + (((delta >> 1) & 0x3ff) << 21) + (((delta >> 11) & 1) << 20) + (((delta >> 12) & 0xff) << 12);
  return imm + (rd << 7) + 0x6f;
}

/** bne a1, x0, delta */
export function branchNotEqual(delta: number): number {
  const high = ((delta >> 12) & 1) * 2 ** 31 + (((delta >> 5) & 0x3f) << 25);
  const low = (((delta >> 1) & 15) << 8) + (((delta >> 11) & 1) << 7);
  return high + (11 << 15) + (1 << 12) + low + 0x63;
}

/** 32-bit words from the beginning of a page on. */
export function pageOf(words: readonly number[]): Uint8Array {
  const page = new Uint8Array(4096);
  const view = new DataView(page.buffer);
  for (const [index, word] of words.entries()) view.setUint32(index * 4, word, true);
  return page;
}
