/**
 * Follows the console of the story: keeps the transcript, checks that offsets have no hole, measures silences, and types
 * numbered lines.
 */
import { UnderstudyError } from "../../base/errors.ts";
import type { ConsoleStream } from "../../sdk/index.ts";
import { checkTranscript, clientLine, type TranscriptVerdict } from "./transcript.ts";

/** Lines that may be typed and not acknowledged, or not answered by the guest: the typist waits for the guest, not the reverse. */
const UNACKNOWLEDGED_MAX = 16;
const UNHEARD_MAX = 64;

interface Expectation {
  readonly pattern: RegExp;
  /** The transcript from where it is looked for. */
  text: string;
  readonly resolve: () => void;
}

export class StoryConsole {
  private readonly console: ConsoleStream;
  private readonly onLine: (line: string) => void;
  private readonly decoder = new TextDecoder();
  /** The transcript is these, one behind the other: a guest may write megabytes in pieces of a few bytes. */
  private pieces: string[] = [];
  private length = 0;
  private unfinishedLine = "";
  /** That the guest counted last. */
  private lastGuestLine = 0;
  private next: bigint;
  private lastArrivalMs = 0;
  private longestSilenceMs = 0;
  private expectations: Expectation[] = [];
  private readonly offsetProblems: string[] = [];
  private typedLines = 0;
  private acknowledgedLines = 0;
  private heardLines = 0;
  private readonly writes = new Set<Promise<void>>();
  private typist: ReturnType<typeof setInterval> | null = null;
  private failure: unknown = null;
  private failed: (error: unknown) => void = () => {};
  private readonly whenFailed: Promise<never>;

  constructor(console: ConsoleStream, onLine: (line: string) => void) {
    this.console = console;
    this.onLine = onLine;
    this.next = console.offset;
    this.whenFailed = new Promise((_resolve, reject) => {
      this.failed = (error) => {
        this.failure ??= error;
        reject(error);
      };
    });
    this.whenFailed.catch(() => {});
    console.on("state", ({ state }) => {
      if (["failed", "stopping", "stopped", "deleting", "deleted"].includes(state)) this.failed(brokenOff(`the VM is ${state}`));
    });
    void this.follow();
  }

  get transcript(): string {
    if (this.pieces.length > 1) this.pieces = [this.pieces.join("")];
    return this.pieces[0] ?? "";
  }

  get typed(): number {
    return this.typedLines;
  }

  get acknowledged(): number {
    return this.acknowledgedLines;
  }

  /** Of the byte that comes next. */
  get offset(): bigint {
    return this.next;
  }

  /** Chunks that did not begin where the one before ended. */
  get problems(): readonly string[] {
    return this.offsetProblems;
  }

  /** @returns when the guest has written what matches, behind the present end of the transcript or `from` */
  async expect(pattern: RegExp, timeoutMs: number, signal: AbortSignal, from = this.length): Promise<void> {
    if (this.failure !== null) throw this.failure;
    const seen = new Promise<void>((resolve) => {
      this.expectations.push({ pattern, text: from >= this.length ? "" : this.transcript.slice(from), resolve });
      this.look();
    });
    await within(Promise.race([seen, this.whenFailed]), timeoutMs, `the console to show ${pattern}`, signal);
  }

  /** @returns when the guest has counted so many lines more than the transcript holds now */
  async expectGuestLines(count: number, timeoutMs: number, signal: AbortSignal): Promise<void> {
    await this.expect(new RegExp(`guest ${this.lastGuestLine + count}\r\n`), timeoutMs, signal, Math.max(0, this.length - 32));
  }

  /** Types as one piece, not counted as a line of the story. */
  async type(text: string): Promise<void> {
    await this.console.write(text);
  }

  /** Types the next numbered line each `everyMs`, until `endTyping`. */
  startTyping(everyMs: number): void {
    this.typist = setInterval(() => {
      if (this.writes.size >= UNACKNOWLEDGED_MAX || this.typedLines - this.heardLines >= UNHEARD_MAX || this.failure !== null) return;
      const number = ++this.typedLines;
      const write: Promise<void> = this.console.write(clientLine(number)).then(
        () => {
          this.acknowledgedLines = Math.max(this.acknowledgedLines, number);
          this.writes.delete(write);
        },
        (error: unknown) => this.failed(error),
      );
      this.writes.add(write);
    }, everyMs);
  }

