/** Decodes one instruction, compressed or not, into its 16-byte entry (see ops.ts). Unprivileged Architecture, RV64GC. */
import { F, X, X0_SINK } from "../layout";
import { Op } from "./ops";

function xd(register: u32): u32 {
  return register == 0 ? X0_SINK : X + (register << 3);
}

function xs(register: u32): u32 {
  return X + (register << 3);
}

function put(entry: u32, op: u32, rd: u32, rs1: u32, rs2: u32, imm: i32): void {
  store<u16>(entry, <u16>rd, 2);
  store<u16>(entry, <u16>rs1, 4);
  store<u16>(entry, <u16>rs2, 6);
  store<i32>(entry, imm, 8);
  store<u16>(entry, <u16>op);
}

/**
 * @param entry where the entry goes; its length must be kept by `decode`
 * @param bits the instruction: low half only where it is compressed
 * @param offset byte offset of the instruction in its page: branches that stay in the page get entry deltas
 */
export function decode(entry: u32, bits: u32, offset: u32): void {
  if ((bits & 3) != 3) {
    store<u16>(entry, 16, 12);
    decodeCompressed(entry, bits & 0xffff, offset);
  } else {
    store<u16>(entry, 32, 12);
    decodeFull(entry, bits, offset);
  }
}

function illegal(entry: u32, bits: u32): void {
  put(entry, Op.Illegal, X0_SINK, X, X, bits);
}

function branch(entry: u32, near: u32, rs1: u32, rs2: u32, offset: u32, delta: i32): void {
  const target = <i32>offset + delta;
  if (target >= 0 && target < 4096) put(entry, near, X0_SINK, xs(rs1), xs(rs2), delta << 3);
  else put(entry, near + (Op.BeqFar - Op.Beq), X0_SINK, xs(rs1), xs(rs2), delta);
}

