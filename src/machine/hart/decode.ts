/** Decodes one instruction, compressed or not, into its 8-byte entry (see ops.ts). Unprivileged Architecture, RV64GC. */
import { SLOT_F, SLOT_SINK, SLOT_X } from "../layout";
import { isCacheBlockOperation } from "./cache-block";
import { Op } from "./ops";

function xd(register: u32): u32 {
  return register == 0 ? SLOT_SINK : SLOT_X + register;
}

function xs(register: u32): u32 {
  return SLOT_X + register;
}

function put(entry: u32, op: u32, rd: u32, rs1: u32, rs2: u32, imm: i32): void {
  store<u8>(entry, <u8>op);
  store<u8>(entry, <u8>rd, 1);
  store<u8>(entry, <u8>rs1, 2);
  store<u8>(entry, <u8>rs2, 3);
  store<i32>(entry, imm, 4);
}

/**
 * @param entry where the entry goes
 * @param bits the instruction: low half only where it is compressed
 * @param offset byte offset of the instruction in its page: branches that stay in the page get entry deltas
 */
export function decode(entry: u32, bits: u32, offset: u32): void {
  if ((bits & 3) != 3) {
    decodeCompressed(entry, bits & 0xffff, offset);
  } else {
    decodeFull(entry, bits, offset);
  }
}

/** Decodes an instruction that runs alone: whatever it jumps to counts as far. */
export function decodeAlone(entry: u32, bits: u32): void {
  decode(entry, bits, FAR_AWAY);
  const op = <i32>load<u8>(entry);
  if (op == Op.Jalr) store<u8>(entry, Op.JalrFar);
  else if (op == Op.CJalr) store<u8>(entry, Op.CJalrFar);
}

/** An offset from which no target is in the page. */
const FAR_AWAY: u32 = 0x4000_0000;

function illegal(entry: u32, bits: u32): void {
  put(entry, Op.Illegal, SLOT_SINK, SLOT_X, SLOT_X, bits);
}

/** `far` is the op where the target is on another page. */
function branch(entry: u32, near: u32, far: u32, rs1: u32, rs2: u32, offset: u32, delta: i32): void {
  const target = <i32>offset + delta;
  if (target >= 0 && target < 4096) put(entry, near, SLOT_SINK, xs(rs1), xs(rs2), delta << 2);
  else put(entry, far, SLOT_SINK, xs(rs1), xs(rs2), delta);
}

function jump(entry: u32, rd: u32, offset: u32, delta: i32): void {
  const target = <i32>offset + delta;
  const far = target < 0 || target >= 4096;
  const op: u32 = rd == 0 ? (far ? Op.JumpFar : Op.Jump) : far ? Op.JalFar : Op.Jal;
  put(entry, op, xd(rd), SLOT_X, SLOT_X, far ? delta : delta << 2);
}

