/**
 * A guest for tests that is no Linux: a few dozen RISC-V instructions in a flat Image, in S mode without paging.
 *
 * It prints a line with the next number (8 hex digits) every `periodTicks` of guest time, and for every console byte it
 * gets a line `E` and that byte. A `q` powers it off, a `!` makes it touch memory page after page (one page per byte).
 * Between ticks it waits (WFI), or, where it is `busy`, spins.
 */
import { FINISHER_BASE, FINISHER_POWEROFF, KERNEL_BASE, PLIC_BASE, UART_BASE, UART_INTERRUPT } from "../../src/isa/memory-map.ts";

const X = { zero: 0, ra: 1, t0: 5, t1: 6, t2: 7, s0: 8, s1: 9, a0: 10, s2: 18, s3: 19, s4: 20, s5: 21, s6: 22, s7: 23 } as const;
type Register = keyof typeof X;

const CSR_SIE = 0x104;
const CSR_STIMECMP = 0x14d;
const CSR_TIME = 0xc01;

/** The instructions that the guest needs, in the order they are asked for; labels are resolved at the end. */
class Assembler {
  private readonly words: (number | (() => number))[] = [];
  private readonly labels = new Map<string, number>();

  label(name: string): void {
    this.labels.set(name, this.words.length);
  }

  bytes(): Uint8Array {
    const out = new DataView(new ArrayBuffer(this.words.length * 4));
    for (const [index, word] of this.words.entries()) out.setUint32(index * 4, typeof word === "number" ? word : word(), true);
    return new Uint8Array(out.buffer);
  }

  private i(opcode: number, funct3: number, rd: Register, rs1: Register, immediate: number): void {
    this.words.push(((immediate << 20) | (X[rs1] << 15) | (funct3 << 12) | (X[rd] << 7) | opcode) >>> 0);
  }

  private r(funct7: number, funct3: number, rd: Register, rs1: Register, rs2: Register): void {
    this.words.push(((funct7 << 25) | (X[rs2] << 20) | (X[rs1] << 15) | (funct3 << 12) | (X[rd] << 7) | 0x33) >>> 0);
  }

  private s(funct3: number, value: Register, base: Register, offset: number): void {
    const [high, low] = [(offset >> 5) & 0x7f, offset & 0x1f];
    this.words.push(((high << 25) | (X[value] << 20) | (X[base] << 15) | (funct3 << 12) | (low << 7) | 0x23) >>> 0);
  }

  private b(funct3: number, rs1: Register, rs2: Register, label: string): void {
    const at = this.words.length;
    this.words.push(() => {
      const d = this.distance(at, label);
      const immediate = (((d >> 12) & 1) << 31) | (((d >> 5) & 0x3f) << 25) | (((d >> 1) & 0xf) << 8) | (((d >> 11) & 1) << 7);
      return (immediate | (X[rs2] << 20) | (X[rs1] << 15) | (funct3 << 12) | 0x63) >>> 0;
    });
  }

  private distance(from: number, label: string): number {
    const to = this.labels.get(label);
    if (to === undefined) throw new Error(`no label "${label}"`);
    return (to - from) * 4;
  }

  /** An unsigned 32-bit constant, by shifts, so that it is not sign-extended. */
  li(rd: Register, value: number): void {
    if (value < 0x800) {
      this.addi(rd, "zero", value);
      return;
    }
    this.addi(rd, "zero", value >>> 22);
    this.slli(rd, rd, 11);
    this.addi(rd, rd, (value >>> 11) & 0x7ff);
    this.slli(rd, rd, 11);
    this.addi(rd, rd, value & 0x7ff);
  }

  addi = (rd: Register, rs1: Register, immediate: number) => this.i(0x13, 0, rd, rs1, immediate);
  andi = (rd: Register, rs1: Register, immediate: number) => this.i(0x13, 7, rd, rs1, immediate);
  slli = (rd: Register, rs1: Register, shift: number) => this.i(0x13, 1, rd, rs1, shift);
  add = (rd: Register, rs1: Register, rs2: Register) => this.r(0, 0, rd, rs1, rs2);
  srl = (rd: Register, rs1: Register, rs2: Register) => this.r(0, 5, rd, rs1, rs2);
  lbu = (rd: Register, base: Register, offset: number) => this.i(0x03, 4, rd, base, offset);
  lw = (rd: Register, base: Register, offset: number) => this.i(0x03, 2, rd, base, offset);
  sb = (value: Register, base: Register, offset: number) => this.s(0, value, base, offset);
  sw = (value: Register, base: Register, offset: number) => this.s(2, value, base, offset);
  beq = (rs1: Register, rs2: Register, label: string) => this.b(0, rs1, rs2, label);
  bne = (rs1: Register, rs2: Register, label: string) => this.b(1, rs1, rs2, label);
  blt = (rs1: Register, rs2: Register, label: string) => this.b(4, rs1, rs2, label);
  bgeu = (rs1: Register, rs2: Register, label: string) => this.b(7, rs1, rs2, label);
  csrw = (csr: number, rs1: Register) => this.i(0x73, 1, "zero", rs1, csr);
  csrr = (rd: Register, csr: number) => this.i(0x73, 2, rd, "zero", csr);
  wfi = () => this.words.push(0x10500073);
  j = (label: string) => this.beq("zero", "zero", label);
}

