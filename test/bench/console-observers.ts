/**
 * The other side of console-fanout.ts: the observers, in a process of their own that has no more right to a processor than a guest has:
 * they would be on other machines. They read all that comes, as fast as it comes.
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
  | { readonly kind: "digests"; readonly digests: string[] }
  | { readonly kind: "failed"; readonly error: string };

/** Attachments that are begun together. */
const AT_ONCE = 20;

/** As engine threads. */
const GUESTS_NICENESS = 10;

setPriority(GUESTS_NICENESS);
const observers: Observer[] = [];

process.on("message", async (order: ObserversOrder) => {
  const answer: ObserversAnswer = await follow(order).catch((error: Error) => ({ kind: "failed", error: error.message }));
  process.send?.(answer);
});
process.on("disconnect", () => process.exit());

async function follow(order: ObserversOrder): Promise<ObserversAnswer> {
  if (order.kind === "digest") return { kind: "digests", digests: await Promise.all(observers.map((each) => each.digest(order.bytes))) };
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
  private readonly hash = createHash("sha256");
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

  /** @returns the hash of so many bytes, when they are there: the guest has written no more */
  async digest(bytes: number): Promise<string> {
    this.wanted = bytes;
    await new Promise<void>((resolve) => {
      this.finish = resolve;
      this.look();
    });
    if (this.failure !== null) throw this.failure;
    if (this.bytes !== bytes) throw new Error(`it saw ${this.bytes} bytes, the typist ${bytes}`);
    return this.hash.digest("hex");
  }

  private async read(): Promise<void> {
    for await (const { data } of this.stream) {
      this.hash.update(data);
      this.bytes += data.length;
      this.look();
    }
  }

  private look(): void {
    if (this.failure !== null || (this.wanted !== null && this.bytes >= this.wanted)) this.finish();
  }
}