  /**
   * Ends the typing, and judges once the guest has heard all of it: only then what was acknowledged must be there. Typing may be
   * started again.
   *
   * @returns what the transcript shows, holes between its chunks and lines that were not heard among its problems
   */
  async endTyping(timeoutMs: number, signal: AbortSignal): Promise<TranscriptVerdict> {
    await this.stopTyping(timeoutMs, signal);
    await this.expect(new RegExp(`heard client ${this.typedLines}\r\n`), timeoutMs, signal, 0);
    const verdict = checkTranscript(this.transcript, { typed: this.typedLines, acknowledged: this.acknowledgedLines });
    const problems = [...this.offsetProblems, ...verdict.problems];
    if (verdict.heardLines < this.typedLines) problems.push(`the guest heard ${verdict.heardLines} lines of ${this.typedLines}`);
    return { ...verdict, holds: problems.length === 0, problems };
  }

  /** @returns once every line that was typed is acknowledged */
  private async stopTyping(timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (this.typist !== null) clearInterval(this.typist);
    this.typist = null;
    await within(Promise.race([Promise.all(this.writes), this.whenFailed]), timeoutMs, "every typed line to be acknowledged", signal);
  }

  /** From now on. */
  resetSilence(): void {
    this.longestSilenceMs = 0;
  }

  /** Longest time between two pieces of output since `resetSilence`, the one that lasts included. */
  get silenceMs(): number {
    return Math.max(this.longestSilenceMs, performance.now() - this.lastArrivalMs);
  }

  close(): void {
    if (this.typist !== null) clearInterval(this.typist);
    this.typist = null;
    this.console.close();
  }

  private async follow(): Promise<void> {
    try {
      for await (const { offset, data } of this.console) {
        if (offset !== this.next) this.offsetProblems.push(`output at ${offset} came where ${this.next} was due`);
        this.next = offset + BigInt(data.length);
        const now = performance.now();
        if (this.lastArrivalMs !== 0) this.longestSilenceMs = Math.max(this.longestSilenceMs, now - this.lastArrivalMs);
        this.lastArrivalMs = now;
        this.take(this.decoder.decode(data, { stream: true }));
      }
      this.failed(brokenOff("the console has ended"));
    } catch (error) {
      this.failed(error);
    }
  }

  private take(piece: string): void {
    this.pieces.push(piece);
    this.length += piece.length;
    const lines = (this.unfinishedLine + piece).split("\n");
    this.unfinishedLine = lines.pop() ?? "";
    for (const line of lines) this.tellLine(line);
    for (const expectation of this.expectations) expectation.text += piece;
    this.look();
  }

  private tellLine(ended: string): void {
    const line = ended.replace(/\r+$/, "");
    if (line.startsWith("heard client ")) this.heardLines++;
    this.lastGuestLine = Number(/^guest (\d+)$/.exec(line)?.[1] ?? this.lastGuestLine);
    this.onLine(line);
  }

  private look(): void {
    this.expectations = this.expectations.filter(({ pattern, text, resolve }) => {
      if (!pattern.test(text)) return true;
      resolve();
      return false;
    });
  }
}

function brokenOff(why: string): UnderstudyError {
  return new UnderstudyError("story_broken", `Cannot go on with the story: ${why}`);
}

/** @throws {UnderstudyError} `story_broken`, which says what did not happen; the signal's reason where it aborts */
export async function within<T>(promise: Promise<T>, timeoutMs: number, what: string, signal: AbortSignal): Promise<T> {
  let clear = () => {};
  const limit = new Promise<never>((_resolve, reject) => {
    const timer = setTimeout(() => reject(brokenOff(`waited ${timeoutMs / 1000} s for ${what}`)), timeoutMs);
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    clear = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
    };
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clear();
  }
}
