/**
 * A program on our machine and on QEMU, instruction by instruction, to the first after which they differ: registers, CSRs, and
 * the arena. QEMU steps by its gdb stub, a trap being a step of its own; both RAMs are at hand.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { VirtualMachine } from "../../src/engine/virtual-machine.ts";
import { ARENA, ARENA_BYTES, buildImage, ENTER, FINISH, type ProgramRecord, RAM, SUPERVISOR_TRAP } from "./frame.ts";
import { GdbStub } from "./gdb-stub.ts";
import { MachineEngine } from "./machine-engine.ts";
import { QemuProcess } from "./qemu-engine.ts";

/** Programs are shorter. */
const STEPS_MAX = 100_000;
/** Traps between two instructions. */
const TRAPS_IN_A_ROW = 4;
const STORY = 12;
/** Where in the arena the page tables begin. */
const TABLES = 0x8000;

const ABI = "zero ra sp gp tp t0 t1 t2 fp s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6".split(" ");
const FLOAT_ABI =
  "ft0 ft1 ft2 ft3 ft4 ft5 ft6 ft7 fs0 fs1 fa0 fa1 fa2 fa3 fa4 fa5 fa6 fa7 fs2 fs3 fs4 fs5 fs6 fs7 fs8 fs9 fs10 fs11 ft8 ft9 ft10 ft11".split(
    " ",
  );

/** CSRs by their names in layout.ts, and the bits that are in its field. */
const CSRS: readonly { readonly name: string; readonly mask: bigint }[] = [
  { name: "mstatus", mask: 0x7f_f9ffn | 0x7e_0000n },
  ...[
    "medeleg",
    "mideleg",
    "mie",
    "mtvec",
    "mscratch",
    "mepc",
    "mcause",
    "mtval",
    "stvec",
    "sscratch",
    "sepc",
    "scause",
    "stval",
    "satp",
  ].map((name) => ({ name, mask: (1n << 64n) - 1n })),
  { name: "fcsr", mask: 0xffn },
];

/** Where each is in the hart's page, from the file that is the snapshot's format. */
const layout = new Map(
  [
    ...readFileSync(fileURLToPath(new URL("../../src/machine/layout.ts", import.meta.url)), "utf8").matchAll(
      /export const (\w+): u32 = CSR(?: \+ (\d+))?;/g,
    ),
  ].map(([, name = "", offset = "0"]) => [name.toLowerCase(), 0x200 + Number(offset)]),
);

/** @returns the story up to the first difference, in lines; null: there is none */
export async function findDifference(program: ProgramRecord): Promise<string[] | null> {
  const image = buildImage([program]);
  const vm = new MachineEngine().boot(image);
  while (vm.programCounter !== ENTER) vm.step();
  vm.beginCapture();
  vm.captureState(0, true);
  const qemu = QemuProcess.start(image, ["-S", "-gdb", "unix:FOLDER/gdb,server=on,wait=off"]);
  let stub: GdbStub | null = null;
  try {
    stub = await GdbStub.connect(qemu.path("gdb"));
    await stub.runTo(ENTER);
    return await compareSteps(vm, qemu, stub);
  } finally {
    stub?.close();
    await qemu.close();
  }
}

async function compareSteps(vm: VirtualMachine, qemu: QemuProcess, stub: GdbStub): Promise<string[] | null> {
  const story: (() => string)[] = [];
  const told = () => story.slice(-STORY).map((line) => line());
  let theirs = await stub.general();
  for (let step = 0; step < STEPS_MAX && vm.programCounter !== FINISH; step++) {
    const from = vm.programCounter;
    const done = vm.step();
    if (typeof done === "string") return [...told(), `the machine stops: ${done}`];
    const { programCounter, bits } = done;
    if (programCounter !== from) story.push(() => `  trap at ${from.toString(16)}`);
    for (let trap = 0; theirs[32] !== programCounter; trap++) {
      const gone = theirs[32] ?? 0n;
      if (trap === TRAPS_IN_A_ROW) return [...told(), `ours goes on at ${programCounter.toString(16)}, theirs at ${gone.toString(16)}`];
      await stub.step();
      theirs = await stub.general();
    }
    await stub.step();
    theirs = await stub.general();
    // A jump to where nothing can be fetched is one step of ours, its trap included.
    if (theirs[32] !== vm.programCounter && inHandler(vm.programCounter)) {
      await stub.step();
      theirs = await stub.general();
    }
    story.push(() => `  ${programCounter.toString(16)}  ${disassemble(programCounter, bits)}`);
    const differences = await compareState(programCounter, vm, qemu, stub, theirs);
    if (differences.length > 0) return [...told(), ...differences, "our registers now:", ...registers(vm)];
    if (!inHandler(vm.programCounter)) continue;
    // Both have taken the same trap: what the frame does with it is the same.
    while (inHandler(vm.programCounter) && vm.programCounter !== FINISH) vm.step();
    await stub.runTo(vm.programCounter);
    theirs = await stub.general();
  }
  return null;
}