function jump(entry: u32, rd: u32, offset: u32, delta: i32): void {
  const target = <i32>offset + delta;
  if (target < 0 || target >= 4096) put(entry, Op.JalFar, xd(rd), X, X, delta);
  else put(entry, rd == 0 ? Op.Jump : Op.Jal, xd(rd), X, X, delta << 3);
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
      put(entry, Op.LoadImmediate, xd(rd), X, X, <i32>(bits & 0xfffff000));
      return;
    case 0x17:
      put(entry, Op.Auipc, xd(rd), X, X, <i32>(bits & 0xfffff000));
      return;
    case 0x6f: {
      const imm = ((<i32>bits >> 31) << 20) | <i32>((bits & 0xff000) | ((bits >> 9) & 0x800) | ((bits >> 20) & 0x7fe));
      jump(entry, rd, offset, imm);
      return;
    }
    case 0x67:
      if (funct3 != 0) break;
      put(entry, Op.Jalr, xd(rd), xs(rs1), X, immI);
      return;
    case 0x63: {
      const imm = ((<i32>bits >> 31) << 12) | <i32>(((bits << 4) & 0x800) | ((bits >> 20) & 0x7e0) | ((bits >> 7) & 0x1e));
      if (funct3 == 2 || funct3 == 3) break;
      branch(entry, Op.Beq + (funct3 < 2 ? funct3 : funct3 - 2), rs1, rs2, offset, imm);
      return;
    }
    case 0x03:
      if (funct3 == 7) break;
      put(entry, Op.Lb + funct3, xd(rd), xs(rs1), X, immI);
      return;
    case 0x23: {
      if (funct3 > 3) break;
      const imm = ((<i32>bits >> 25) << 5) | <i32>((bits >> 7) & 31);
      put(entry, Op.Sb + funct3, X0_SINK, xs(rs1), xs(rs2), imm);
      return;
    }
    case 0x13: {
      let op: u32 = 0;
      let imm = immI;
      switch (funct3) {
        case 0: op = Op.Addi; break;
        case 1:
          if (bits >> 26 != 0) { illegal(entry, bits); return; }
          op = Op.Slli; imm = immI & 63; break;
        case 2: op = Op.Slti; break;
        case 3: op = Op.Sltiu; break;
        case 4: op = Op.Xori; break;
        case 5:
          if (bits >> 26 == 0) op = Op.Srli;
          else if (bits >> 26 == 0x10) op = Op.Srai;
          else { illegal(entry, bits); return; }
          imm = immI & 63;
          break;
        case 6: op = Op.Ori; break;
        default: op = Op.Andi; break;
      }
      put(entry, op, xd(rd), xs(rs1), X, imm);
      return;
    }
    case 0x1b: {
      if (funct3 == 0) { put(entry, Op.Addiw, xd(rd), xs(rs1), X, immI); return; }
      if (funct3 == 1 && funct7 == 0) { put(entry, Op.Slliw, xd(rd), xs(rs1), X, <i32>rs2); return; }
      if (funct3 == 5 && funct7 == 0) { put(entry, Op.Srliw, xd(rd), xs(rs1), X, <i32>rs2); return; }
      if (funct3 == 5 && funct7 == 0x20) { put(entry, Op.Sraiw, xd(rd), xs(rs1), X, <i32>rs2); return; }
      break;
    }
    case 0x33: {
      let op: u32 = 0;
      if (funct7 == 1) op = Op.Mul + funct3;
      else if (funct7 == 0) {
        switch (funct3) {
          case 0: op = Op.Add; break;
          case 1: op = Op.Sll; break;
          case 2: op = Op.Slt; break;
          case 3: op = Op.Sltu; break;
          case 4: op = Op.Xor; break;
          case 5: op = Op.Srl; break;
          case 6: op = Op.Or; break;
          default: op = Op.And; break;
        }
      } else if (funct7 == 0x20) {
        if (funct3 == 0) op = Op.Sub;
        else if (funct3 == 5) op = Op.Sra;
      }
      if (op == 0) break;
      put(entry, op, xd(rd), xs(rs1), xs(rs2), 0);
      return;
    }
    case 0x3b: {
      let op: u32 = 0;
      if (funct7 == 1) {
        switch (funct3) {
          case 0: op = Op.Mulw; break;
          case 4: op = Op.Divw; break;
          case 5: op = Op.Divuw; break;
          case 6: op = Op.Remw; break;
          case 7: op = Op.Remuw; break;
        }
      } else if (funct7 == 0) {
        switch (funct3) {
          case 0: op = Op.Addw; break;
          case 1: op = Op.Sllw; break;
          case 5: op = Op.Srlw; break;
        }
      } else if (funct7 == 0x20) {
        if (funct3 == 0) op = Op.Subw;
        else if (funct3 == 5) op = Op.Sraw;
      }
      if (op == 0) break;
      put(entry, op, xd(rd), xs(rs1), xs(rs2), 0);
      return;
    }
    case 0x0f:
      if (funct3 == 0) { put(entry, Op.Fence, X0_SINK, X, X, 0); return; }
      if (funct3 == 1) { put(entry, Op.FenceI, X0_SINK, X, X, 0); return; }
      break;
    case 0x73: {
      if (funct3 == 0) {
        if (rd == 0 && funct7 == 0x09) { put(entry, Op.SfenceVma, X0_SINK, xs(rs1), xs(rs2), <i32>bits); return; }
        switch (bits) {
          case 0x00000073: put(entry, Op.Ecall, X0_SINK, X, X, 0); return;
          case 0x00100073: put(entry, Op.Ebreak, X0_SINK, X, X, 0); return;
          case 0x30200073: put(entry, Op.Mret, X0_SINK, X, X, <i32>bits); return;
          case 0x10200073: put(entry, Op.Sret, X0_SINK, X, X, <i32>bits); return;
          case 0x10500073: put(entry, Op.Wfi, X0_SINK, X, X, <i32>bits); return;
        }
        break;
      }
      if (funct3 == 4) break;
      put(entry, Op.Csr, xd(rd), funct3 < 4 ? xs(rs1) : rs1, X, <i32>bits);
      store<u16>(entry, <u16>funct3, 14);
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
      put(entry, Op.Amo, xd(rd), xs(rs1), xs(rs2), <i32>funct5);
      store<u16>(entry, <u16>(<u32>1 << funct3), 14);
      return;
    }
    case 0x07:
      if (funct3 != 2 && funct3 != 3) break;
      put(entry, Op.FloatLoad, F + (rd << 3), xs(rs1), X, immI);
      store<u16>(entry, <u16>(<u32>1 << funct3), 14);
      return;
    case 0x27: {
      if (funct3 != 2 && funct3 != 3) break;
      const imm = ((<i32>bits >> 25) << 5) | <i32>((bits >> 7) & 31);
      put(entry, Op.FloatStore, X0_SINK, xs(rs1), F + (rs2 << 3), imm);
      store<u16>(entry, <u16>(<u32>1 << funct3), 14);
      return;
    }
    case 0x43: case 0x47: case 0x4b: case 0x4f: case 0x53:
      put(entry, Op.Float, X0_SINK, X, X, <i32>bits);
      return;
  }
  illegal(entry, bits);
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
      put(entry, Op.Addi, xd(rdShort), xs(2), X, <i32>imm);
      return;
    }
    case 0x01: // c.fld
    case 0x03: // c.ld
    case 0x05: // c.fsd
    case 0x07: { // c.sd
      const imm = <i32>(((bits >> 7) & 0x38) | ((bits << 1) & 0xc0));
      if (funct3 == 3) { put(entry, Op.Ld, xd(rdShort), xs(rs1Short), X, imm); return; }
      if (funct3 == 7) { put(entry, Op.Sd, X0_SINK, xs(rs1Short), xs(rdShort), imm); return; }
      if (funct3 == 1) put(entry, Op.FloatLoad, F + (rdShort << 3), xs(rs1Short), X, imm);
      else put(entry, Op.FloatStore, X0_SINK, xs(rs1Short), F + (rdShort << 3), imm);
      store<u16>(entry, 8, 14);
      return;
    }
    case 0x02: // c.lw
    case 0x06: { // c.sw
      const imm = <i32>(((bits >> 7) & 0x38) | ((bits >> 4) & 4) | ((bits << 1) & 0x40));
      if (funct3 == 2) put(entry, Op.Lw, xd(rdShort), xs(rs1Short), X, imm);
      else put(entry, Op.Sw, X0_SINK, xs(rs1Short), xs(rdShort), imm);
      return;
    }
    case 0x08: // c.addi, c.nop
      put(entry, Op.Addi, xd(rdFull), xs(rdFull), X, imm6);
      return;
    case 0x09: // c.addiw
      if (rdFull == 0) break;
      put(entry, Op.Addiw, xd(rdFull), xs(rdFull), X, imm6);
      return;
    case 0x0a: // c.li
      put(entry, Op.LoadImmediate, xd(rdFull), X, X, imm6);
      return;
    case 0x0b: { // c.addi16sp, c.lui
      if (rdFull == 2) {
        const imm = (<i32>(bits << 19) >> 31 << 9) | <i32>(((bits >> 2) & 0x10) | ((bits << 1) & 0x40) | ((bits << 4) & 0x180) | ((bits << 3) & 0x20));
        if (imm == 0) break;
        put(entry, Op.Addi, xd(2), xs(2), X, imm);
        return;
      }
      if (imm6 == 0) break;
      put(entry, Op.LoadImmediate, xd(rdFull), X, X, imm6 << 12);
      return;
    }
    case 0x0c: { // arithmetic on short registers
      const shamt = <i32>(((bits >> 7) & 0x20) | ((bits >> 2) & 31));
      switch ((bits >> 10) & 3) {
        case 0: put(entry, Op.Srli, xd(rs1Short), xs(rs1Short), X, shamt); return;
        case 1: put(entry, Op.Srai, xd(rs1Short), xs(rs1Short), X, shamt); return;
        case 2: put(entry, Op.Andi, xd(rs1Short), xs(rs1Short), X, imm6); return;
      }
      let op: u32 = 0;
      switch (((bits >> 10) & 4) | ((bits >> 5) & 3)) {
        case 0: op = Op.Sub; break;
        case 1: op = Op.Xor; break;
        case 2: op = Op.Or; break;
        case 3: op = Op.And; break;
        case 4: op = Op.Subw; break;
        case 5: op = Op.Addw; break;
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
      branch(entry, funct3 == 6 ? Op.Beq : Op.Bne, rs1Short, 0, offset, imm);
      return;
    }
    case 0x10: // c.slli
      put(entry, Op.Slli, xd(rdFull), xs(rdFull), X, <i32>(((bits >> 7) & 0x20) | ((bits >> 2) & 31)));
      return;
    case 0x11: // c.fldsp
    case 0x13: { // c.ldsp
      const imm = <i32>(((bits >> 7) & 0x20) | ((bits >> 2) & 0x18) | ((bits << 4) & 0x1c0));
      if (funct3 == 3) {
        if (rdFull == 0) break;
        put(entry, Op.Ld, xd(rdFull), xs(2), X, imm);
        return;
      }
      put(entry, Op.FloatLoad, F + (rdFull << 3), xs(2), X, imm);
      store<u16>(entry, 8, 14);
      return;
    }
    case 0x12: { // c.lwsp
      if (rdFull == 0) break;
      put(entry, Op.Lw, xd(rdFull), xs(2), X, <i32>(((bits >> 7) & 0x20) | ((bits >> 2) & 0x1c) | ((bits << 4) & 0xc0)));
      return;
    }
    case 0x14: // c.jr, c.mv, c.ebreak, c.jalr, c.add
      if ((bits & 0x1000) == 0) {
        if (rs2Full == 0) {
          if (rdFull == 0) break;
          put(entry, Op.Jalr, X0_SINK, xs(rdFull), X, 0);
        } else put(entry, Op.Add, xd(rdFull), X, xs(rs2Full), 0);
      } else if (rs2Full == 0) {
        if (rdFull == 0) put(entry, Op.Ebreak, X0_SINK, X, X, 0);
        else put(entry, Op.Jalr, xd(1), xs(rdFull), X, 0);
      } else put(entry, Op.Add, xd(rdFull), xs(rdFull), xs(rs2Full), 0);
      return;
    case 0x15: // c.fsdsp
    case 0x17: { // c.sdsp
      const imm = <i32>(((bits >> 7) & 0x38) | ((bits >> 1) & 0x1c0));
      if (funct3 == 7) { put(entry, Op.Sd, X0_SINK, xs(2), xs(rs2Full), imm); return; }
      put(entry, Op.FloatStore, X0_SINK, xs(2), F + (rs2Full << 3), imm);
      store<u16>(entry, 8, 14);
      return;
    }
    case 0x16: // c.swsp
      put(entry, Op.Sw, X0_SINK, xs(2), xs(rs2Full), <i32>(((bits >> 7) & 0x3c) | ((bits >> 1) & 0xc0)));
      return;
  }
  illegal(entry, bits);
}
