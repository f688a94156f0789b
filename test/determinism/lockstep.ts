/**
 * A machine that interprets and one that translates, run through the same random pieces: after each piece both are in the same
 * state, or the first difference is thrown. Meanwhile bytes of the second one's RAM are stored anew, as they are, so that
 * what it has made of them is dropped at random moments.
 */
import type { Prng } from "../../src/base/prng.ts";
import type { ClockSample, EpochInput } from "../../src/engine/epoch.ts";
import type { LocalMachine, MachineHost, Position, Run } from "./machine-host.ts";

/** Two machines were not in the same state at the same instant, or what a guest did is not what it must do. */
export class Difference extends Error {}

export interface LockstepOptions {
  /** What is run, and by which seed. */
  readonly what: string;
  /** At the time, for it may change. Short pieces are as frequent as long ones: lengths are powers of a random exponent. */
  readonly longestPiece: () => number;
  /** Where code is: physical addresses [start, end). */
  readonly code: readonly [start: number, end: number];
}

/** After one piece in so many a page is stored anew. */
const DROP_ONE_IN = 4;
const PAGE = 4096;

export class Lockstep implements MachineHost {
  readonly name = "two machines in lockstep";
  /** Pieces run, and with them comparisons. */
  pieces = 0;
  private instant = 0n;

  constructor(
    private readonly interpreter: LocalMachine,
    private readonly translator: LocalMachine,
    private readonly prng: Prng,
    private readonly options: LockstepOptions,
  ) {}

  async restore(snapshot: Uint8Array): Promise<Position> {
    await this.translator.restore(snapshot);
    const position = await this.interpreter.restore(snapshot);
    this.instant = position.instant;
    return position;
  }

  async snapshot(): Promise<Uint8Array> {
    return await this.translator.snapshot();
  }

  async hash(): Promise<string> {
    return await this.translator.hash();
  }

  async translated(): Promise<number> {
    return await this.translator.translated();
  }

  async beginEpoch(clock: ClockSample, inputs: readonly EpochInput[]): Promise<void> {
    await this.interpreter.beginEpoch(clock, inputs);
    await this.translator.beginEpoch(clock, inputs);
  }

  async run(until: bigint): Promise<Run> {
    let output = "";
    for (;;) {
      const next = this.instant + BigInt(this.length());
      const end = next < until ? next : until;
      const wanted = await this.interpreter.run(end);
      const run = await this.translator.run(end);
      await this.compare(wanted, run);
      output += run.output;
      this.instant = run.instant;
      if (this.prng.between(1, DROP_ONE_IN) === 1) this.drop();
      if (run.end !== "limit" || run.instant === until) return { ...run, output };
    }
  }

  private length(): number {
    const exponent = this.prng.between(0, 1000) / 1000;
    return Math.floor(this.options.longestPiece() ** exponent);
  }

  private async compare(wanted: Run, run: Run): Promise<void> {
    this.pieces++;
    const words = async (machine: LocalMachine, { instant, end }: Run): Promise<string> => `${end} at ${instant}, ${await machine.hash()}`;
    const [interpreted, translated] = [await words(this.interpreter, wanted), await words(this.translator, run)];
    if (translated !== interpreted) {
      throw new Difference(`${this.options.what}: equal at ${this.instant}, then interpreted ${interpreted} and translated ${translated}`);
    }
  }

  private drop(): void {
    const [start, end] = this.options.code;
    this.translator.storeAnew(start + PAGE * this.prng.between(0, (end - start) / PAGE - 1), PAGE);
  }
}
