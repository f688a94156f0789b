/**
 * `kills-in-a-row`: the primary's process is killed at random instants, so many times or for so long as is asked; then the
 * whole history is run again on one machine that nobody kills. Console and state hashes of both must be equal.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Prng } from "../../src/base/prng.ts";
import { guestImageStore } from "../support/guest-image.ts";
import { Installation } from "../support/installation.ts";
import { replay } from "../support/replay.ts";
import type { BenchOptions, Figure } from "./bench-line.ts";

const KILLS = 100;
const KILLS_GOAL = 1_000;
const SEED = 1996;

export async function* killsInARow({ kills: wanted = KILLS, minutes }: BenchOptions): AsyncGenerator<Figure> {
  const prng = new Prng(SEED);
  const folder = await mkdtemp(join(tmpdir(), "understudy-record-"));
  const { dir: imageStore } = await guestImageStore();
  const installation = await Installation.start({ imageStore, env: { UNDERSTUDY_RECORD_DIR: folder } });
  try {
    const guest = await installation.boot();
    await guest.protectedNow();
    await guest.beginStory(50);
    const endsAtMs = minutes === undefined ? Number.POSITIVE_INFINITY : performance.now() + minutes * 60_000;
    let kills = 0;
    while (kills < wanted && performance.now() < endsAtMs) {
      // A random instant: so many more bytes of the guest's story.
      await guest.expect(new RegExp(`[\\s\\S]{${prng.between(0, 200)}}`));
      const { term } = guest.vm.status;
      process.kill((await guest.workerOf("primary")).pid, "SIGKILL");
      await guest.expectGuestLines(2);
      await guest.protectedAfter(term);
      kills++;
      if (kills % 50 === 0) process.stderr.write(`${kills} kills\n`);
    }
    const problems = [...(await guest.endStory()).problems];
    const completed = (await guest.vm.failovers().all()).filter(({ state }) => state === "completed").length;
    if (completed !== kills) problems.push(`${completed} failovers were completed, ${kills} primaries were killed`);
    const { id } = guest.vm;
    const { transcript } = guest.console;
    guest.console.close();
    await installation.stop();

    // The recording goes on after the client has stopped to read: what the client saw is where it begins.
    const again = await replay(folder, id, imageStore);
    problems.push(...again.problems);
    if (!new TextDecoder().decode(again.console).startsWith(transcript)) problems.push("the replay's console is not what the client saw");
    if (again.primaries < kills) problems.push(`${again.primaries} replicas recorded epochs, ${kills} primaries were killed`);
    if (problems.length > 0) throw new Error(`${kills} kills were not survived: ${problems.join("; ")}`);
    yield {
      bench: "kills-in-a-row",
      name: "kills",
      unit: "kills",
      value: kills,
      n: kills,
      goal: KILLS_GOAL,
      better: "higher",
      detail: {
        equalToFailureFreeRun: "console and state hashes",
        consoleBytes: transcript.length,
        hashesCompared: again.hashesCompared,
        epochs: again.epochs,
        instant: String(again.instant),
        seed: SEED,
      },
    };
  } finally {
    await installation.stop();
    await rm(folder, { recursive: true, force: true });
  }
}
