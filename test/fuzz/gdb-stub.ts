/** QEMU's gdb stub, as far as stepping one hart needs it (GDB's Remote Serial Protocol). Registers go by their names. */
import { connect, type Socket } from "node:net";

export class GdbStub {
  private readonly socket: Socket;
  private readonly numbers = new Map<string, number>();
  private received = "";
  private waiting: ((packet: string) => void) | null = null;
  private failed: ((error: Error) => void) | null = null;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding("latin1").on("data", (text: string) => {
      this.received += text;
      this.deliver();
    });
    socket.on("close", () => this.failed?.(new Error("Cannot step QEMU: it has closed the connection")));
    socket.on("error", (error) => this.failed?.(error));
  }

  /** @param path of a Unix socket that may not be there yet */
  static async connect(path: string): Promise<GdbStub> {
    for (let attempt = 0; ; attempt++) {
      try {
        const socket = await new Promise<Socket>((resolve, reject) => {
          const opened = connect(path, () => resolve(opened));
          opened.once("error", reject);
        });
        const stub = new GdbStub(socket);
        await stub.start();
        return stub;
      } catch (error) {
        if (attempt === 200) throw error;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  private async start(): Promise<void> {
    await this.ask("qSupported:xmlRegisters=riscv");
    const target = await this.document("target.xml");
    const parts = [...target.matchAll(/href="([^"]+)"/g)].map(([, name = ""]) => name);
    let next = 0;
    for (const part of parts) {
      for (const [tag] of (await this.document(part)).matchAll(/<reg [^>]*>/g)) {
        const name = /name="([^"]+)"/.exec(tag)?.[1] ?? "";
        next = Number(/regnum="(\d+)"/.exec(tag)?.[1] ?? next);
        if (!this.numbers.has(name)) this.numbers.set(name, next);
        next++;
      }
    }
    // Interrupts are taken while stepping, too.
    await this.ask("Qqemu.sstep=1");
  }

  private async document(name: string): Promise<string> {
    let text = "";
    for (;;) {
      const part = await this.ask(`qXfer:features:read:${name}:${text.length.toString(16)},800`);
      text += part.slice(1);
      if (part[0] !== "m") return text;
    }
  }

  /** Runs to an address. */
  async runTo(address: bigint): Promise<void> {
    const place = `0,${address.toString(16)},4`;
    await this.ask(`Z${place}`);
    await this.ask("c");
    await this.ask(`z${place}`);
  }

  /** One instruction, or one trap. */
  async step(): Promise<void> {
    await this.ask("vCont;s:p1.1");
  }

  /** x0..x31 and pc. */
  async general(): Promise<bigint[]> {
    const reply = await this.ask("g");
    return Array.from({ length: 33 }, (_, index) => littleEndian(reply.slice(16 * index, 16 * index + 16)));
  }

  /** @returns null where the stub has it not */
  async register(name: string): Promise<bigint | null> {
    const number = this.numbers.get(name);
    if (number === undefined) return null;
    const reply = await this.ask(`p${number.toString(16)}`);
    return reply === "" || reply.startsWith("E") ? null : littleEndian(reply);
  }

  close(): void {
    this.failed = null;
    this.socket.destroy();
  }

  private ask(packet: string): Promise<string> {
    const sum = [...packet].reduce((total, letter) => (total + letter.charCodeAt(0)) & 255, 0);
    return new Promise((resolve, reject) => {
      this.waiting = resolve;
      this.failed = reject;
      this.socket.write(`$${packet}#${sum.toString(16).padStart(2, "0")}`, "latin1");
    });
  }

  private deliver(): void {
    const found = /\$([^#]*)#..$/.exec(this.received);
    if (found === null || this.waiting === null) return;
    this.received = "";
    this.socket.write("+");
    const waiting = this.waiting;
    this.waiting = null;
    waiting(unescaped(found[1] ?? ""));
  }
}

/** Bytes that the protocol cannot send as they are, and runs of one. */
function unescaped(packet: string): string {
  return packet
    .replace(/}(.)/gs, (_, letter: string) => String.fromCharCode(letter.charCodeAt(0) ^ 0x20))
    .replace(/(.)\*(.)/gs, (_, letter: string, count: string) => letter.repeat(count.charCodeAt(0) - 28));
}

function littleEndian(hex: string): bigint {
  return BigInt(`0x${hex.match(/../g)?.reverse().join("") ?? "0"}`);
}
