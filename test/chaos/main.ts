/**
 * `npm run chaos -- [--minutes M] [--seed N] [--workers W] [--vms V] [--out FOLDER]`: real processes under faults drawn from the
 * seed, for so long. Writes FOLDER/report.md and report.json, prints the former, and leaves nothing else.
 *
 *     protected --member fault, perhaps an around fault before or in it--> over --guests go on--> protected again
 *
 * What must hold all the time: no VM fails, a live primary is one, what a guest writes reaches its client without gap or repeat,
 * what was acknowledged is heard once, and the whole history, run again without failures, has the same states and console.
 * Exit status 1: something of it did not hold; 2: the command line is wrong.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Prng } from "../../src/base/prng.ts";
import { guestImageStore } from "../support/guest-image.ts";
import type { Guest } from "../support/installation.ts";
import { replay } from "../support/replay.ts";
import { type Aimed, type Begun, FAULTS, type Fault } from "./faults.ts";
import { type ChaosPlace, startPlace } from "./place.ts";
import { type ChaosReport, type FaultRecord, type Phase, reportJson, reportMarkdown } from "./report.ts";

const TYPE_EVERY_MS = 50;
const HEARTBEAT_TIMEOUT_MS = 1_000;
const MEMORY_MIB = 96;
/** So often one of an hundred member faults has an around fault with it. */
const COMPANY_PERCENT = 40;
/** Of the faults, one in so many is an around fault alone. */
const AROUND_ALONE = 4;
const JUDGE_EVERY = 5;

const { values } = parseArgs({
  options: {
    minutes: { type: "string" },
    seed: { type: "string" },
    workers: { type: "string" },
    vms: { type: "string" },
    out: { type: "string" },
  },
});
const minutes = Number(values.minutes ?? 10);
const seed = Number(values.seed ?? 1);
const workers = Number(values.workers ?? 3);
const vms = Number(values.vms ?? 2);
const out = resolve(values.out ?? ".understudy/chaos");
if (!(minutes > 0) || !Number.isSafeInteger(seed) || !(Number.isInteger(workers) && workers >= 3) || !(Number.isInteger(vms) && vms >= 1)) {
  process.stderr.write("chaos: --minutes is a number above 0, --seed a whole number, --workers at least 3, --vms at least 1\n");
  process.exit(2);
}

class Chaos {
  private readonly prng = new Prng(seed);
  private readonly faults: FaultRecord[] = [];
  private readonly client: number[] = [];
  private readonly violations: string[] = [];
  private transcriptsChecked = 0;
  private startedMs = 0;

  constructor(
    private readonly place: ChaosPlace,
    private readonly recordDir: string,
    private readonly imageStore: string,
  ) {}

  async run(): Promise<ChaosReport> {
    const guests: Guest[] = [];
    for (let vm = 1; vm <= vms; vm++) guests.push(await this.place.at.boot({ name: `chaos-${vm}`, memoryMiB: MEMORY_MIB }));
    for (const guest of guests) {
      await guest.protectedNow();
      await guest.beginStory(TYPE_EVERY_MS);
    }
    this.startedMs = performance.now();
    const endsAtMs = this.startedMs + minutes * 60_000;
    try {
      while (performance.now() < endsAtMs && this.violations.length === 0) {
        await this.round(guests);
        if (this.faults.length % JUDGE_EVERY === 0) await this.judge(guests);
      }
      await this.judge(guests);
    } catch (error) {
      this.violations.push(`after ${JSON.stringify(this.faults.slice(-2))}: ${error instanceof Error ? error.message : error}`);
    }
    return await this.report(guests);
  }

  /** One member fault or one around fault, or both, and then all that must follow. */
  private async round(guests: readonly Guest[]): Promise<void> {
    for (const guest of guests) await guest.protectedNow();
    // A random instant: so many more bytes of a guest's story.
    await (guests[0] as Guest).expect(new RegExp(`[\\s\\S]{${this.prng.between(0, 300)}}`));
    for (const guest of guests) guest.console.resetSilence();

    const alone = this.prng.between(1, AROUND_ALONE) === 1;
    const company = alone || this.prng.between(1, 100) <= COMPANY_PERCENT;
    const drawn = [...(alone ? [] : [this.draw("member")]), ...(company ? [this.draw("around")] : [])];
    if (this.prng.between(0, 1) === 1) drawn.reverse();
    // Who is what is looked up before anything is begun: the API may not answer then.
    const aimed: { kind: string; begin: Aimed }[] = [];
    for (const fault of drawn) aimed.push({ kind: fault.kind, begin: await fault.aim({ place: this.place, guests, prng: this.prng }) });
    const ends: Promise<void>[] = [];
    try {
      for (const { kind, begin } of aimed) ends.push(this.lasts(kind, await begin()));
    } finally {
      await Promise.all(ends);
    }
    for (const guest of guests) {
      await guest.expectGuestLines(5);
      await guest.protectedNow();
      this.client.push(Math.round(guest.console.silenceMs));
      const live = (await guest.vm.replicas()).filter(({ role, state }) => role === "primary" && state === "live");
      if (live.length !== 1) this.violations.push(`${live.length} replicas of ${guest.vm.id} are live primaries`);
    }
    process.stderr.write(`${Math.round((performance.now() - this.startedMs) / 1000)} s: ${drawn.map(({ kind }) => kind).join(" and ")}\n`);
  }

