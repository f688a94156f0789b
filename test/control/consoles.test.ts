/** The parts of a console: the window over the output, and an input session between client and primary. */
import { describe, expect, test } from "vitest";
import { framingOf } from "../../src/control/consoles/framing.ts";
import { InputSession } from "../../src/control/consoles/input-session.ts";
import { OutputFrames } from "../../src/control/consoles/output-frames.ts";
import { OutputGathering } from "../../src/control/consoles/output-gathering.ts";
import { OutputWindow } from "../../src/control/consoles/output-window.ts";
import { CONSOLE_RAW, CONSOLE_V1 } from "../../src/control/domain/console-subprotocols.ts";
import { CONSOLE_PAYLOAD_MAX, decodeConsoleFrame } from "../../src/wire/console-frames.ts";

const bytes = (text: string) => Buffer.from(text);

describe("the output window", () => {
  test("keeps each byte once, in order, whatever comes twice", () => {
    const window = new OutputWindow(0n, { headBytes: 0, tailBytes: 100 }, 1000);
    expect(window.append(0n, bytes("abc"))).toBe(true);
    expect(window.append(0n, bytes("abc"))).toBe(false);
    expect(window.append(1n, bytes("bcdef"))).toBe(true);
    expect(Buffer.from(window.read(0n, 100)).toString()).toBe("abcdef");
    expect(Buffer.from(window.read(2n, 3)).toString()).toBe("cde");
    expect(window.read(6n, 10)).toHaveLength(0);
  });

  test("begins anew behind a hole", () => {
    const window = new OutputWindow(0n, { headBytes: 0, tailBytes: 100 }, 1000);
    window.append(0n, bytes("abc"));
    window.append(10n, bytes("xyz"));
    expect([window.oldest, window.end]).toEqual([10n, 13n]);
  });

  test("is trimmed to what it keeps, to the slowest reader, and never beyond its maximum", () => {
    const window = new OutputWindow(0n, { headBytes: 0, tailBytes: 10 }, 30);
    for (let i = 0; i < 10; i++) window.append(BigInt(i * 5), bytes("01234"));
    window.trim(25n);
    expect(window.oldest).toBe(25n);
    window.trim(50n);
    expect(window.oldest).toBe(40n);
    window.append(50n, bytes("x".repeat(40)));
    window.trim(40n);
    expect(window.oldest).toBeGreaterThanOrEqual(50n);
  });

  test("keeps the head of a guest beside its tail, and says where a reader goes on behind the hole", () => {
    const window = new OutputWindow(20n, { headBytes: 8, tailBytes: 10 }, 30);
    window.beginHead(20n);
    window.append(20n, bytes("abcdefghijklmnopqrstuvwxyz"));
    window.trim(46n);
    expect([window.start, window.oldest, window.end]).toEqual([20n, 36n, 46n]);
    expect([window.heldFrom(0n), window.heldFrom(27n), window.heldFrom(28n), window.heldFrom(40n)]).toEqual([20n, 27n, 36n, 40n]);
    expect(window.contiguousFrom).toBe(36n);
    expect(Buffer.from(window.read(22n, 100)).toString()).toBe("cdefgh");
    expect(Buffer.from(window.read(36n, 100)).toString()).toBe("qrstuvwxyz");
    // Behind a hole in what comes the head stays; another guest has another one.
    window.append(100n, bytes("0123"));
    expect([window.start, window.oldest]).toEqual([20n, 100n]);
    window.retain({ headBytes: 3, tailBytes: 2 });
    window.trim(104n);
    expect([Buffer.from(window.read(20n, 9)).toString(), window.oldest]).toEqual(["abc", 102n]);
    window.beginHead(104n);
    window.append(104n, bytes("new"));
    expect([window.start, window.contiguousFrom]).toEqual([104n, 104n]);
  });

  test("holds copies: the socket may use its buffer again", () => {
    const window = new OutputWindow(0n, { headBytes: 0, tailBytes: 100 }, 1000);
    const buffer = bytes("abc");
    window.append(0n, buffer);
    buffer.fill(0);
    expect(Buffer.from(window.read(0n, 3)).toString()).toBe("abc");
  });
});

describe("output frames", () => {
  const v1 = framingOf(CONSOLE_V1);

  test("are made once for all who are at the same place with the same credit, in each subprotocol", () => {
    const window = new OutputWindow(0n, { headBytes: 0, tailBytes: 100 }, 1000);
    window.append(0n, bytes("abc"));
    window.append(3n, bytes("def"));
    const frames = new OutputFrames(window, () => 7);
    const first = frames.frame(v1, 1n, 100);
    expect(frames.frame(v1, 1n, 50)).toBe(first);
    const raw = frames.frame(framingOf(CONSOLE_RAW), 1n, 100);
    expect([Buffer.from(raw.data).toString(), raw.length]).toEqual(["bcdef", 5]);
    expect(frames.frame(v1, 0n, 1).length).toBe(1);
    expect(frames.frame(v1, 1n, 100)).toBe(first);
    expect(decodeConsoleFrame(first.data)).toEqual({ type: "out", term: 7, offset: 1n, bytes: new Uint8Array(bytes("bcdef")) });
  });

  test("hold what their reader may have, from where it is, in the VM's term, though another was at the same place before", () => {
    const window = new OutputWindow(0n, { headBytes: 0, tailBytes: 100_000 }, 100_000);
    window.append(0n, bytes("abc"));
    let term = 1;
    const frames = new OutputFrames(window, () => term);
    const read = (from: bigint, maxBytes: number) => {
      const { data, length } = frames.frame(v1, from, maxBytes);
      const frame = decodeConsoleFrame(data);
      if (frame.type !== "out" || frame.bytes.length !== length) throw new Error("it is no output, or another length than was told");
      return [frame.term, frame.offset, Buffer.from(frame.bytes).toString()];
    };
    expect(read(0n, 100)).toEqual([1, 0n, "abc"]);
    expect(read(0n, 2)).toEqual([1, 0n, "ab"]);
    window.append(3n, bytes("def"));
    expect(read(0n, 100)).toEqual([1, 0n, "abcdef"]);
    term = 2;
    expect(read(0n, 100)).toEqual([2, 0n, "abcdef"]);
    expect(read(4n, 100)).toEqual([2, 4n, "ef"]);
    window.append(6n, Buffer.alloc(CONSOLE_PAYLOAD_MAX, "x"));
    expect(frames.frame(v1, 0n, 1_000_000).length).toBe(CONSOLE_PAYLOAD_MAX);
  });
});

