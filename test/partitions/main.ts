/**
 * `npm run partitions -- [--minutes M] [--seed N]`: tells the stories of stories.ts to one VM, again and again in an order drawn
 * from the seed, until the time is over; without `--minutes` each of them once.
 *
 * Prints a JSON line for each story told. Exit status 1: one ended wrong, and its line says how; 2: it cannot be done here.
 */
import { parseArgs } from "node:util";
import { Prng } from "../../src/base/prng.ts";
import { whyNoNetwork } from "../support/network/virtual-network.ts";
import { NetworkedInstallation } from "../support/networked-installation.ts";
import { STORIES, tell } from "./stories.ts";

const TYPE_EVERY_MS = 40;

const { values } = parseArgs({ options: { minutes: { type: "string" }, seed: { type: "string" } } });
const minutes = values.minutes === undefined ? null : Number(values.minutes);
const seed = Number(values.seed ?? 1);
if ((minutes !== null && !(minutes > 0)) || !Number.isSafeInteger(seed)) {
  process.stderr.write("partitions: --minutes is a number above 0, --seed a whole number\n");
  process.exit(2);
}
const why = whyNoNetwork();
if (why !== null) {
  process.stderr.write(`partitions: Cannot make a network: ${why}\n`);
  process.exit(2);
}

const prng = new Prng(seed);
const endsAtMs = minutes === null ? null : performance.now() + minutes * 60_000;
process.stderr.write(`seed=${seed} stories=${STORIES.length}\n`);
const installation = await NetworkedInstallation.start();
let failed = 0;
let told = 0;
try {
  const guest = await installation.at.boot();
  await guest.protectedNow();
  await guest.beginStory(TYPE_EVERY_MS);
  do {
    for (const story of shuffled()) {
      if (endsAtMs !== null && performance.now() >= endsAtMs) break;
      const { problems, silenceMs, winner } = await tell(installation, guest, story, TYPE_EVERY_MS);
      told++;
      if (problems.length > 0) failed++;
      process.stdout.write(`${JSON.stringify({ story: story.name, winner, silenceMs: Math.round(silenceMs), problems })}\n`);
      // What does not hold once cannot hold any more: the transcript is one.
      if (problems.length > 0) break;
    }
  } while (failed === 0 && endsAtMs !== null && performance.now() < endsAtMs);
} finally {
  await installation.stop();
}
process.stdout.write(`${JSON.stringify({ told, failed, seed })}\n`);
process.exit(failed === 0 && told > 0 ? 0 : 1);

/** Without a time they are told in the order in which they are written. */
function shuffled(): typeof STORIES {
  if (minutes === null) return STORIES;
  const stories = [...STORIES];
  for (let last = stories.length - 1; last > 0; last--) {
    const other = prng.between(0, last);
    [stories[last], stories[other]] = [stories[other] as (typeof stories)[number], stories[last] as (typeof stories)[number]];
  }
  return stories;
}
