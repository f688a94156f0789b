/**
 * A network of its own for a test: each node a network namespace, joined by a switch whose every direction between two nodes
 * can be cut, delayed and made to lose packets.
 *
 *     namespace NAME-control   NAME-worker-1 ...         NAME-switch
 *         eth0 10.77.0.1         eth0 10.77.0.2            port0, port1, ...  packet-switch (packet-switch.c)
 *           '------------ veth ------'----------- veth -------'------'
 *
 * One shell makes all of it, waits for the switch, and takes it down again; the switch ends with its stdin. So nothing is
 * left when this process dies, however it dies. Names are drawn anew each time: networks of tests that run at once do not meet.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Program } from "../../../src/cli/up/programs.ts";
import { compileNative, missingCompiler, missingFile } from "../native-program.ts";

const SWITCH_SOURCE = new URL("packet-switch.c", import.meta.url);
const RELAY = fileURLToPath(new URL("relay.mjs", import.meta.url));
const IP = "/usr/sbin/ip";

/** What happens to packets of one direction. */
export interface Weather {
  /** 0 to 100; 100 is a cut. */
  readonly lossPercent?: number;
  readonly delayMs?: number;
  /** On top of the delay, drawn for each packet; their order stays. */
  readonly jitterMs?: number;
}

const CUT: Weather = { lossPercent: 100 };

/** Null where a network can be made here; else why not. */
export function whyNoNetwork(): string | null {
  const missing = missingFile([IP]) ?? missingCompiler();
  if (missing !== null) return `${missing} is not there, and apt cannot install it`;
  const probe = `understudy-${randomBytes(4).toString("hex")}`;
  try {
    execFileSync(IP, ["netns", "add", probe], { stdio: "pipe" });
  } catch (error) {
    return `this process may not make network namespaces: ${(error as Error).message.trim()}`;
  }
  try {
    execFileSync(IP, ["-n", probe, "link", "add", "one", "type", "veth", "peer", "name", "two"], { stdio: "pipe" });
    return null;
  } catch (error) {
    return `the kernel has no veth: ${(error as Error).message.trim()}`;
  } finally {
    execFileSync(IP, ["netns", "delete", probe]);
  }
}

/** False, and a loud line on stderr, where no network can be made. */
export function hasNetworks(what: string): boolean {
  const why = whyNoNetwork();
  if (why !== null) process.stderr.write(`\nSKIPPED: ${what}. ${why}\n\n`);
  return why === null;
}

export class VirtualNetwork {
  private readonly waiting: ((line: string) => void)[] = [];
  private readonly relays: ChildProcess[] = [];

  private constructor(
    private readonly name: string,
    readonly nodes: readonly string[],
    private readonly guardian: ChildProcess,
    private readonly lines: Interface,
    private readonly ended: Promise<number | null>,
  ) {
    this.lines.on("line", (line) => this.waiting.shift()?.(line));
  }

  static async start(nodes: readonly string[]): Promise<VirtualNetwork> {
    const program = compileNative(SWITCH_SOURCE);
    const name = `understudy-${randomBytes(4).toString("hex")}`;
    const guardian = spawn("sh", ["-c", guardianScript(name, nodes, program)], {
      // A group of its own: a Ctrl-C ends the tests, and their end ends it.
      detached: true,
      stdio: ["pipe", "pipe", "inherit"],
    });
    const ended = new Promise<number | null>((resolve) => guardian.once("exit", resolve));
    const network = new VirtualNetwork(name, nodes, guardian, createInterface({ input: guardian.stdout }), ended);
    const first = await network.nextLine();
    if (first !== "ready") throw new Error(`Cannot make the network ${name}: the switch said ${first}`);
    return network;
  }

  addressOf(node: string): string {
    return `10.77.0.${this.indexOf(node) + 1}`;
  }

  namespaceOf(node: string): string {
    this.indexOf(node);
    return `${this.name}-${node}`;
  }

  /** The same program as a process of the node: it keeps its pid. */
  inside(node: string, program: Program): Program {
    return { command: IP, arguments: ["netns", "exec", this.namespaceOf(node), program.command, ...program.arguments] };
  }