describe("output gathering", () => {
  test("sends at once behind a silence, and once for all that follows it closely", async () => {
    let sent = 0;
    let told: () => void = () => {};
    const gathering = new OutputGathering(() => {
      sent++;
      told();
    });
    for (let i = 0; i < 100; i++) gathering.output();
    expect(sent).toBe(1);
    await new Promise<void>((resolve) => {
      told = resolve;
    });
    expect(sent).toBe(2);
    for (let i = 0; i < 100; i++) gathering.output();
    expect(sent).toBe(2);
    gathering.flush();
    gathering.flush();
    expect(sent).toBe(3);
    gathering.close();
  });
});

describe("an input session", () => {
  const forwarded = (session: InputSession) => {
    const sent: [bigint, string][] = [];
    session.forward((offset, part) =>
      sent.push([offset, part instanceof Uint8Array ? Buffer.from(part).toString() : `${part.cols}x${part.rows}`]),
    );
    return sent;
  };

  test("forwards a size in its place among the bytes, of which it takes one, and again to another primary until it is acknowledged", () => {
    const session = new InputSession("s");
    session.resume(0n, "replicated");
    session.accept(0n, bytes("ab"));
    expect(session.accept(2n, { cols: 80, rows: 24 }).kind).toBe("accepted");
    expect(session.accept(2n, { cols: 80, rows: 24 }).kind).toBe("known");
    session.accept(3n, bytes("c"));
    expect(forwarded(session)).toEqual([
      [0n, "ab"],
      [2n, "80x24"],
      [3n, "c"],
    ]);
    session.acknowledge(1n, "replicated");
    session.disconnected();
    session.resume(1n, "replicated");
    expect(forwarded(session)).toEqual([
      [1n, "b"],
      [2n, "80x24"],
      [3n, "c"],
    ]);
    session.acknowledge(3n, "replicated");
    expect([session.inputNext, session.inputEnd]).toEqual([3n, 4n]);
  });

  test("forwards nothing before a primary has said where it stands", () => {
    const session = new InputSession("s");
    expect(session.accept(0n, bytes("abc")).kind).toBe("accepted");
    expect(forwarded(session)).toEqual([]);
    expect(session.resume(0n, "replicated")).toBe(true);
    expect(forwarded(session)).toEqual([[0n, "abc"]]);
    expect(forwarded(session)).toEqual([]);
  });

  test("drops what it has and refuses what lies behind a hole", () => {
    const session = new InputSession("s");
    session.resume(0n, "replicated");
    session.accept(0n, bytes("abc"));
    expect(session.accept(1n, bytes("bc")).kind).toBe("known");
    expect(session.accept(2n, bytes("cde")).kind).toBe("accepted");
    expect(session.accept(6n, bytes("x"))).toEqual({ kind: "gap", expected: 5n });
    expect(forwarded(session)).toEqual([
      [0n, "abc"],
      [3n, "de"],
    ]);
  });

  test("sends again to a new primary what was not acknowledged, and what that one already has it does not", () => {
    const session = new InputSession("s");
    session.resume(0n, "replicated");
    session.accept(0n, bytes("abcdef"));
    forwarded(session);
    session.acknowledge(2n, "replicated");
    session.disconnected();
    expect(forwarded(session)).toEqual([]);
    session.resume(4n, "replicated");
    expect(session.inputNext).toBe(4n);
    expect(forwarded(session)).toEqual([[4n, "ef"]]);
  });

  test("is no longer the same where a primary stands below what was acknowledged", () => {
    const session = new InputSession("s");
    session.resume(0n, "replicated");
    session.accept(0n, bytes("abc"));
    session.acknowledge(3n, "replicated");
    expect(session.resume(0n, "replicated")).toBe(false);
    expect(session.rewind(1n)).toBe(false);
  });

  test("keeps no more than 16 KiB on its way to a primary", () => {
    const session = new InputSession("s");
    session.resume(0n, "replicated");
    session.accept(0n, new Uint8Array(40_000));
    const inFlight = () => forwarded(session).reduce((sum, [, text]) => sum + text.length, 0);
    expect(inFlight()).toBe(16 * 1024);
    session.acknowledge(10_000n, "replicated");
    expect(inFlight()).toBe(10_000);
    expect(session.unackedBytes).toBe(30_000);
  });

  test("takes over what a client acknowledged through another gateway", () => {
    const session = new InputSession("s");
    session.accept(0n, bytes("ab"));
    expect(session.resume(7n, "replicated")).toBe(true);
    expect([session.inputNext, session.unackedBytes]).toEqual([7n, 0]);
  });
});