function inHandler(programCounter: bigint): boolean {
  return programCounter >= BigInt(RAM) && programCounter < BigInt(SUPERVISOR_TRAP);
}

async function compareState(
  from: bigint,
  vm: VirtualMachine,
  qemu: QemuProcess,
  stub: GdbStub,
  theirs: readonly bigint[],
): Promise<string[]> {
  const differences: string[] = [];
  const check = (name: string, a: bigint | undefined, b: bigint | null | undefined) => {
    if (b !== null && a !== b) differences.push(`${name} is ${a?.toString(16)}, theirs ${b?.toString(16)}`);
  };
  check("pc", vm.programCounter, theirs[32]);
  const all = vm.allRegisters();
  for (let index = 0; index < 32; index++) {
    check(`x${index} (${ABI[index]})`, all[index], theirs[index]);
    check(`f${index}`, all[32 + index], await stub.register(FLOAT_ABI[index] ?? ""));
  }
  const hart = hartPage(vm);
  for (const { name, mask } of CSRS) {
    const at = layout.get(name);
    const value = await stub.register(name);
    if (at === undefined || value === null) continue;
    const ours = hart.getBigUint64(at, true) & mask;
    if (!isOpenValue(name, hart, ours ^ (value & mask))) check(name, ours, value & mask);
  }
  // A jump to another page may have set its A already: page tables are compared a step later.
  const length = (vm.programCounter ^ from) >= 4096n ? TABLES : ARENA_BYTES;
  const ours = vm.readRam(ARENA, length);
  const others = qemu.read(ARENA, length);
  if (Buffer.compare(ours, others) !== 0) {
    const at = ours.findIndex((byte, index) => byte !== others[index]) & ~7;
    const doubleword = (bytes: Uint8Array) => new DataView(bytes.buffer).getBigUint64(at, true);
    check(`memory at ${(ARENA + at).toString(16)}`, doubleword(ours), doubleword(others));
  }
  return differences;
}

/** Trap values that exceptions.ts excuses: of breakpoints, and the lowest bits of those of accesses that were refused. */
function isOpenValue(name: string, hart: DataView, difference: bigint): boolean {
  if (name !== "mtval" && name !== "stval") return false;
  const cause = hart.getBigUint64(layout.get(name === "mtval" ? "mcause" : "scause") ?? 0, true);
  return cause === 3n || ((cause === 5n || cause === 7n) && difference < 8n);
}

/** The page of the state that has the CSRs: the first of those that a transfer sends each time. */
function hartPage(vm: VirtualMachine): DataView {
  const { pages } = vm.captureState(0, true);
  return new DataView(pages.slice(5, 5 + 4096).buffer);
}

function registers(vm: VirtualMachine): string[] {
  const all = vm.allRegisters();
  return Array.from({ length: 8 }, (_, row) =>
    Array.from({ length: 4 }, (_unused, column) => {
      const index = 4 * row + column;
      return `${`x${index}`.padStart(5)} ${(all[index] ?? 0n).toString(16).padStart(16)}`;
    }).join(""),
  );
}

/** With binutils where they are there, otherwise as bits. */
function disassemble(address: bigint, bits: number): string {
  const hex = bits.toString(16).padStart(bits > 0xffff ? 8 : 4, "0");
  const file = `/tmp/understudy-fuzz-${process.pid}.bin`;
  try {
    writeFileSync(file, new Uint8Array(new Uint32Array([bits]).buffer).slice(0, bits > 0xffff ? 4 : 2));
    const text = execFileSync(
      "riscv64-linux-gnu-objdump",
      ["-D", "-b", "binary", "-m", "riscv:rv64", "-M", "no-aliases", `--adjust-vma=0x${address.toString(16)}`, file],
      { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
    );
    return text.trimEnd().split("\n").at(-1)?.split("\t").slice(1).join(" ").replace(/\s+/g, " ") ?? hex;
  } catch {
    return hex;
  }
}
