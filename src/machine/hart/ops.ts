/**
 * What a decoded entry can be. The interpreter switches over these numbers, so they are dense.
 *
 * Entry, 16 bytes: op u16 @0, rd slot u16 @2, rs1 slot u16 @4, rs2 slot u16 @6, imm i32 @8, length in entry bytes u16 @12
 * (16 for a compressed instruction, 32 otherwise), extra u16 @14 (rounding mode, rs3, access size).
 * Slots are addresses of registers in linear memory; x0 as a destination is X0_SINK.
 */
export const enum Op {
  Decode = 0, // not decoded yet
  Straddle, // crosses into the next page
  PageEnd, // the entry after the last one of a page
  Illegal, // imm = the instruction's bits
  LoadImmediate, // lui, c.li
  Auipc,
  Jal, // in page: imm = entry delta
  JalFar, // imm = byte offset
  Jump, // jal x0, in page
  Jalr,
  Beq, Bne, Blt, Bge, Bltu, Bgeu, // in page: imm = entry delta
  BeqFar, BneFar, BltFar, BgeFar, BltuFar, BgeuFar, // imm = byte offset
  Lb, Lh, Lw, Ld, Lbu, Lhu, Lwu,
  Sb, Sh, Sw, Sd,
  Addi, Slti, Sltiu, Xori, Ori, Andi, Slli, Srli, Srai,
  Add, Sub, Sll, Slt, Sltu, Xor, Srl, Sra, Or, And,
  Addiw, Slliw, Srliw, Sraiw, Addw, Subw, Sllw, Srlw, Sraw,
  Mul, Mulh, Mulhsu, Mulhu, Div, Divu, Rem, Remu,
  Mulw, Divw, Divuw, Remw, Remuw,
  Fence, FenceI,
  Ecall, Ebreak, Mret, Sret, Wfi, SfenceVma,
  Csr, // imm = CSR number, extra = funct3; rs1 slot, or its 5-bit field in the immediate forms
  Amo, // imm = funct5, extra = size in bytes
  FloatLoad, // extra = size
  FloatStore,
  Float, // imm = the instruction's bits
}
