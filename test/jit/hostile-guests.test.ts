/**
 * Guests that make translation worth nothing: slow is allowed, wrong is not, and neither are regions without bound. Each checks
 * itself; here it also goes through the interpreter's states, with few regions and with many.
 */
import { describe, expect, test } from "vitest";
import { ImmediateCompiler } from "../../src/engine/region-compiler.ts";
import type { RegionOptions, RegionStatistics } from "../../src/engine/regions.ts";
import { fixture, GuestRun } from "../machine/guest-run.ts";

const LIMIT = 20_000_000n;

/** @param piece instructions between two looks for translated code, and at the state */
function run(name: string, piece: bigint, regions?: RegionOptions): { story: string[]; statistics: RegionStatistics | null } {
  const guest = new GuestRun({ image: fixture(`programs/${name}.bin`) }, 8, regions);
  const story: string[] = [];
  for (let end = piece; end < LIMIT; end += piece) {
    const runs = guest.to(end);
    story.push(`${guest.vm.instant} ${guest.hash}`);
    if (!runs) break;
  }
  story.push(guest.outcome);
  return { story, statistics: guest.vm.regionStatistics() };
}

const GUESTS: readonly (readonly [name: string, is: string, piece: bigint, mostRequests: number])[] = [
  ["every-halfword", "that jumps to every halfword of a page", 40_000n, 200],
  ["rewrites-loop", "that rewrites its own loops at each pass", 500n, 100],
  ["aliases", "that maps a page at 512 addresses and changes it through them", 5_000n, 50],
  ["scattered", "that fills memory with regions of one instruction", 10_000n, 400],
];

describe.each(GUESTS)("%s: a guest %s", (name, _, piece, mostRequests) => {
  const interpreted = run(name, piece);

  test("passes its own checks", () => {
    expect(interpreted.story.at(-1)).toBe("poweroff");
  });

  for (const maximum of [3, 4000]) {
    test(`is in the interpreter's states with ${maximum} regions at most, and asks for no more than is of use`, () => {
      const { story, statistics } = run(name, piece, { compiler: new ImmediateCompiler(), sampleInterval: 100, threshold: 2, maximum });
      expect(story).toEqual(interpreted.story);
      expect(statistics?.installed).toBeGreaterThan(0);
      expect(statistics?.regions).toBeLessThanOrEqual(maximum);
      expect(statistics?.requested).toBeLessThan(mostRequests);
    });
  }
});
