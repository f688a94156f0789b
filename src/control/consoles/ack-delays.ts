/** How long bytes of an input session wait for their acknowledgement. The clock is an argument. */
interface Mark {
  readonly end: bigint;
  readonly atMs: number;
}

/** Input that is never acknowledged, because its session ended, is forgotten beyond this. */
const MARKS_MAX = 1024;

export class AckDelays {
  private marks: Mark[] = [];

  /** @param end offset after the bytes that were received */
  received(end: bigint, nowMs: number): void {
    this.marks.push({ end, atMs: nowMs });
    if (this.marks.length > MARKS_MAX) this.marks.shift();
  }

  /** @returns delays of what is acknowledged by this and was not before, milliseconds */
  acknowledged(inputNext: bigint, nowMs: number): number[] {
    const done = this.marks.filter(({ end }) => end <= inputNext);
    if (done.length > 0) this.marks = this.marks.filter(({ end }) => end > inputNext);
    return done.map(({ atMs }) => nowMs - atMs);
  }
}
