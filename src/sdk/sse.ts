/** Server-sent events, from bytes to messages: the part of the HTML standard that a client of this API meets. */

export interface ServerSentEvent {
  /** Null where the event has no `id:` line. */
  readonly id: string | null;
  /** `message` where the event has no `event:` line. */
  readonly event: string;
  readonly data: string;
}

/** Feed it chunks as they come, cut anywhere; it gives each event once its blank line has come. */
export class SseParser {
  private readonly decoder = new TextDecoder();
  private rest = "";
  private id: string | null = null;
  private event = "";
  private data: string[] = [];
  /** What the service asks for with `retry:`; null: nothing. */
  retryMs: number | null = null;

  push(chunk: Uint8Array): ServerSentEvent[] {
    this.rest += this.decoder.decode(chunk, { stream: true });
    const events: ServerSentEvent[] = [];
    for (;;) {
      const match = /\r\n|\n|\r/.exec(this.rest);
      // A lone CR at the end may be half of a CR LF.
      if (match === null || (match[0] === "\r" && match.index === this.rest.length - 1)) return events;
      const line = this.rest.slice(0, match.index);
      this.rest = this.rest.slice(match.index + match[0].length);
      const done = this.line(line);
      if (done !== null) events.push(done);
    }
  }

  private line(line: string): ServerSentEvent | null {
    if (line === "") {
      const event =
        this.data.length === 0 ? null : { id: this.id, event: this.event === "" ? "message" : this.event, data: this.data.join("\n") };
      this.id = null;
      this.event = "";
      this.data = [];
      return event;
    }
    if (line.startsWith(":")) return null;
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.data.push(value);
    else if (field === "event") this.event = value;
    else if (field === "id") this.id = value;
    else if (field === "retry" && /^\d+$/.test(value)) this.retryMs = Number(value);
    return null;
  }
}
