import { describe, expect, it } from "vitest";
import { HistoryFilter } from "../../src/cli/terminal-queries.ts";

function filtered(...pieces: readonly Uint8Array[]): string {
  const filter = new HistoryFilter();
  return Buffer.concat([...pieces.map((piece) => filter.push(piece)), filter.end()]).toString("latin1");
}

const bytes = (text: string) => Buffer.from(text, "latin1");

describe("a console's history, shown to a terminal", () => {
  const cases: readonly [string, string, string][] = [
    ["the cursor's place", "a\x1b[6nb", "ab"],
    ["the terminal's state, and with a private mark", "\x1b[5n\x1b[?6nb", "b"],
    ["what terminal it is, in four ways", "\x1b[c\x1b[>0c\x1b[=c\x1bZb", "b"],
    ["a mode", "\x1b[?2026$pb", "b"],
    ["a colour", "\x1b]11;?\x07\x1b]4;1;?\x1b\\b", "b"],
    ["a setting and a capability", "\x1bP$qm\x1b\\\x1bP+q544e\x1b\\b", "b"],
  ];
  it.each(cases)("does not ask for %s, however it is cut", (_what, text, wanted) => {
    for (let cut = 0; cut <= text.length; cut++) expect(filtered(bytes(text.slice(0, cut)), bytes(text.slice(cut)))).toBe(wanted);
  });

  const kept: readonly [string, string][] = [
    ["colours, cursor moves, modes", "\x1b[1;31mred\x1b[0m\x1b[2J\x1b[10;20H\x1b[?25l"],
    ["a title and a colour that is set", "\x1b]0;what?\x07\x1b]11;#000000\x1b\\"],
    ["a charset, a reset, a saved cursor", "\x1b(B\x1bc\x1b7"],
    ["a sequence that another one breaks off", "\x1b[1\x1b[2Jx\x1b\x1b[0m"],
    ["a sequence that never ends", `\x1b]0;${"x".repeat(10_000)}`],
    ["every byte, in no sequence at all", String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i).filter((i) => i !== 0x1b))],
  ];
  it.each(kept)("keeps %s, however it is cut", (_what, text) => {
    for (let cut = 0; cut <= Math.min(text.length, 300); cut++)
      expect(filtered(bytes(text.slice(0, cut)), bytes(text.slice(cut)))).toBe(text);
  });
});
