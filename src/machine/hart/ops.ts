/**
 * What a decoded entry can be. The interpreter switches over these numbers, so they are dense.
 *
 * Entry, 8 bytes: op u8 @0, rd slot u8 @1, rs1 slot u8 @2, rs2 slot u8 @3 (slots: layout.ts), imm i32 @4. An entry stands
 * for a halfword of code. The length of an instruction is part of its op (names with C are compressed), so that where the
 * next entry is never waits for a load.
 */
export const enum Op {
  Decode = 0, // not decoded yet
  Straddle, // crosses into the next page
  PageEnd, // behind the last entry of a page
  Illegal, // imm = the instruction's bits
  LoadImmediate, // lui
  Auipc,
  Jal, // in page: imm = entry delta
  JalFar, // imm = byte offset
  Jump, // jal x0 or c.j, in page
  JumpFar,
  Jalr, JalrFar, // the second never looks whether its target is near
  Beq, Bne, Blt, Bge, Bltu, Bgeu, // in page: imm = entry delta
  BeqFar, BneFar, BltFar, BgeFar, BltuFar, BgeuFar, // imm = byte offset
  Lb, Lh, Lw, Ld, Lbu, Lhu, Lwu,
  Sb, Sh, Sw, Sd,
  Addi, Slti, Sltiu, Xori, Ori, Andi, Slli, Srli, Srai,
  Add, Sub, Sll, Slt, Sltu, Xor, Srl, Sra, Or, And,
  Addiw, Slliw, Srliw, Sraiw, Addw, Subw, Sllw, Srlw, Sraw,
  Mul, Mulh, Mulhsu, Mulhu, Div, Divu, Rem, Remu,
  Mulw, Divw, Divuw, Remw, Remuw,
  AddUw, Sh1add, Sh2add, Sh3add, Sh1addUw, Sh2addUw, Sh3addUw, SlliUw, // Zba
  Andn, Orn, Xnor, Min, Minu, Max, Maxu, Rol, Ror, Rolw, Rorw, Rori, Roriw, // Zbb
  Clz, Ctz, Cpop, SextB, SextH, ZextH, OrcB, Rev8, Clzw, Ctzw, Cpopw,
  Bclr, Bext, Binv, Bset, Bclri, Bexti, Binvi, Bseti, // Zbs
  Fence, FenceI,
  Cbo, // imm = the instruction's bits
  Ecall, Ebreak, Mret, Sret, Wfi, SfenceVma,
  Csr, // imm = the instruction's bits
  Amo, // imm = funct5, and the size in bytes << 8
  Float, // imm = the instruction's bits
  Flw, Fld, Fsw, Fsd,
  // compressed
  CLoadImmediate, CJalr, CJalrFar, CBeq, CBne, CBeqFar, CBneFar,
  CLw, CLd, CSw, CSd, CFld, CFsd,
  CAddi, CAndi, CSlli, CSrli, CSrai,
  CAdd, CSub, CXor, COr, CAnd,
  CAddiw, CAddw, CSubw,
  CEbreak, CIllegal,
  // translated
  Enter, // a region begins here: its entry u16 @2, imm = its number
}
