/** The loops of test/fixtures/loops: their counts and checksums, and that no way to cut a run shows. */
import { describe, expect, test } from "vitest";
import { Prng } from "../../src/base/prng.ts";
import { fixture, GuestRun } from "./guest-run.ts";

/** Rows of the README's table. */
const LOOPS = [...new TextDecoder().decode(fixture("loops/README.md")).matchAll(/^\| (\w+) +\| +([\d,]+) +\| ([0-9a-f]{16}) +\|/gm)].map(
  ([, name, retired, checksum]) => ({ name: name!, retired: BigInt(retired!.replaceAll(",", "")), checksum: checksum! }),
);

test("the table has eight loops", () => {
  expect(LOOPS.map((loop) => loop.name)).toEqual(["sieve", "memcpy", "crc32", "matmul", "fib", "list", "vm", "qsort"]);
});

describe.each(LOOPS)("$name", ({ name, retired, checksum }) => {
  const program = { image: fixture(`loops/${name}.s.bin`) };

  test("it powers off after exactly the instructions of the table, with its checksum", () => {
    const guest = new GuestRun(program);
    guest.to(100_000_000n);
    expect([guest.outcome, guest.vm.instant, guest.console]).toEqual(["poweroff", retired, `${checksum}\n`]);
  });

  test("whole, in random pieces, and in pieces of one instruction it has the same states", () => {
    const seed = 20261123 + name.length;
    const prng = new Prng(seed);
    const whole = new GuestRun(program);
    const pieces = new GuestRun(program);
    const single = new GuestRun(program);
    const start = new GuestRun(program);
    start.to(60_000n);
    while (single.vm.instant < 60_000n) single.to(single.vm.instant + 1n);
    expect(single.hash).toBe(start.hash);
    for (const part of [3n, 2n, 1n]) {
      const instant = retired / part;
      whole.to(instant);
      while (pieces.vm.instant < instant) {
        const next = pieces.vm.instant + BigInt(prng.between(1, prng.between(1, 20_000)));
        pieces.to(next < instant ? next : instant);
      }
      expect([instant, pieces.hash], `seed ${seed}`).toEqual([instant, whole.hash]);
    }
    expect(pieces.outcome).toBe("poweroff");
  });
});