function decodeFull(entry: u32, bits: u32, offset: u32): void {
  const opcode = bits & 0x7f;
  const rd = (bits >> 7) & 31;
  const rs1 = (bits >> 15) & 31;
  const rs2 = (bits >> 20) & 31;
  const funct3 = (bits >> 12) & 7;
  const funct7 = bits >> 25;
  const immI = <i32>bits >> 20;
  switch (opcode) {
    case 0x37: // lui
      put(entry, Op.LoadImmediate, xd(rd), SLOT_X, SLOT_X, <i32>(bits & 0xfffff000));
      return;
    case 0x17:
      put(entry, Op.Auipc, xd(rd), SLOT_X, SLOT_X, <i32>(bits & 0xfffff000));
      return;
    case 0x6f: {
      const imm = ((<i32>bits >> 31) << 20) | <i32>((bits & 0xff000) | ((bits >> 9) & 0x800) | ((bits >> 20) & 0x7fe));
      jump(entry, rd, offset, imm);
      return;
    }
    case 0x67:
      if (funct3 != 0) break;
      put(entry, Op.Jalr, xd(rd), xs(rs1), SLOT_X, immI);
      return;
    case 0x63: {
      const imm = ((<i32>bits >> 31) << 12) | <i32>(((bits << 4) & 0x800) | ((bits >> 20) & 0x7e0) | ((bits >> 7) & 0x1e));
      if (funct3 == 2 || funct3 == 3) break;
      const condition = funct3 < 2 ? funct3 : funct3 - 2;
      branch(entry, Op.Beq + condition, Op.BeqFar + condition, rs1, rs2, offset, imm);
      return;
    }
    case 0x03:
      if (funct3 == 7) break;
      put(entry, Op.Lb + funct3, xd(rd), xs(rs1), SLOT_X, immI);
      return;
    case 0x23: {
      if (funct3 > 3) break;
      const imm = ((<i32>bits >> 25) << 5) | <i32>((bits >> 7) & 31);
      put(entry, Op.Sb + funct3, SLOT_SINK, xs(rs1), xs(rs2), imm);
      return;
    }
    case 0x13: {
      let op: u32 = 0;
      let imm = immI;
      switch (funct3) {
        case 0: op = Op.Addi; break;
        case 1:
          op = shiftLeftImmediate(bits);
          if (op == 0) { illegal(entry, bits); return; }
          imm = immI & 63;
          break;
        case 2: op = Op.Slti; break;
        case 3: op = Op.Sltiu; break;
        case 4: op = Op.Xori; break;
        case 5:
          op = shiftRightImmediate(bits);
          if (op == 0) { illegal(entry, bits); return; }
          imm = immI & 63;
          break;
        case 6: op = Op.Ori; break;
        default: op = Op.Andi; break;
      }
      put(entry, op, xd(rd), xs(rs1), SLOT_X, imm);
      return;
    }
    case 0x1b: {
      if (funct3 == 0) { put(entry, Op.Addiw, xd(rd), xs(rs1), SLOT_X, immI); return; }
      if (funct3 == 1 && funct7 == 0) { put(entry, Op.Slliw, xd(rd), xs(rs1), SLOT_X, <i32>rs2); return; }
      if (funct3 == 5 && funct7 == 0) { put(entry, Op.Srliw, xd(rd), xs(rs1), SLOT_X, <i32>rs2); return; }
      if (funct3 == 5 && funct7 == 0x20) { put(entry, Op.Sraiw, xd(rd), xs(rs1), SLOT_X, <i32>rs2); return; }
      if (funct3 == 1 && bits >> 26 == 0x02) { put(entry, Op.SlliUw, xd(rd), xs(rs1), SLOT_X, immI & 63); return; }
      if (funct3 == 5 && funct7 == 0x30) { put(entry, Op.Roriw, xd(rd), xs(rs1), SLOT_X, <i32>rs2); return; }
      if (funct3 == 1 && funct7 == 0x30 && rs2 < 3) { put(entry, Op.Clzw + rs2, xd(rd), xs(rs1), SLOT_X, 0); return; }
      break;
    }
    case 0x33:
    case 0x3b: {
      const op = opcode == 0x33 ? registerOp(funct7, funct3) : wordRegisterOp(funct7, funct3, rs2);
      if (op == 0) break;
      put(entry, op, xd(rd), xs(rs1), xs(rs2), 0);
      return;
    }
    case 0x0f:
      if (funct3 == 0) { put(entry, Op.Fence, SLOT_SINK, SLOT_X, SLOT_X, 0); return; }
      if (funct3 == 1) { put(entry, Op.FenceI, SLOT_SINK, SLOT_X, SLOT_X, 0); return; }
      if (funct3 == 2 && rd == 0 && isCacheBlockOperation(bits >> 20)) {
        put(entry, Op.Cbo, SLOT_SINK, xs(rs1), SLOT_X, <i32>bits);
        return;
      }
      break;
    case 0x73: {
      if (funct3 == 0) {
        if (rd == 0 && funct7 == 0x09) { put(entry, Op.SfenceVma, SLOT_SINK, xs(rs1), xs(rs2), <i32>bits); return; }
        switch (bits) {
          case 0x00000073: put(entry, Op.Ecall, SLOT_SINK, SLOT_X, SLOT_X, 0); return;
          case 0x00100073: put(entry, Op.Ebreak, SLOT_SINK, SLOT_X, SLOT_X, 0); return;
          case 0x30200073: put(entry, Op.Mret, SLOT_SINK, SLOT_X, SLOT_X, <i32>bits); return;
          case 0x10200073: put(entry, Op.Sret, SLOT_SINK, SLOT_X, SLOT_X, <i32>bits); return;
          case 0x10500073: put(entry, Op.Wfi, SLOT_SINK, SLOT_X, SLOT_X, <i32>bits); return;
        }
        break;
      }
      if (funct3 == 4) break;
      put(entry, Op.Csr, xd(rd), SLOT_X, SLOT_X, <i32>bits);
      return;
    }
    case 0x2f: {
      if (funct3 != 2 && funct3 != 3) break;
      const funct5 = bits >> 27;
      switch (funct5) {
        case 0x02: if (rs2 != 0) { illegal(entry, bits); return; } break;
        case 0x00: case 0x01: case 0x03: case 0x04: case 0x08: case 0x0c: case 0x10: case 0x14: case 0x18: case 0x1c: break;
        default: illegal(entry, bits); return;
      }
      put(entry, Op.Amo, xd(rd), xs(rs1), xs(rs2), <i32>(funct5 | (<u32>0x100 << funct3)));
      return;
    }
    case 0x07:
      if (funct3 != 2 && funct3 != 3) break;
      put(entry, funct3 == 2 ? Op.Flw : Op.Fld, SLOT_F + rd, xs(rs1), SLOT_X, immI);
      return;
    case 0x27: {
      if (funct3 != 2 && funct3 != 3) break;
      const imm = ((<i32>bits >> 25) << 5) | <i32>((bits >> 7) & 31);
      put(entry, funct3 == 2 ? Op.Fsw : Op.Fsd, SLOT_SINK, xs(rs1), SLOT_F + rs2, imm);
      return;
    }
    case 0x43: case 0x47: case 0x4b: case 0x4f: case 0x53:
      put(entry, Op.Float, SLOT_SINK, SLOT_X, SLOT_X, <i32>bits);
      return;
  }
  illegal(entry, bits);
}

