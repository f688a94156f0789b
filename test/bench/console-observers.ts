/**
 * The other side of console-fanout.ts: the observers, in a process of their own that has no more right to a processor than a guest has:
 * they would be on other machines. They read all that comes, as fast as it comes. What one of them is the first to see is kept, and every
 * other's bytes are compared with it, which takes less of the guest's processors than a hash for each of them.
 */
import { createHash } from "node:crypto";
import { setPriority } from "node:os";
import { type ConsoleStream, Understudy } from "../../src/sdk/index.ts";

export type ObserversOrder =
  | {
      readonly kind: "attach";
      readonly url: string;
      readonly tokenFile: string;
      readonly vm: string;
      readonly from: string;
      readonly observers: number;
    }
  | { readonly kind: "digest"; readonly bytes: number };
export type ObserversAnswer =
  | { readonly kind: "attached" }
  | { readonly kind: "digest"; readonly digest: string }
  | { readonly kind: "failed"; readonly error: string };

/** Attachments that are begun together. */
const AT_ONCE = 20;

/** As engine threads. */
const GUESTS_NICENESS = 10;

/** What the observers have seen. */
class SeenOutput {
  private bytes = Buffer.alloc(1024 * 1024);
  private end = 0;

  /** @throws {Error} where another has seen other bytes there */
  saw(data: Uint8Array, at: number): void {
    const known = Math.min(data.length, this.end - at);
    if (this.bytes.compare(data, 0, known, at, at + known) !== 0) throw new Error(`it saw other bytes than another behind byte ${at}`);
    if (known === data.length) return;
    while (at + data.length > this.bytes.length) this.bytes = Buffer.concat([this.bytes], 2 * this.bytes.length);
    this.bytes.set(data.subarray(known), this.end);
    this.end = at + data.length;
  }

  digest(): string {
    return createHash("sha256").update(this.bytes.subarray(0, this.end)).digest("hex");
  }
}

setPriority(GUESTS_NICENESS);
const observers: Observer[] = [];
const output = new SeenOutput();

process.on("message", async (order: ObserversOrder) => {
  const answer: ObserversAnswer = await follow(order).catch((error: Error) => ({ kind: "failed", error: error.message }));
  process.send?.(answer);
});
process.on("disconnect", () => process.exit());

async function follow(order: ObserversOrder): Promise<ObserversAnswer> {
  if (order.kind === "digest") {
    await Promise.all(observers.map((each) => each.saw(order.bytes)));
    return { kind: "digest", digest: output.digest() };
  }
  const { url, tokenFile } = order;
  const vm = await new Understudy({ url, tokenFile }).vms.get(order.vm);
  while (observers.length < order.observers) {
    const some = Array.from({ length: Math.min(AT_ONCE, order.observers - observers.length) }, () =>
      vm.console.attach({ from: BigInt(order.from) }),
    );
    observers.push(...(await Promise.all(some)).map((stream) => new Observer(stream)));
  }
  return { kind: "attached" };
}

class Observer {
  private bytes = 0;
  private failure: unknown = null;
  private wanted: number | null = null;
  private finish: () => void = () => {};

  constructor(private readonly stream: ConsoleStream) {
    void this.read().catch((error: unknown) => {
      this.failure = error;
      this.finish();
    });
  }

  /** So many bytes have come to it: the guest has written no more. */
  async saw(bytes: number): Promise<void> {
    this.wanted = bytes;
    await new Promise<void>((resolve) => {
      this.finish = resolve;
      this.look();
    });
    if (this.failure !== null) throw this.failure;
    if (this.bytes !== bytes) throw new Error(`it saw ${this.bytes} bytes, the typist ${bytes}`);
  }

  private async read(): Promise<void> {
    for await (const { data } of this.stream) {
      output.saw(data, this.bytes);
      this.bytes += data.length;
      this.look();
    }
  }

  private look(): void {
    if (this.failure !== null || (this.wanted !== null && this.bytes >= this.wanted)) this.finish();
  }
}
