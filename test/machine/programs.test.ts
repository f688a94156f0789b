/** The programs of test/fixtures/programs: each checks the machine from inside, and must not notice how it is run. */
import { describe, expect, test } from "vitest";
import { Prng } from "../../src/base/prng.ts";
import { Compaction } from "../../src/engine/compaction.ts";
import { ImmediateCompiler } from "../../src/engine/region-compiler.ts";
import { fixture, GuestRun, type Program } from "./guest-run.ts";

const PROGRAMS: Record<string, string> = {
  "access-faults": "an access to nothing, of a width that a device has not, or across the end of RAM faults and changes nothing",
  "access-groups": "accesses off one register see what happens between them to their page, and to its translation",
  "address-spaces": "an address space that comes back is as its tables are then, whatever changed meanwhile",
  atomics: "LR, SC and every AMO do what they should in both widths",
  "cache-blocks": "operations on cache blocks do what envcfg allows, and zero is a store of 64 bytes",
  compressed: "every compressed instruction is the one it stands for, with every bit of its immediate",
  counters: "instret counts what retired before it, and is shown to whom counteren allows it",
  csr: "each CSR keeps the bits it has, and those that are not there trap",
  float: "F and D obey FS, NaN boxes, rounding modes and flags",
  "kept-pages": "a loop's accesses see what happens between two passes to their page, and to its translation",
  misaligned: "misaligned accesses work in a page and across two, or write nothing",
  "page-table-stores": "a store to a page table is seen by the next access, by whatever way it comes",
  paging: "Sv39 translates, refuses, and sets A and D",
  "plic-uart": "the UART's registers and interrupt, and the PLIC's priorities, thresholds, claims and completions",
  pmp: "PMP decides by the first entry that matches, over loads, stores, fetches and page walks",
  rtc: "the RTC tells the time, takes another, and its alarm interrupts when it should",
  privilege: "delegation, vectors, the stack of modes, TSR, TVM and TW",
  sbi: "a supervisor without firmware gets its answers from the machine",
  "self-modifying": "code that was written by any means runs after fence.i",
  "self-modifying-at-once": "code that was written runs at once",
  straddle: "instructions that cross a page work, fault at the right half, and can be jumped into",
  sv48: "Sv48 translates by four tables, and shares them with Sv39",
  svade: "without ADUE an access that would set A or D is a page fault",
  timer: "timers interrupt before the first instruction at which their time is reached",
  traps: "each exception has its cause, mepc and mtval",
  wfi: "WFI goes on when it should and waits when it should",
};

/** No program is longer. */
const LIMIT = 100_000n;

function load(name: string): Program {
  return { image: fixture(`programs/${name}.bin`), supervisor: name === "sbi" };
}

describe.each(Object.entries(PROGRAMS))("%s", (name, sentence) => {
  const program = load(name);

  test(sentence, () => {
    const guest = new GuestRun(program);
    guest.to(LIMIT);
    expect(guest.outcome).toBe("poweroff");
  });

  test("it reaches the same states in pieces of one instruction, in random pieces, translated, and after moves to other machines", () => {
    const whole = new GuestRun(program);
    whole.to(LIMIT);
    const end = { outcome: whole.outcome, instant: whole.vm.instant, hash: whole.hash };

    const prng = new Prng(name.length);
    const checkpoints = Array.from({ length: 8 }, () => BigInt(prng.between(1, Number(end.instant) - 1))).sort((a, b) => Number(a - b));
    const atCheckpoints = (guest: GuestRun, advance: (guest: GuestRun, to: bigint) => void) => {
      const states = checkpoints.map((instant) => {
        advance(guest, instant);
        return `${guest.vm.instant} ${guest.hash}`;
      });
      advance(guest, end.instant);
      guest.to(LIMIT);
      expect({ outcome: guest.outcome, instant: guest.vm.instant, hash: guest.hash }).toEqual(end);
      return states;
    };

    const straight = atCheckpoints(new GuestRun(program), (guest, to) => guest.to(to));
    const single = atCheckpoints(new GuestRun(program), (guest, to) => {
      while (guest.vm.instant < to && guest.to(guest.vm.instant + 1n));
    });
    const random = atCheckpoints(new GuestRun(program), (guest, to) => {
      while (guest.vm.instant < to) {
        const next = guest.vm.instant + BigInt(prng.between(1, 60));
        if (!guest.to(next < to ? next : to)) break;
        if (prng.between(0, 3) === 0) guest.vm.hash();
      }
    });
    const moved = atCheckpoints(new GuestRun(program), (guest, to) => {
      guest.to(to - 1n > guest.vm.instant ? to - 1n : to);
      guest.move();
      guest.to(to);
    });
    const regions = { compiler: new ImmediateCompiler(), sampleInterval: 10, threshold: 1 };
    const translated = atCheckpoints(new GuestRun(program, undefined, regions), (guest, to) => {
      while (guest.vm.instant < to) {
        const next = guest.vm.instant + 300n;
        if (!guest.to(next < to ? next : to)) break;
      }
    });
    const compacted = atCheckpoints(new GuestRun(program, undefined, regions), (guest, to) => {
      const compaction = new Compaction(guest.vm);
      while (guest.vm.instant < to) {
        const next = guest.vm.instant + BigInt(prng.between(1, 3000));
        if (!guest.to(next < to ? next : to)) break;
        compaction.step(4096 * prng.between(1, 40));
      }
      if (prng.between(0, 2) === 0) {
        compaction.stop();
        return;
      }
      guest.vm.hash();
      guest.vm.changedPages();
      guest.vm = compaction.finish();
    });
    expect(compacted).toEqual(straight);
    expect(single).toEqual(straight);
    expect(random).toEqual(straight);
    expect(translated).toEqual(straight);
    expect(moved).toEqual(straight);
  });
});