export interface GuestOptions {
  /** Guest time between two lines, ticks of 100 ns. */
  readonly periodTicks: number;
  readonly busy: boolean;
}

/** @returns a flat RISC-V Image */
export function guestImage({ periodTicks, busy }: GuestOptions): Uint8Array {
  const asm = new Assembler();
  const print = (character: string) => {
    asm.li("a0", character.charCodeAt(0));
    asm.sb("a0", "s0", 0);
  };
  // The Image's header: its first instruction jumps over the rest.
  asm.j("start");
  for (let word = 1; word < 16; word++) asm.addi("zero", "zero", 0);

  asm.label("start");
  asm.li("s0", UART_BASE);
  asm.li("s1", PLIC_BASE);
  asm.li("t0", 1);
  asm.sw("t0", "s1", 4 * UART_INTERRUPT); // priority
  asm.li("t1", PLIC_BASE + 0x2080); // enable bits of hart 0 in S mode
  asm.li("t0", 1 << UART_INTERRUPT);
  asm.sw("t0", "t1", 0);
  asm.li("s2", PLIC_BASE + 0x20_1000); // its threshold, and its claim register above it
  asm.sw("zero", "s2", 0);
  asm.li("t0", 1);
  asm.sb("t0", "s0", 1); // IER: received data
  asm.li("t0", 0x220);
  asm.csrw(CSR_SIE, "t0"); // timer and external wake a WFI; interrupts stay globally off
  asm.li("s3", 0); // the next number
  asm.li("s5", periodTicks);
  asm.li("s7", KERNEL_BASE + 0x10_0000); // memory to touch
  asm.csrr("s4", CSR_TIME);

  asm.label("next");
  asm.add("s4", "s4", "s5");
  asm.csrw(CSR_STIMECMP, "s4");
  asm.label("loop");
  asm.lbu("t0", "s0", 5);
  asm.andi("t0", "t0", 1);
  asm.bne("t0", "zero", "input");
  asm.csrr("t0", CSR_TIME);
  asm.bgeu("t0", "s4", "tick");
  if (!busy) asm.wfi();
  asm.lw("t0", "s2", 4);
  asm.beq("t0", "zero", "loop");
  asm.sw("t0", "s2", 4);
  asm.j("loop");

  asm.label("input");
  asm.lbu("s6", "s0", 0);
  asm.li("t0", "q".charCodeAt(0));
  asm.beq("s6", "t0", "poweroff");
  asm.li("t0", "!".charCodeAt(0));
  asm.beq("s6", "t0", "touch");
  print("E");
  asm.sb("s6", "s0", 0);
  print("\n");
  asm.j("loop");

  asm.label("touch");
  asm.sw("s7", "s7", 0);
  asm.li("t0", 4096);
  asm.add("s7", "s7", "t0");
  asm.j("loop");

  asm.label("tick");
  asm.li("t1", 28);
  asm.label("digit");
  asm.srl("t0", "s3", "t1");
  asm.andi("t0", "t0", 15);
  asm.addi("a0", "t0", 48);
  asm.li("t2", 10);
  asm.blt("t0", "t2", "decimal");
  asm.addi("a0", "t0", 87);
  asm.label("decimal");
  asm.sb("a0", "s0", 0);
  asm.addi("t1", "t1", -4 & 0xfff);
  asm.blt("t1", "zero", "line");
  asm.j("digit");
  asm.label("line");
  print("\n");
  asm.addi("s3", "s3", 1);
  asm.j("next");

  asm.label("poweroff");
  asm.li("t0", FINISHER_BASE);
  asm.li("t1", FINISHER_POWEROFF);
  asm.sw("t1", "t0", 0);
  asm.j("poweroff");

  const image = asm.bytes();
  const header = new DataView(image.buffer);
  header.setBigUint64(8, 0x20_0000n, true); // text_offset
  header.setBigUint64(16, BigInt(image.length), true); // image_size
  header.setUint32(56, 0x05435352, true); // "RSC\x05"
  return image;
}

/** What the guest printed: numbers must follow each other from 0, and the echoed bytes in their order. */
export function readTranscript(output: string): { readonly numbers: number; readonly echoed: string } {
  let numbers = 0;
  let echoed = "";
  const lines = output.split("\n");
  lines.pop(); // what follows the last line end is not complete
  for (const line of lines) {
    if (/^E.$/.test(line)) echoed += line[1];
    else if (line === numbers.toString(16).padStart(8, "0")) numbers++;
    else throw new Error(`line "${line}" where number ${numbers} or an echo was due`);
  }
  return { numbers, echoed };
}
