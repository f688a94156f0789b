/**
 * Random programs on several machines that differ in nothing but how they are run: at once, in random pieces, with hashes taken
 * in between, moved to other machines. All must be in the same state at the same instants: what a machine caches never shows.
 *
 * `MACHINE_SEED=n npx vitest run …` runs the program of one seed.
 */
import { expect, test } from "vitest";
import { Prng } from "../../src/base/prng.ts";
import { VirtualMachine } from "../../src/engine/virtual-machine.ts";
import { machineModule } from "../support/machine-module.ts";
import { randomProgram } from "./random-programs.ts";

const PROGRAMS = 240;
const EPOCHS = 6;
const EPOCH_LENGTH = 1500;

const seeds = process.env.MACHINE_SEED ? [Number(process.env.MACHINE_SEED)] : Array.from({ length: PROGRAMS }, (_, index) => index + 1);

const module = machineModule();
const machine = () => new VirtualMachine(module, { memoryMiB: 1 });
const blank = machine().snapshot();
const machines = [machine(), machine()] as [VirtualMachine, VirtualMachine];

/** The program whose machine `vm` is, and its environment: an epoch with another rate, and input, every so many instructions. */
class Life {
  vm: VirtualMachine;
  private readonly environment: Prng;
  private typed = 0n;

  constructor(program: Uint8Array, seed: number) {
    this.vm = machines[0];
    this.vm.restore(blank);
    this.vm.loadProgram(program);
    this.environment = new Prng(seed);
  }

  /** Tells its story: the state at the end of each epoch. `advance` runs to an instant by its own ways. */
  tell(advance: (life: Life, to: bigint) => void): string[] {
    const story: string[] = [];
    for (let epoch = 1; epoch <= EPOCHS; epoch++) {
      this.beginEpoch();
      advance(this, BigInt(epoch * EPOCH_LENGTH));
      const { vm } = this;
      story.push(`${vm.instant} ${vm.hash().toString(16)} pc ${vm.programCounter.toString(16)}${vm.halt === null ? "" : ` ${vm.halt}`}`);
    }
    return story;
  }

  private beginEpoch(): void {
    const { environment, vm } = this;
    const later = BigInt(environment.between(0, 40));
    const rate = environment.between(1, 1 << environment.between(22, 26));
    const bytes = Uint8Array.from({ length: environment.between(1, 4) }, () => environment.between(0, 255));
    const input = { kind: "console", inputSession: "00000000-0000-4000-8000-000000000001", offset: this.typed, bytes } as const;
    this.typed += BigInt(bytes.length);
    vm.beginEpoch({ time: (vm.wakeTime ?? vm.time) > vm.time ? vm.wakeTime! : vm.time + later, rate }, [input]);
  }

  /** @returns false where it can go no further in this epoch */
  run(to: bigint): boolean {
    for (;;) {
      const end = this.vm.run(to, true);
      if (end !== "output") return end === "limit";
    }
  }

  move(): void {
    const other = this.vm === machines[0] ? machines[1] : machines[0];
    other.restore(this.vm.snapshot());
    this.vm = other;
  }
}

test(`${seeds.length} random programs are the same however they are run`, () => {
  let instructions = 0n;
  for (const seed of seeds) {
    const program = randomProgram(new Prng(seed));
    const told = new Life(program, seed).tell((life, to) => life.run(to));
    instructions += BigInt(told.at(-1)!.split(" ")[0]!);

    const cuts = new Prng(-seed);
    const cut = (longest: number, between: (life: Life) => void) =>
      new Life(program, seed).tell((life, to) => {
        for (let going = true; going && life.vm.instant < to; ) {
          const next = life.vm.instant + BigInt(cuts.between(1, cuts.between(1, longest)));
          going = life.run(next < to ? next : to);
          between(life);
        }
      });
    expect(
      cut(60, () => {}),
      `seed ${seed}, in short pieces`,
    ).toEqual(told);
    expect(
      cut(400, (life) => cuts.between(0, 1) === 0 && life.vm.hash()),
      `seed ${seed}, hashed in between`,
    ).toEqual(told);
    expect(
      cut(3000, (life) => life.move()),
      `seed ${seed}, moved in between`,
    ).toEqual(told);
  }
  // Most of them run on to their end: they would prove little if they halted at once.
  expect(Number(instructions)).toBeGreaterThan((seeds.length * EPOCHS * EPOCH_LENGTH) / 2);
});