  /** Writes the fault down. @returns when it is over */
  private lasts(kind: string, { target, lastsMs, end }: Begun): Promise<void> {
    this.faults.push({ kind, target, atMs: Math.round(performance.now() - this.startedMs), lastedMs: lastsMs });
    const ended = new Promise<void>((settle, reject) => {
      setTimeout(() => end().then(settle, reject), lastsMs);
    });
    ended.catch(() => {});
    return ended;
  }

  private draw(reach: Fault["reach"]): Fault {
    const possible = FAULTS.filter((fault) => fault.reach === reach && (!fault.needsNetwork || this.place.network !== null));
    return possible[this.prng.between(0, possible.length - 1)] as Fault;
  }

  private async judge(guests: readonly Guest[]): Promise<void> {
    for (const guest of guests) {
      const { problems } = await guest.endStory();
      this.transcriptsChecked++;
      this.violations.push(...problems.map((problem) => `${guest.vm.id}: ${problem}`));
      guest.console.startTyping(TYPE_EVERY_MS);
    }
  }

  private async report(guests: readonly Guest[]): Promise<ChaosReport> {
    const gaps: Record<Phase, number[]> = { detect: [], arbitrate: [], promote: [], total: [], client: this.client };
    let failovers = 0;
    for (const guest of guests) {
      for (const { state, gapMs } of await guest.vm.failovers().all()) {
        if (state === "completed") failovers++;
        if (gapMs === null) continue;
        for (const phase of ["detect", "arbitrate", "promote", "total"] as const) gaps[phase].push(gapMs[phase]);
      }
    }
    let repairs = 0;
    let divergences = 0;
    for await (const { type } of this.place.at.client.events.list({ types: ["vm.repair.completed", "vm.divergence.detected"] })) {
      if (type === "vm.repair.completed") repairs++;
      else divergences++;
    }
    if (divergences > 0) this.violations.push(`${divergences} divergences were detected`);
    const transcripts = guests.map(({ vm, console }) => ({ id: vm.id, text: console.transcript }));
    for (const guest of guests) guest.console.close();
    await this.place.stop();

    let hashesCompared = 0;
    let epochsReplayed = 0;
    for (const { id, text } of transcripts) {
      const again = await replay(this.recordDir, id, this.imageStore);
      hashesCompared += again.hashesCompared;
      epochsReplayed += again.epochs;
      for (const problem of again.problems) this.violations.push(`${id}, run again: ${problem}`);
      if (!new TextDecoder().decode(again.console).startsWith(text)) {
        this.violations.push(`${id}, run again without failures, writes something else than its client saw`);
      }
    }
    return {
      seed,
      minutes,
      workers,
      vms,
      network: this.place.network !== null,
      heartbeatTimeoutMs: HEARTBEAT_TIMEOUT_MS,
      cores: availableParallelism(),
      node: process.version,
      faults: this.faults,
      gaps,
      failovers,
      repairs,
      transcriptsChecked: this.transcriptsChecked,
      transcriptBytes: transcripts.reduce((sum, { text }) => sum + text.length, 0),
      hashesCompared,
      epochsReplayed,
      divergences,
      violations: this.violations,
    };
  }
}

process.stderr.write(`seed=${seed} faults=${FAULTS.length} kinds\n`);
const recordDir = await mkdtemp(join(tmpdir(), "understudy-record-"));
const { dir: imageStore } = await guestImageStore();
const place = await startPlace(workers, {
  UNDERSTUDY_RECORD_DIR: recordDir,
  UNDERSTUDY_HEARTBEAT_TIMEOUT_MS: String(HEARTBEAT_TIMEOUT_MS),
});
let report: ChaosReport;
try {
  report = await new Chaos(place, recordDir, imageStore).run();
} finally {
  await place.stop();
  await rm(recordDir, { recursive: true, force: true });
}
await mkdir(out, { recursive: true });
await writeFile(join(out, "report.json"), reportJson(report));
await writeFile(join(out, "report.md"), reportMarkdown(report));
process.stdout.write(reportMarkdown(report));
process.exit(report.violations.length === 0 && report.faults.length > 0 ? 0 : 1);