/** OP: the funct7 and funct3 of an operation on two registers; 0: there is none. */
function registerOp(funct7: u32, funct3: u32): u32 {
  switch (funct7) {
    case 0x00:
      switch (funct3) {
        case 0: return Op.Add;
        case 1: return Op.Sll;
        case 2: return Op.Slt;
        case 3: return Op.Sltu;
        case 4: return Op.Xor;
        case 5: return Op.Srl;
        case 6: return Op.Or;
        default: return Op.And;
      }
    case 0x01: return Op.Mul + funct3;
    case 0x05: return funct3 >= 4 ? Op.Min + (funct3 - 4) : 0;
    case 0x10: return funct3 == 2 ? Op.Sh1add : funct3 == 4 ? Op.Sh2add : funct3 == 6 ? Op.Sh3add : 0;
    case 0x14: return funct3 == 1 ? Op.Bset : 0;
    case 0x20:
      switch (funct3) {
        case 0: return Op.Sub;
        case 4: return Op.Xnor;
        case 5: return Op.Sra;
        case 6: return Op.Orn;
        case 7: return Op.Andn;
        default: return 0;
      }
    case 0x24: return funct3 == 1 ? Op.Bclr : funct3 == 5 ? Op.Bext : 0;
    case 0x30: return funct3 == 1 ? Op.Rol : funct3 == 5 ? Op.Ror : 0;
    case 0x34: return funct3 == 1 ? Op.Binv : 0;
  }
  return 0;
}

/** OP-32. */
function wordRegisterOp(funct7: u32, funct3: u32, rs2: u32): u32 {
  switch (funct7) {
    case 0x00: return funct3 == 0 ? Op.Addw : funct3 == 1 ? Op.Sllw : funct3 == 5 ? Op.Srlw : 0;
    case 0x01: return funct3 == 0 ? Op.Mulw : funct3 >= 4 ? Op.Divw + (funct3 - 4) : 0;
    case 0x04: return funct3 == 0 ? Op.AddUw : funct3 == 4 && rs2 == 0 ? Op.ZextH : 0;
    case 0x10: return funct3 == 2 ? Op.Sh1addUw : funct3 == 4 ? Op.Sh2addUw : funct3 == 6 ? Op.Sh3addUw : 0;
    case 0x20: return funct3 == 0 ? Op.Subw : funct3 == 5 ? Op.Sraw : 0;
    case 0x30: return funct3 == 1 ? Op.Rolw : funct3 == 5 ? Op.Rorw : 0;
  }
  return 0;
}

/** OP-IMM, funct3 1: by the six or twelve bits above the shift amount. */
function shiftLeftImmediate(bits: u32): u32 {
  switch (bits >> 20) {
    case 0x600: return Op.Clz;
    case 0x601: return Op.Ctz;
    case 0x602: return Op.Cpop;
    case 0x604: return Op.SextB;
    case 0x605: return Op.SextH;
  }
  switch (bits >> 26) {
    case 0x00: return Op.Slli;
    case 0x0a: return Op.Bseti;
    case 0x12: return Op.Bclri;
    case 0x1a: return Op.Binvi;
  }
  return 0;
}

