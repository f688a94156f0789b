/**
 * Takes out of a console's history what asks the terminal something.
 *
 * A guest's shell asks for the cursor's place at each prompt (`ESC [ 6 n`). A terminal that is shown the history of a console
 * would answer every question in it, and the answers would be typed into the guest, which has long gone on without them.
 *
 *     text --ESC--> escape --[--> control sequence: dropped where it ends with n, c, or $ p
 *                      |-- ] --> operating system command: dropped where it has a ?
 *                      |-- P --> device control string: dropped where it begins with $q or +q
 *                      '-- Z --> dropped
 *
 * @see ECMA-48 for the forms of sequences, and XTerm's "Control Sequences" for those that are answered
 */

const ESC = 0x1b;
const BEL = 0x07;
/** A sequence that is longer is none: it is shown as it came. */
const SEQUENCE_MAX = 4096;

export class HistoryFilter {
  private held: number[] = [];

  /** @returns what may be shown of what came so far; the beginning of a sequence is kept until its end comes */
  push(bytes: Uint8Array): Uint8Array {
    const shown: number[] = [];
    for (const byte of bytes) {
      if (this.held.length === 0 && byte !== ESC) {
        shown.push(byte);
        continue;
      }
      this.held.push(byte);
      const form = formOf(this.held);
      if (form === "unfinished") continue;
      // Another escape breaks a sequence off, and begins the next one.
      const broken = form === "broken" && byte === ESC;
      if (form !== "query") shown.push(...(broken ? this.held.slice(0, -1) : this.held));
      this.held = broken ? [ESC] : [];
    }
    return Uint8Array.from(shown);
  }

  /** The history is over: what was kept of it goes to the terminal, in front of what comes now. */
  end(): Uint8Array {
    const rest = Uint8Array.from(this.held);
    this.held = [];
    return rest;
  }
}

function formOf(sequence: readonly number[]): "unfinished" | "query" | "other" | "broken" {
  const last = sequence.at(-1) as number;
  if (sequence.length === 1) return "unfinished";
  if (sequence.length > SEQUENCE_MAX) return "broken";
  const kind = String.fromCharCode(sequence[1] as number);
  if (sequence.length === 2) {
    if (kind === "Z") return "query";
    if (last === ESC) return "broken";
    return kind === "[" || kind === "]" || kind === "P" ? "unfinished" : "other";
  }
  if (kind === "[") {
    if (last >= 0x20 && last <= 0x3f) return "unfinished";
    if (last < 0x40 || last > 0x7e) return "broken";
    const final = String.fromCharCode(last);
    const asks = final === "n" || final === "c" || (final === "p" && sequence.at(-2) === "$".charCodeAt(0));
    return asks ? "query" : "other";
  }
  // Strings end with BEL or ESC \.
  const ends = last === BEL || (last === "\\".charCodeAt(0) && sequence.at(-2) === ESC);
  if (!ends) return "unfinished";
  const text = String.fromCharCode(...sequence.slice(2));
  const asks = kind === "]" ? /(^|;)\?/.test(text) : /^[$+]q/.test(text);
  return asks ? "query" : "other";
}