  /** A door to or from the node: `LISTEN` and `TARGET` as relay.mjs takes them, both seen from the node. */
  async relay(node: string, listen: string, target: string): Promise<void> {
    const { command, arguments: words } = this.inside(node, { command: process.execPath, arguments: [RELAY, listen, target] });
    const child = spawn(command, words, { detached: true, stdio: ["pipe", "pipe", "inherit"] });
    this.relays.push(child);
    await new Promise<void>((resolve, reject) => {
      child.stdout.once("data", () => resolve());
      child.once("exit", (code) => reject(new Error(`Cannot relay ${listen} to ${target}: it ended with ${code}`)));
    });
  }

  /** Both ways. */
  async cut(one: string, other: string): Promise<void> {
    await this.set(one, other, CUT);
  }

  async cutOneWay(from: string, to: string): Promise<void> {
    await this.setOneWay(from, to, CUT);
  }

  /** Cuts a node off from all others. */
  async isolate(node: string): Promise<void> {
    for (const other of this.nodes) if (other !== node) await this.cut(node, other);
  }

  /** Both ways. */
  async set(one: string, other: string, weather: Weather): Promise<void> {
    await this.setOneWay(one, other, weather);
    await this.setOneWay(other, one, weather);
  }

  /** Resolves when the switch obeys. */
  async setOneWay(from: string, to: string, { lossPercent = 0, delayMs = 0, jitterMs = 0 }: Weather): Promise<void> {
    const loss = Math.round(lossPercent * 10);
    const answer = this.nextLine();
    this.guardian.stdin?.write(
      `link ${this.indexOf(from)} ${this.indexOf(to)} ${loss} ${Math.round(delayMs * 1000)} ${Math.round(jitterMs * 1000)}\n`,
    );
    const line = await answer;
    if (line !== "ok") throw new Error(`the switch of ${this.name} answered ${line}`);
  }

  /** Good weather everywhere. */
  async heal(): Promise<void> {
    for (const from of this.nodes) for (const to of this.nodes) if (from !== to) await this.setOneWay(from, to, {});
  }

  /** Takes it down, and ends what still runs in it. */
  async stop(): Promise<void> {
    for (const relay of this.relays) relay.stdin?.end();
    this.guardian.stdin?.end();
    const status = await this.ended;
    if (status !== 0) throw new Error(`the network ${this.name} ended with status ${status}`);
  }

  private indexOf(node: string): number {
    const index = this.nodes.indexOf(node);
    if (index < 0) throw new Error(`the network has no node ${node}: there are ${this.nodes.join(", ")}`);
    return index;
  }

  private nextLine(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.waiting.push(resolve);
      void this.ended.then((status) => reject(new Error(`the network ${this.name} ended with status ${status}`)));
    });
  }
}

/** Makes the namespaces, runs the switch until its stdin ends, and deletes them with whatever still runs in them. */
function guardianScript(name: string, nodes: readonly string[], program: string): string {
  const all = [`${name}-switch`, ...nodes.map((node) => `${name}-${node}`)];
  const lines = [
    "trap '' INT TERM HUP",
    `cleanUp() { for space in ${all.join(" ")}; do`,
    `  for pid in $(${IP} netns pids $space 2>/dev/null); do kill -9 $pid 2>/dev/null; done; ${IP} netns delete $space 2>/dev/null; done; true; }`,
    "trap cleanUp EXIT",
    "set -e",
    ...all.map((space) => `${IP} netns add ${space}`),
  ];
  nodes.forEach((node, index) => {
    const space = `${name}-${node}`;
    const mac = `02:00:00:00:00:${index.toString(16).padStart(2, "0")}`;
    lines.push(
      `${IP} -n ${name}-switch link add port${index} type veth peer name eth0 address ${mac} netns ${space}`,
      `${IP} -n ${name}-switch link set port${index} up`,
      `${IP} -n ${space} address add 10.77.0.${index + 1}/24 dev eth0`,
      `${IP} -n ${space} link set eth0 up`,
      `${IP} -n ${space} link set lo up`,
    );
  });
  lines.push(`${IP} netns exec ${name}-switch ${program} ${nodes.map((_node, index) => `port${index}`).join(" ")}`);
  return lines.join("\n");
}