/** OP-IMM, funct3 5. */
function shiftRightImmediate(bits: u32): u32 {
  if (bits >> 20 == 0x287) return Op.OrcB;
  if (bits >> 20 == 0x6b8) return Op.Rev8;
  switch (bits >> 26) {
    case 0x00: return Op.Srli;
    case 0x10: return Op.Srai;
    case 0x12: return Op.Bexti;
    case 0x18: return Op.Rori;
  }
  return 0;
}

function decodeCompressed(entry: u32, bits: u32, offset: u32): void {
  const funct3 = bits >> 13;
  const rdFull = (bits >> 7) & 31;
  const rs2Full = (bits >> 2) & 31;
  const rdShort = 8 + ((bits >> 2) & 7);
  const rs1Short = 8 + ((bits >> 7) & 7);
  const imm6 = (<i32>(bits << 19) >> 31 << 5) | <i32>((bits >> 2) & 31);
  switch (((bits & 3) << 3) | funct3) {
    case 0x00: { // c.addi4spn
      const imm = ((bits >> 7) & 0x30) | ((bits >> 1) & 0x3c0) | ((bits >> 4) & 4) | ((bits >> 2) & 8);
      if (imm == 0) break;
      put(entry, Op.CAddi, xd(rdShort), xs(2), SLOT_X, <i32>imm);
      return;
    }
    case 0x01: // c.fld
    case 0x03: // c.ld
    case 0x05: // c.fsd
    case 0x07: { // c.sd
      const imm = <i32>(((bits >> 7) & 0x38) | ((bits << 1) & 0xc0));
      if (funct3 == 3) { put(entry, Op.CLd, xd(rdShort), xs(rs1Short), SLOT_X, imm); return; }
      if (funct3 == 7) { put(entry, Op.CSd, SLOT_SINK, xs(rs1Short), xs(rdShort), imm); return; }
      if (funct3 == 1) put(entry, Op.CFld, SLOT_F + rdShort, xs(rs1Short), SLOT_X, imm);
      else put(entry, Op.CFsd, SLOT_SINK, xs(rs1Short), SLOT_F + rdShort, imm);
      return;
    }
    case 0x02: // c.lw
    case 0x06: { // c.sw
      const imm = <i32>(((bits >> 7) & 0x38) | ((bits >> 4) & 4) | ((bits << 1) & 0x40));
      if (funct3 == 2) put(entry, Op.CLw, xd(rdShort), xs(rs1Short), SLOT_X, imm);
      else put(entry, Op.CSw, SLOT_SINK, xs(rs1Short), xs(rdShort), imm);
      return;
    }
    case 0x08: // c.addi, c.nop
      put(entry, Op.CAddi, xd(rdFull), xs(rdFull), SLOT_X, imm6);
      return;
    case 0x09: // c.addiw
      if (rdFull == 0) break;
      put(entry, Op.CAddiw, xd(rdFull), xs(rdFull), SLOT_X, imm6);
      return;
    case 0x0a: // c.li
      put(entry, Op.CLoadImmediate, xd(rdFull), SLOT_X, SLOT_X, imm6);
      return;
    case 0x0b: { // c.addi16sp, c.lui
      if (rdFull == 2) {
        const imm = (<i32>(bits << 19) >> 31 << 9) | <i32>(((bits >> 2) & 0x10) | ((bits << 1) & 0x40) | ((bits << 4) & 0x180) | ((bits << 3) & 0x20));
        if (imm == 0) break;
        put(entry, Op.CAddi, xd(2), xs(2), SLOT_X, imm);
        return;
      }
      if (imm6 == 0) break;
      put(entry, Op.CLoadImmediate, xd(rdFull), SLOT_X, SLOT_X, imm6 << 12);
      return;
    }
    case 0x0c: { // arithmetic on short registers
      const shamt = <i32>(((bits >> 7) & 0x20) | ((bits >> 2) & 31));
      switch ((bits >> 10) & 3) {
        case 0: put(entry, Op.CSrli, xd(rs1Short), xs(rs1Short), SLOT_X, shamt); return;
        case 1: put(entry, Op.CSrai, xd(rs1Short), xs(rs1Short), SLOT_X, shamt); return;
        case 2: put(entry, Op.CAndi, xd(rs1Short), xs(rs1Short), SLOT_X, imm6); return;
      }
      let op: u32 = 0;
      switch (((bits >> 10) & 4) | ((bits >> 5) & 3)) {
        case 0: op = Op.CSub; break;
        case 1: op = Op.CXor; break;
        case 2: op = Op.COr; break;
        case 3: op = Op.CAnd; break;
        case 4: op = Op.CSubw; break;
        case 5: op = Op.CAddw; break;
      }
      if (op == 0) break;
      put(entry, op, xd(rs1Short), xs(rs1Short), xs(rdShort), 0);
      return;
    }
    case 0x0d: { // c.j
      const imm = (<i32>(bits << 19) >> 31 << 11) |
        <i32>(((bits >> 7) & 0x10) | ((bits >> 1) & 0x300) | ((bits << 2) & 0x400) | ((bits >> 1) & 0x40) |
          ((bits << 1) & 0x80) | ((bits >> 2) & 0xe) | ((bits << 3) & 0x20));
      jump(entry, 0, offset, imm);
      return;
    }
    case 0x0e: // c.beqz
    case 0x0f: { // c.bnez
      const imm = (<i32>(bits << 19) >> 31 << 8) |
        <i32>(((bits >> 7) & 0x18) | ((bits << 1) & 0xc0) | ((bits >> 2) & 6) | ((bits << 3) & 0x20));
      branch(entry, funct3 == 6 ? Op.CBeq : Op.CBne, funct3 == 6 ? Op.CBeqFar : Op.CBneFar, rs1Short, 0, offset, imm);
      return;
    }
    case 0x10: // c.slli
      put(entry, Op.CSlli, xd(rdFull), xs(rdFull), SLOT_X, <i32>(((bits >> 7) & 0x20) | ((bits >> 2) & 31)));
      return;
    case 0x11: // c.fldsp
    case 0x13: { // c.ldsp
      const imm = <i32>(((bits >> 7) & 0x20) | ((bits >> 2) & 0x18) | ((bits << 4) & 0x1c0));
      if (funct3 == 3) {
        if (rdFull == 0) break;
        put(entry, Op.CLd, xd(rdFull), xs(2), SLOT_X, imm);
        return;
      }
      put(entry, Op.CFld, SLOT_F + rdFull, xs(2), SLOT_X, imm);
      return;
    }
    case 0x12: { // c.lwsp
      if (rdFull == 0) break;
      put(entry, Op.CLw, xd(rdFull), xs(2), SLOT_X, <i32>(((bits >> 7) & 0x20) | ((bits >> 2) & 0x1c) | ((bits << 4) & 0xc0)));
      return;
    }
    case 0x14: // c.jr, c.mv, c.ebreak, c.jalr, c.add
      if ((bits & 0x1000) == 0) {
        if (rs2Full == 0) {
          if (rdFull == 0) break;
          put(entry, Op.CJalr, SLOT_SINK, xs(rdFull), SLOT_X, 0);
        } else put(entry, Op.CAdd, xd(rdFull), SLOT_X, xs(rs2Full), 0);
      } else if (rs2Full == 0) {
        if (rdFull == 0) put(entry, Op.CEbreak, SLOT_SINK, SLOT_X, SLOT_X, 0);
        else put(entry, Op.CJalr, xd(1), xs(rdFull), SLOT_X, 0);
      } else put(entry, Op.CAdd, xd(rdFull), xs(rdFull), xs(rs2Full), 0);
      return;
    case 0x15: // c.fsdsp
    case 0x17: { // c.sdsp
      const imm = <i32>(((bits >> 7) & 0x38) | ((bits >> 1) & 0x1c0));
      if (funct3 == 7) { put(entry, Op.CSd, SLOT_SINK, xs(2), xs(rs2Full), imm); return; }
      put(entry, Op.CFsd, SLOT_SINK, xs(2), SLOT_F + rs2Full, imm);
      return;
    }
    case 0x16: // c.swsp
      put(entry, Op.CSw, SLOT_SINK, xs(2), xs(rs2Full), <i32>(((bits >> 7) & 0x3c) | ((bits >> 1) & 0xc0)));
      return;
  }
  put(entry, Op.CIllegal, SLOT_SINK, SLOT_X, SLOT_X, <i32>bits);
}
