/** RISC-V instruction formats: fields into bits. Immediates are signed byte offsets or values; nothing checks their range. */
export const rType = (opcode: number, funct3: number, funct7: number, rd: number, rs1: number, rs2: number): number =>
  ((funct7 << 25) | (rs2 << 20) | (rs1 << 15) | (funct3 << 12) | (rd << 7) | opcode) >>> 0;

export const iType = (opcode: number, funct3: number, rd: number, rs1: number, imm: number): number =>
  ((imm << 20) | (rs1 << 15) | (funct3 << 12) | (rd << 7) | opcode) >>> 0;

export const sType = (opcode: number, funct3: number, rs1: number, rs2: number, imm: number): number =>
  (((imm >> 5) << 25) | (rs2 << 20) | (rs1 << 15) | (funct3 << 12) | ((imm & 31) << 7) | opcode) >>> 0;

export const branch = (funct3: number, rs1: number, rs2: number, offset: number): number =>
  ((((offset >> 12) & 1) << 31) |
    (((offset >> 5) & 63) << 25) |
    (rs2 << 20) |
    (rs1 << 15) |
    (funct3 << 12) |
    (((offset >> 1) & 15) << 8) |
    (((offset >> 11) & 1) << 7) |
    0x63) >>>
  0;

export const jal = (rd: number, offset: number): number =>
  ((((offset >> 20) & 1) << 31) |
    (((offset >> 1) & 0x3ff) << 21) |
    (((offset >> 11) & 1) << 20) |
    (((offset >> 12) & 0xff) << 12) |
    (rd << 7) |
    0x6f) >>>
  0;

export const addi = (rd: number, rs1: number, imm: number): number => iType(0x13, 0, rd, rs1, imm);
export const slli = (rd: number, rs1: number, amount: number): number => iType(0x13, 1, rd, rs1, amount);
export const add = (rd: number, rs1: number, rs2: number): number => rType(0x33, 0, 0, rd, rs1, rs2);
export const lui = (rd: number, upper: number): number => ((upper << 12) | (rd << 7) | 0x37) >>> 0;
export const auipc = (rd: number, upper: number): number => ((upper << 12) | (rd << 7) | 0x17) >>> 0;
export const jalr = (rd: number, rs1: number, imm: number): number => iType(0x67, 0, rd, rs1, imm);

export const CSRRW = 1;
export const CSRRS = 2;
export const CSRRC = 3;
/** The immediate forms. */
export const CSR_IMMEDIATE = 4;
export const csr = (funct3: number, rd: number, number: number, source: number): number => iType(0x73, funct3, rd, source, number);

export const ECALL = 0x0000_0073;
export const EBREAK = 0x0010_0073;
export const SRET = 0x1020_0073;
export const WFI = 0x1050_0073;
export const MRET = 0x3020_0073;
export const FENCE_I = 0x0000_100f;
export const SFENCE_VMA = 0x1200_0073;

/** A register becomes a value of 32 bits, sign-extended: one or two instructions. */
export function loadImmediate(rd: number, value: number): number[] {
  const low = (value << 20) >> 20;
  const upper = ((value - low) >>> 12) & 0xfffff;
  if (upper === 0) return [addi(rd, 0, low)];
  return [lui(rd, upper), iType(0x1b, 0, rd, rd, low)];
}

/** c.j */
export const compressedJump = (offset: number): number =>
  0xa001 |
  (((offset >> 11) & 1) << 12) |
  (((offset >> 4) & 1) << 11) |
  (((offset >> 8) & 3) << 9) |
  (((offset >> 10) & 1) << 8) |
  (((offset >> 6) & 1) << 7) |
  (((offset >> 7) & 1) << 6) |
  (((offset >> 1) & 7) << 3) |
  (((offset >> 5) & 1) << 2);

/** c.beqz and c.bnez; `short`: the register less 8 */
export const compressedBranch = (nonzero: boolean, short: number, offset: number): number =>
  (nonzero ? 0xe001 : 0xc001) |
  (((offset >> 8) & 1) << 12) |
  (((offset >> 3) & 3) << 10) |
  (short << 7) |
  (((offset >> 6) & 3) << 5) |
  (((offset >> 1) & 3) << 3) |
  (((offset >> 5) & 1) << 2);
