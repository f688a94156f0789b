/** A machine that is run in random pieces, hashed in between, and moved by snapshot from host to host: by contract, nobody can tell. */
import type { Prng } from "../../src/base/prng.ts";
import type { ClockSample, EpochInput } from "../../src/engine/epoch.ts";
import type { MachineHost, Position, Run } from "./machine-host.ts";

export interface Itinerary {
  /** The longest piece that it may run at once; most are much shorter. */
  readonly longestPiece: number;
  /** After one piece in so many it is hashed; 0: never. */
  readonly hashOneIn?: number;
  /** After one piece in so many it moves on to the next host; 0: never. */
  readonly moveOneIn?: number;
}

export class Traveller implements MachineHost {
  readonly name = "a traveller";
  /** How often it has moved. */
  moves = 0;
  private readonly hosts: readonly MachineHost[];
  private readonly prng: Prng;
  private readonly itinerary: Itinerary;
  private at = 0;
  private instant = 0n;

  constructor(hosts: readonly MachineHost[], prng: Prng, itinerary: Itinerary) {
    this.hosts = hosts;
    this.prng = prng;
    this.itinerary = itinerary;
  }

  private get host(): MachineHost {
    const host = this.hosts[this.at];
    if (host === undefined) throw new Error("a traveller needs a host");
    return host;
  }

  async restore(snapshot: Uint8Array): Promise<Position> {
    const position = await this.host.restore(snapshot);
    this.instant = position.instant;
    return position;
  }

  async snapshot(): Promise<Uint8Array> {
    return await this.host.snapshot();
  }

  async hash(): Promise<string> {
    return await this.host.hash();
  }

  async translated(): Promise<number> {
    let sum = 0;
    for (const host of this.hosts) sum += await host.translated();
    return sum;
  }

  async beginEpoch(clock: ClockSample, inputs: readonly EpochInput[]): Promise<void> {
    await this.host.beginEpoch(clock, inputs);
  }

  async run(until: bigint): Promise<Run> {
    const { longestPiece, hashOneIn = 0, moveOneIn = 0 } = this.itinerary;
    let output = "";
    for (;;) {
      const next = this.instant + BigInt(this.prng.between(1, this.prng.between(1, longestPiece)));
      const run = await this.host.run(next < until ? next : until);
      output += run.output;
      this.instant = run.instant;
      if (hashOneIn > 0 && this.prng.between(1, hashOneIn) === 1) await this.host.hash();
      if (moveOneIn > 0 && this.prng.between(1, moveOneIn) === 1) await this.move();
      if (run.end !== "limit" || run.instant === until) return { ...run, output };
    }
  }

  private async move(): Promise<void> {
    const snapshot = await this.host.snapshot();
    this.at = (this.at + 1) % this.hosts.length;
    this.moves++;
    await this.host.restore(snapshot);
  }
}
