/**
 * `output-latency`: from typing a byte to its echo, as a client sees it, in a protected VM and in an unprotected one of the same
 * kind, byte by byte in turn. What protection adds is compared with a round trip between two processes over loopback.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { type Guest, Installation } from "../support/installation.ts";
import { type Figure, median, quantile } from "./bench-line.ts";

const BYTES = 400;
const WARM_UP = 40;
/** The terminal takes so many into one line. */
const LINE = 64;
const ECHO_SERVER = fileURLToPath(new URL("echo-server.ts", import.meta.url));

export async function* outputLatency(): AsyncGenerator<Figure> {
  const roundTrip = await loopbackRoundTrip();
  const installation = await Installation.start({ workers: 2 });
  try {
    const alone = await echoing(installation, "none");
    const pair = await echoing(installation, "lockstep");
    await pair.protectedNow();
    const without: number[] = [];
    const withFt: number[] = [];
    for (let byte = 0; byte < BYTES + WARM_UP; byte++) {
      const [a, p] = [await echo(alone, byte), await echo(pair, byte)];
      if (byte < WARM_UP) continue;
      without.push(a);
      withFt.push(p);
    }
    const { status } = await pair.vm.refresh();
    if (status.protection.state !== "protected") throw new Error(`the VM is ${status.protection.state} after its echoes were timed`);
    const figure = (name: string, values: readonly number[]): Figure => ({
      bench: "output-latency",
      name,
      unit: "ms",
      value: median(values),
      p99: quantile(values, 0.99),
      n: values.length,
      better: "lower",
    });
    yield figure("without", without);
    yield figure("with", withFt);
    const rtt = { p50: median(roundTrip), p99: quantile(roundTrip, 0.99) };
    yield {
      ...figure("added", [median(withFt) - median(without)]),
      p99: quantile(withFt, 0.99) - quantile(without, 0.99),
      n: BYTES,
      goal: Number((rtt.p50 + 0.2).toFixed(3)),
      goalP99: Number((rtt.p99 + 1).toFixed(3)),
      detail: {
        roundTripP50Ms: Number(rtt.p50.toFixed(3)),
        roundTripP99Ms: Number(rtt.p99.toFixed(3)),
        goalIs: "round trip + 0.2 and + 1 ms",
      },
    };
    for (const guest of [alone, pair]) guest.console.close();
  } finally {
    await installation.stop();
  }
}

/** A guest whose terminal echoes what is typed, and does nothing else with it. */
async function echoing(installation: Installation, protection: "lockstep" | "none"): Promise<Guest> {
  const guest = await installation.boot({ protection });
  await guest.console.type("cat >/dev/null\n");
  await guest.expect(/cat >\/dev\/null\r\n/, 0);
  return guest;
}

/** @returns milliseconds from the write to the arrival of the byte */
async function echo(guest: Guest, index: number): Promise<number> {
  const byte = index % LINE === LINE - 1 ? "\n" : String.fromCharCode(97 + (index % 26));
  const seen = guest.expect(byte === "\n" ? /\n/ : new RegExp(byte));
  const start = performance.now();
  // Not awaited: the acknowledgement of the input is another message, and may come later.
  const acknowledged = guest.console.type(byte);
  await seen;
  const elapsed = performance.now() - start;
  await acknowledged;
  return elapsed;
}

async function loopbackRoundTrip(): Promise<number[]> {
  const child = fork(ECHO_SERVER, { execArgv: ["--import", "tsx"] });
  try {
    const [port] = (await once(child, "message")) as [number];
    const socket: Socket = connect(port, "127.0.0.1");
    socket.setNoDelay(true);
    await once(socket, "connect");
    const times: number[] = [];
    for (let n = 0; n < BYTES + WARM_UP; n++) {
      const back = once(socket, "data");
      const start = performance.now();
      socket.write("x");
      await back;
      if (n >= WARM_UP) times.push(performance.now() - start);
    }
    socket.destroy();
    return times;
  } finally {
    child.kill();
  }
}
