/**
 * When those who only read get a console's output. What comes after a silence is sent to them at once; what follows it is gathered, so
 * that hundreds of them do not cost a frame each for every few bytes that a guest prints.
 *
 *     silent --output--> sent at once, gathering --GATHER_MS over, there is more--> sent, gathering
 *        ^                                          '-- there is none--> silent
 */

/** Hardly seen by who watches; each reader's frames, and its acknowledgements, are 20 a second at most. */
const GATHER_MS = 50;

export class OutputGathering {
  private timer: NodeJS.Timeout | null = null;
  private more = false;

  /** @param send sends everyone who only reads what there is */
  constructor(private readonly send: () => void) {}

  /** There is output that has not been sent. */
  output(): void {
    this.more = true;
    if (this.timer === null) this.flush();
  }

  /** Sends what has been gathered: something else is to come behind it. */
  flush(): void {
    if (!this.more) return;
    this.more = false;
    this.send();
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.flush();
    }, GATHER_MS);
  }

  close(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.more = false;
  }
}
