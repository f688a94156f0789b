/** The judge of the demonstration: it accepts every faithful interleaving and names every unfaithful one. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkTranscript, clientLine, STORY_SCRIPT } from "../../src/cli/demo/transcript.ts";

const BOOT = "[    0.1] Linux\r\nunderstudy:~# stty -echo; echo 'story: '\"begin\"; ...\r\nstory: begin\r\n";

function check(lines: readonly string[], facts = { typed: 3, acknowledged: 2 }) {
  return checkTranscript(BOOT + lines.map((line) => `${line}\r\n`).join(""), facts);
}

describe("transcript checker", () => {
  it("accepts an interleaving of two gapless sequences", () => {
    expect(check(["guest 1", "heard client 1", "guest 2", "guest 3", "heard client 2"])).toEqual({
      holds: true,
      guestLines: 3,
      heardLines: 2,
      problems: [],
    });
  });

  it("accepts a last line that is cut anywhere", () => {
    for (const cut of ["", "g", "guest 2", "guest 2\r", "heard cl", "heard client 3\r"]) {
      expect(
        checkTranscript(`${BOOT}guest 1\r\nheard client 1\r\nheard client 2\r\n${cut}`, { typed: 3, acknowledged: 2 }).problems,
      ).toEqual([]);
    }
  });

  it.each([
    ["a lost line", ["guest 1", "guest 3", "heard client 1", "heard client 2"], "the guest counted 3 after 1"],
    ["a repeated line", ["guest 1", "guest 1", "heard client 1", "heard client 2"], "the guest counted 1 after 1"],
    ["an input that came twice", ["guest 1", "heard client 1", "heard client 1", "heard client 2"], "heard client line 1 after 1"],
    ["an input out of order", ["guest 1", "heard client 2", "heard client 1"], "heard client line 2 after 0"],
    ["an acknowledged input that is missing", ["guest 1", "heard client 1"], "heard 1 client lines, 2 were acknowledged"],
    [
      "an input that nobody typed",
      ["guest 1", "heard client 1", "heard client 2", "heard client 3", "heard client 4"],
      "only 3 were typed",
    ],
    ["a line cut in the middle", ["guest 1", "guest", "heard client 1", "heard client 2"], '"guest" is no line of the story'],
    ["two lines run together", ["guest 1guest 2", "heard client 1", "heard client 2"], "is no line of the story"],
    ["a byte that repeats inside a line", ["guest 1", "guestt 2", "heard client 1", "heard client 2"], "is no line of the story"],
    ["an empty line", ["guest 1", "", "heard client 1", "heard client 2"], '"" is no line of the story'],
    ["no guest line", ["heard client 1", "heard client 2"], "the guest counted nothing"],
  ])("names %s", (_what, lines, problem) => {
    const verdict = check(lines);
    expect(verdict.holds).toBe(false);
    expect(verdict.problems.join("; ")).toContain(problem);
  });

  it("names a story that never began: the echo of the command is not the beginning", () => {
    expect(checkTranscript(`understudy:~# ${STORY_SCRIPT}guest 1\r\n`, { typed: 0, acknowledged: 0 }).problems).toEqual([
      'the story never began: no line "story: begin"',
    ]);
  });

  it("names a wrong cut last line", () => {
    expect(checkTranscript(`${BOOT}guest 1\r\nguest 9`, { typed: 0, acknowledged: 0 }).holds).toBe(false);
  });

  it("notices any removed or doubled piece of a faithful transcript", () => {
    const lines: string[] = [];
    for (let n = 1; n <= 40; n++) lines.push(`guest ${n}`, `heard ${clientLine(n).trim()}`);
    const story = `${lines.join("\r\n")}\r\n`;
    const facts = { typed: 40, acknowledged: 40 };
    fc.assert(
      fc.property(fc.nat(story.length - 1), fc.integer({ min: 1, max: 200 }), fc.boolean(), (at, length, twice) => {
        const piece = story.slice(at, at + length);
        const broken = twice ? story.slice(0, at) + piece + story.slice(at) : story.slice(0, at) + story.slice(at + length);
        expect(checkTranscript(BOOT + broken, facts).holds).toBe(false);
      }),
    );
    expect(checkTranscript(BOOT + story, facts).holds).toBe(true);
  });
});
