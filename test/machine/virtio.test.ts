/** virtio over mmio: the transport, the console and the entropy source, driven well and driven badly. */
import { describe, expect, test } from "vitest";
import { InvariantViolation } from "../../src/base/errors.ts";
import {
  CONSOLE,
  type Descriptor,
  Guest,
  INDIRECT,
  NEXT,
  type Queue,
  RAM,
  RAM_BYTES,
  REGISTER,
  RNG,
  STATUS,
  UART,
  WRITE,
} from "./virtio-driver.ts";

const END = RAM + RAM_BYTES;
const BUFFER = RAM + 0x10_0000;
const RECEIVE = 0;
const TRANSMIT = 1;
const LIVE = STATUS.acknowledge | STATUS.driver | STATUS.featuresOk | STATUS.driverOk;
const CONSOLE_SOURCE = 1;
const RNG_SOURCE = 2;

/** A console whose driver is there. */
function withConsole(guest: Guest, num = 8): { receive: Queue; transmit: Queue } {
  expect(guest.negotiate(CONSOLE)).toBe(LIVE);
  return { receive: guest.queue(CONSOLE, RECEIVE, num), transmit: guest.queue(CONSOLE, TRANSMIT, num) };
}

function withRng(guest: Guest): Queue {
  expect(guest.negotiate(RNG)).toBe(LIVE);
  return guest.queue(RNG, 0);
}

function print(guest: Guest, transmit: Queue, text: string): void {
  guest.describe(transmit, 0, guest.text(BUFFER, text));
  guest.offer(transmit, 0);
  guest.notify(CONSOLE, transmit);
}

describe("the transport", () => {
  test("says what is in each slot", () => {
    const guest = new Guest();
    const identity = (slot: number) =>
      [REGISTER.magic, REGISTER.version, REGISTER.device, REGISTER.vendor].map((register) =>
        guest.load(CONSOLE + slot * 0x1000 + register),
      );
    expect(identity(0)).toEqual([0x74726976, 2, 3, 0x554d4551]);
    expect(identity(1)).toEqual([0x74726976, 2, 4, 0x554d4551]);
    for (let slot = 2; slot < 8; slot++) expect(identity(slot)).toEqual([0x74726976, 2, 0, 0x554d4551]);
  });

  test("offers VIRTIO_F_VERSION_1, and to the console its size and an emergency write, and has no features beyond", () => {
    const guest = new Guest();
    const features = (device: number) =>
      [0, 1, 2].map((select) => {
        guest.store(device + REGISTER.deviceFeaturesSelect, select);
        return guest.load(device + REGISTER.deviceFeatures);
      });
    expect(features(CONSOLE)).toEqual([5, 1, 0]);
    expect(features(RNG)).toEqual([0, 1, 0]);
    guest.store(CONSOLE + REGISTER.config + 8, 0x21);
    expect(guest.output).toBe("!");
  });

  test("goes along with features that it has offered, VIRTIO_F_VERSION_1 among them, and with nothing else", () => {
    const guest = new Guest();
    expect(guest.negotiate(CONSOLE)).toBe(LIVE);
    expect(guest.negotiate(CONSOLE, { low: 4 })).toBe(LIVE);
    expect(guest.negotiate(CONSOLE, { low: 5 })).toBe(LIVE);
    for (const features of [{ high: 0 }, { low: 2 }, { high: 3 }]) {
      expect(guest.negotiate(CONSOLE, features) & (STATUS.featuresOk | STATUS.driverOk)).toBe(0);
    }
  });

  test("takes queues of a power of two, up to 16, and no other", () => {
    const guest = new Guest();
    guest.negotiate(CONSOLE);
    const ready = (num: number) => {
      guest.store(CONSOLE + REGISTER.queueSelect, 0);
      guest.store(CONSOLE + REGISTER.queueReady, 0);
      guest.queue(CONSOLE, 0, num);
      return guest.load(CONSOLE + REGISTER.queueReady);
    };
    expect([1, 2, 16].map(ready)).toEqual([1, 1, 1]);
    expect([0, 3, 17, 32, 0xffff_ffff].map(ready)).toEqual([0, 0, 0, 0, 0]);
    guest.store(CONSOLE + REGISTER.queueSelect, 2);
    expect([REGISTER.queueNumMax, REGISTER.queueReady].map((register) => guest.load(CONSOLE + register))).toEqual([0, 0]);
    guest.store(CONSOLE + REGISTER.queueSelect, 1);
    expect(guest.load(CONSOLE + REGISTER.queueNumMax)).toBe(16);
  });

  test("ignores notifications before DRIVER_OK, of queues that are not ready, and of queues that are not there", () => {
    const guest = new Guest();
    const transmit = guest.queue(CONSOLE, TRANSMIT);
    print(guest, transmit, "too early");
    expect(guest.output).toBe("");
    guest.negotiate(CONSOLE);
    guest.store(CONSOLE + REGISTER.queueNotify, TRANSMIT);
    guest.store(CONSOLE + REGISTER.queueNotify, 7);
    expect([guest.output, guest.status(CONSOLE)]).toEqual(["", LIVE]);
  });

  test("interrupts while its interrupt status is not 0, unless the driver said that it would not hear", () => {
    const guest = new Guest();
    const { transmit } = withConsole(guest);
    print(guest, transmit, "a");
    expect([guest.load(CONSOLE + REGISTER.interruptStatus), guest.pending(CONSOLE_SOURCE)]).toEqual([1, true]);
    guest.store(CONSOLE + REGISTER.interruptAck, 1);
    expect([guest.load(CONSOLE + REGISTER.interruptStatus), guest.pending(CONSOLE_SOURCE)]).toEqual([0, false]);
    guest.vm.writeRam(transmit.driver, Uint8Array.of(1, 0)); // VIRTQ_AVAIL_F_NO_INTERRUPT
    print(guest, transmit, "b");
    expect([guest.output, guest.pending(CONSOLE_SOURCE)]).toEqual(["ab", false]);
  });

  test("forgets everything with a reset", () => {
    const guest = new Guest();
    const { transmit } = withConsole(guest);
    print(guest, transmit, "a");
    guest.store(CONSOLE + REGISTER.status, 0);
    expect([guest.status(CONSOLE), guest.load(CONSOLE + REGISTER.interruptStatus), guest.pending(CONSOLE_SOURCE)]).toEqual([0, 0, false]);
    expect(guest.load(CONSOLE + REGISTER.queueReady)).toBe(0);
    print(guest, withConsole(guest).transmit, "b");
    expect(guest.output).toBe("ab");
  });
});

describe("the console", () => {
  test("prints what is in a chain, in order, and gives the chain back", () => {
    const guest = new Guest();
    const { transmit } = withConsole(guest);
    guest.describe(transmit, 3, { ...guest.text(BUFFER, "one, "), flags: NEXT, next: 1 });
    guest.describe(transmit, 1, { ...guest.text(BUFFER + 0xffe, "two, "), flags: NEXT, next: 7 });
    guest.describe(transmit, 7, guest.text(END - 5, "three"));
    guest.offer(transmit, 3);
    guest.notify(CONSOLE, transmit);
    expect([guest.output, guest.used(transmit)]).toEqual(["one, two, three", [[3, 0]]]);
  });

  test("is one stream with the UART's, in the order of the guest's instructions", () => {
    const guest = new Guest();
    const { transmit } = withConsole(guest);
    for (const text of ["a", "c", "e"]) {
      print(guest, transmit, text);
      guest.storeByte(UART, text.charCodeAt(0) + 1);
    }
    expect(guest.output).toBe("abcdef");
  });

  test("tells the guest that output was taken at most every 0.2 s, and the last time for sure", () => {
    const guest = new Guest();
    const { transmit } = withConsole(guest);
    const told = () => {
      const is = guest.pending(CONSOLE_SOURCE);
      guest.store(CONSOLE + REGISTER.interruptAck, 1);
      return is;
    };
    const pass = (seconds: number) => {
      guest.vm.beginEpoch({ time: guest.vm.time + BigInt(seconds * 10_000_000), rate: 1 << 24 }, []);
      guest.run(1n);
    };
    print(guest, transmit, "a");
    expect(told()).toBe(true);
    for (let i = 0; i < 5; i++) print(guest, transmit, "b");
    expect(told()).toBe(false);
    pass(0.1);
    expect(told()).toBe(false);
    pass(0.2);
    expect([told(), told()]).toEqual([true, false]);
    pass(1);
    expect(told()).toBe(false);
    print(guest, transmit, "c");
    expect([told(), guest.used(transmit).length]).toEqual([true, 7]);
  });

  /** A full queue of the longest chains, of bytes that say where they belong. */
  function burst(guest: Guest): string {
    const { transmit } = withConsole(guest, 16);
    const text = Array.from({ length: 32 * 1024 }, (_, i) => String.fromCharCode(33 + ((i * 7 + (i >> 8)) % 90))).join("");
    guest.text(BUFFER, text);
    for (let i = 0; i < 16; i++) guest.describe(transmit, i, { address: BUFFER + i, length: 32 * 1024 - 16 });
    guest.offer(transmit, ...Array.from({ length: 16 }, (_, i) => i));
    guest.notify(CONSOLE, transmit);
    return Array.from({ length: 16 }, (_, i) => text.slice(i, i + 32 * 1024 - 16)).join("");
  }

  test("takes a full queue of the longest chains at once, 512 KiB, and loses no byte of it", () => {
    const guest = new Guest();
    expect(burst(guest) === guest.output).toBe(true);
    for (const other of [new Guest(1n), new Guest(1000n, true)]) {
      burst(other);
      expect(other.output === guest.output).toBe(true);
      expect([other.vm.instant, other.vm.hash()]).toEqual([guest.vm.instant, guest.vm.hash()]);
    }
  });

  test("has input for the guest's buffers, as much as each holds, when the keyboard is its own", () => {
    const guest = new Guest();
    const { receive, transmit } = withConsole(guest);
    print(guest, transmit, "$ ");
    guest.type("hello");
    guest.describe(receive, 0, { address: BUFFER, length: 2, flags: WRITE });
    guest.describe(receive, 1, { address: BUFFER + 0xfff, length: 2, flags: WRITE | NEXT, next: 2 });
    guest.describe(receive, 2, { address: BUFFER + 0x2000, length: 100, flags: WRITE });
    guest.offer(receive, 0, 1);
    guest.notify(CONSOLE, receive);
    expect(guest.used(receive)).toEqual([
      [0, 2],
      [1, 3],
    ]);
    expect(guest.textAt(BUFFER, 2) + guest.textAt(BUFFER + 0xfff, 2) + guest.textAt(BUFFER + 0x2000, 1)).toBe("hello");
    guest.offer(receive, 0);
    guest.notify(CONSOLE, receive);
    guest.type("!");
    expect([guest.used(receive).length, guest.textAt(BUFFER, 1), guest.vm.inputRoom]).toEqual([3, "!", 65536]);
  });

  test("its driver's mere presence takes no input from the UART; whoever was printed on last has the keyboard", () => {
    const guest = new Guest();
    const { receive, transmit } = withConsole(guest);
    guest.describe(receive, 0, { address: BUFFER + 0x1000, length: 16, flags: WRITE });
    guest.offer(receive, 0);
    guest.notify(CONSOLE, receive);
    const uartHasInput = () => (guest.loadByte(UART + 5) & 1) !== 0;
    guest.storeByte(UART + 1, 1); // a program opens ttyS0
    guest.type("u");
    expect([uartHasInput(), guest.loadByte(UART)]).toEqual([true, 0x75]);
    print(guest, transmit, "hvc0: ");
    guest.type("v");
    expect([uartHasInput(), guest.used(receive)]).toEqual([false, [[0, 1]]]);
    // A message of the kernel's, with the UART's interrupts off, leaves the keyboard where it is.
    guest.storeByte(UART + 1, 0);
    guest.storeByte(UART, 0x6b);
    guest.storeByte(UART + 1, 1);
    guest.type("w");
    expect(uartHasInput()).toBe(false);
    // What was typed and not read goes where the keyboard goes.
    guest.storeByte(UART, 0x24);
    expect([uartHasInput(), guest.loadByte(UART)]).toEqual([true, 0x77]);
    print(guest, transmit, "hvc0: ");
    guest.type("x");
    guest.store(CONSOLE + REGISTER.status, 0);
    expect([uartHasInput(), guest.loadByte(UART)]).toEqual([true, 0x78]);
  });

  test.each([
    ["interpreted", false],
    ["translated", true],
  ])("what it writes is seen as code by the next instruction, and ends a reservation that it overlaps: %s", (_, translated) => {
    const guest = new Guest(1000n, translated);
    const { receive, transmit } = withConsole(guest);
    print(guest, transmit, "$ ");
    const code = (value: number) => Buffer.from(new Uint32Array([(value << 20) | 0x513, 0x8067]).buffer); // li a0, value; ret
    guest.vm.writeRam(BUFFER, code(1));
    for (let i = 0; i < 20; i++) expect(guest.call(BUFFER)).toBe(1);
    expect((guest.vm.regionStatistics()?.retired ?? 0) > 0).toBe(translated);
    guest.describe(receive, 0, { address: BUFFER, length: 8, flags: WRITE });
    guest.offer(receive, 0);
    guest.notify(CONSOLE, receive);
    guest.type(code(2).toString("latin1"));
    expect(guest.call(BUFFER)).toBe(2);
    const sent = (reserved: number) => {
      guest.describe(transmit, 0, guest.text(BUFFER, "."));
      guest.offer(transmit, 0);
      return guest.conditional(reserved, CONSOLE + REGISTER.queueNotify, TRANSMIT);
    };
    expect([sent(BUFFER + 0x800), sent(transmit.device), sent(BUFFER + 0x800)]).toEqual([true, false, true]);
    expect(guest.output).toBe("$ ...");
  });
});

describe("the entropy source", () => {
  const request = (guest: Guest, queue: Queue, head: number, length: number) => {
    guest.describe(queue, head, { address: BUFFER + head * 0x1000, length, flags: WRITE });
    guest.offer(queue, head);
    guest.notify(RNG, queue);
  };
  const entropy = (...bytes: number[]) => ({ kind: "entropy", bytes: Uint8Array.from(bytes) }) as const;

  test("asks for no more than 256 bytes, does a request with what an epoch brings, and goes on to the next one", () => {
    const guest = new Guest();
    const queue = withRng(guest);
    expect(guest.vm.entropyWanted).toBe(0);
    request(guest, queue, 0, 3);
    request(guest, queue, 1, 100_000);
    expect([guest.vm.entropyWanted, guest.pending(RNG_SOURCE)]).toEqual([3, false]);
    guest.epoch(entropy(1, 2));
    expect([guest.used(queue), guest.vm.entropyWanted, guest.pending(RNG_SOURCE)]).toEqual([[[0, 2]], 256, true]);
    guest.epoch(entropy(...new Array<number>(256).fill(7)));
    expect([guest.used(queue), guest.vm.entropyWanted]).toEqual([
      [
        [0, 2],
        [1, 256],
      ],
      0,
    ]);
    expect([guest.textAt(BUFFER, 3), guest.textAt(BUFFER + 0x1000, 257)]).toEqual(["\x01\x02\0", `${"\x07".repeat(256)}\0`]);
  });

  test("gets none that nobody asked for, and not more than was asked for", () => {
    const guest = new Guest();
    const queue = withRng(guest);
    expect(() => guest.epoch(entropy(1))).toThrow(InvariantViolation);
    request(guest, queue, 0, 2);
    expect(() => guest.epoch(entropy(1, 2, 3))).toThrow(InvariantViolation);
    guest.store(RNG + REGISTER.status, 0);
    expect(guest.vm.entropyWanted).toBe(0);
    expect(() => guest.epoch(entropy(1))).toThrow(InvariantViolation);
  });

  test("drops what comes for a request that the guest has spoilt meanwhile", () => {
    const guest = new Guest();
    const queue = withRng(guest);
    request(guest, queue, 0, 4);
    guest.describe(queue, 0, { address: END, length: 4, flags: WRITE });
    guest.epoch(entropy(1, 2, 3, 4));
    expect([guest.status(RNG) & STATUS.needsReset, guest.vm.entropyWanted, guest.used(queue)]).toEqual([STATUS.needsReset, 0, []]);
    request(guest, withRng(guest), 0, 1);
    guest.epoch(entropy(9));
    expect(guest.textAt(BUFFER, 1)).toBe("\x09");
  });

  test("has its request done by whichever machine the state has moved to", () => {
    const guest = new Guest();
    const queue = withRng(guest);
    request(guest, queue, 0, 8);
    const other = new Guest();
    other.vm.restore(guest.vm.snapshot());
    expect(other.vm.entropyWanted).toBe(8);
    for (const { vm } of [guest, other]) vm.beginEpoch({ time: vm.time, rate: 1 << 24 }, [entropy(1, 2, 3)]);
    expect(other.vm.hash()).toBe(guest.vm.hash());
    expect(other.used(queue)).toEqual([[0, 3]]);
  });
});

describe("a queue that is not what virtio says makes the device need a reset, and after one it works again", () => {
  const chain =
    (...descriptors: Descriptor[]) =>
    (guest: Guest, queue: Queue) => {
      for (const [index, descriptor] of descriptors.entries()) guest.describe(queue, index, descriptor);
      guest.offer(queue, 0);
    };
  const good = { address: BUFFER, length: 4 };
  const wrong: Record<string, (guest: Guest, queue: Queue) => void> = {
    "a head beyond the queue": (guest, queue) => guest.offer(queue, queue.num),
    "a next beyond the queue": chain({ ...good, flags: NEXT, next: 0xffff }),
    "a chain that bites its tail": chain({ ...good, flags: NEXT, next: 1 }, { ...good, flags: NEXT, next: 0 }),
    "a descriptor that follows itself": chain({ ...good, flags: NEXT, next: 0 }),
    "a buffer below RAM": chain({ address: 0x1000, length: 4 }),
    "a buffer in a device": chain({ address: UART, length: 4 }),
    "a buffer behind RAM": chain({ address: END, length: 1 }),
    "a buffer across the end of RAM": chain({ address: END - 4, length: 5 }),
    "a buffer across the end of the address space": chain({ address: 2n ** 64n - 4n, length: 8 }),
    "a buffer of 4 GiB": chain({ address: RAM, length: 0xffff_ffff }),
    "many buffers of all of RAM": chain(
      ...Array.from({ length: 8 }, (_, i): Descriptor => ({ address: RAM, length: RAM_BYTES, flags: i < 7 ? NEXT : 0, next: i + 1 })),
    ),
    "a buffer of no length": chain({ address: BUFFER, length: 0 }),
    "an indirect table": chain({ ...good, length: 16, flags: INDIRECT }),
    "a buffer to be read behind one to be written": chain({ ...good, flags: WRITE | NEXT, next: 1 }, good),
    "more entries than the queue has": (guest, queue) => guest.vm.writeRam(queue.driver + 2, Uint8Array.of(9, 0)),
    "an index that went back": (guest, queue) => guest.vm.writeRam(queue.driver + 2, Uint8Array.of(0xff, 0xff)),
  };
  test.each(Object.entries(wrong))("%s", (_, spoil) => {
    const guest = new Guest();
    const { transmit } = withConsole(guest);
    spoil(guest, transmit);
    guest.notify(CONSOLE, transmit);
    const rng = withRng(guest);
    spoil(guest, rng);
    guest.notify(RNG, rng);
    for (const device of [CONSOLE, RNG]) {
      expect([guest.status(device), guest.load(device + REGISTER.interruptStatus)]).toEqual([LIVE | STATUS.needsReset, 2]);
    }
    expect([guest.output, guest.vm.entropyWanted]).toEqual(["", 0]);
    print(guest, transmit, "nothing more is done");
    expect(guest.output).toBe("");
    print(guest, withConsole(guest).transmit, "well again");
    expect(guest.output).toBe("well again");
  });

  const rings: Record<string, Parameters<Guest["queue"]>[3]> = {
    "a table that is not aligned": { desc: BUFFER + 8 },
    "a table that leaves RAM": { desc: END - 112 },
    "an available ring that is not aligned": { driver: BUFFER + 1 },
    "an available ring that leaves RAM": { driver: END - 18 },
    "a used ring that is not aligned": { device: BUFFER + 2 },
    "a used ring that leaves RAM": { device: END - 64 },
    "rings nowhere": { desc: 0, driver: 0, device: 0 },
    "rings in a device": { desc: UART, driver: UART, device: UART },
    "rings at the end of the address space": { desc: 2 ** 64 - 4096, driver: 2 ** 64 - 4096, device: 2 ** 64 - 4096 },
  };
  test.each(Object.entries(rings))("%s", (_, where) => {
    const guest = new Guest();
    guest.negotiate(CONSOLE);
    guest.queue(CONSOLE, TRANSMIT, 8, where);
    guest.store(CONSOLE + REGISTER.queueNotify, TRANSMIT);
    expect(guest.status(CONSOLE)).toBe(LIVE | STATUS.needsReset);
    print(guest, withConsole(guest).transmit, "well again");
    expect(guest.output).toBe("well again");
  });

  test("a receive queue with nothing to write to, which gives the keyboard back", () => {
    const guest = new Guest();
    const { receive, transmit } = withConsole(guest);
    print(guest, transmit, "$ ");
    guest.type("x");
    guest.describe(receive, 0, good);
    guest.offer(receive, 0);
    guest.notify(CONSOLE, receive);
    expect([guest.status(CONSOLE), guest.loadByte(UART)]).toEqual([LIVE | STATUS.needsReset, 0x78]);
  });

  test("output longer than 32 KiB in a chain", () => {
    const guest = new Guest();
    const { transmit } = withConsole(guest);
    chain({ address: BUFFER, length: 32 * 1024 + 1 })(guest, transmit);
    guest.notify(CONSOLE, transmit);
    expect([guest.status(CONSOLE), guest.output]).toEqual([LIVE | STATUS.needsReset, ""]);
  });

  test("rings that lie on one another end, whatever they say", () => {
    for (const num of [1, 2, 4, 16]) {
      for (const offset of [-4, 0, 4, 8]) {
        const guest = new Guest();
        guest.negotiate(CONSOLE);
        const at = BUFFER + 0x1000;
        const transmit = guest.queue(CONSOLE, TRANSMIT, num, { desc: at + 0x1000, driver: at + 2, device: at + offset });
        for (let i = 0; i < num; i++) guest.describe(transmit, i, guest.text(BUFFER, "."));
        guest.offer(transmit, ...Array.from({ length: num }, (_, i) => i));
        guest.notify(CONSOLE, transmit);
        expect(guest.output.length).toBeLessThanOrEqual(2 * num);
      }
    }
  });
});

describe("the terminal's size", () => {
  const CONFIG = CONSOLE + REGISTER.config;
  const configuration = (guest: Guest) => [guest.load(CONFIG), guest.load(CONSOLE + REGISTER.configGeneration)];
  const told = (guest: Guest) => {
    const causes = guest.load(CONSOLE + REGISTER.interruptStatus);
    const pending = guest.pending(CONSOLE_SOURCE);
    guest.store(CONSOLE + REGISTER.interruptAck, causes);
    return [causes, pending];
  };

  test("is not known at first; each other one is told to a driver that wants to know, also one that comes later", () => {
    const guest = new Guest();
    expect(configuration(guest)).toEqual([0, 0]);
    guest.resize(80, 24);
    expect(configuration(guest)).toEqual([80 | (24 << 16), 1]);
    expect([0, 1, 2, 3].map((at) => guest.loadByte(CONFIG + at))).toEqual([80, 0, 24, 0]);
    expect(told(guest)).toEqual([0, false]);
    expect(guest.negotiate(CONSOLE, { low: 1 })).toBe(LIVE);
    expect(told(guest)).toEqual([2, true]);
    guest.resize(80, 24);
    expect([told(guest), configuration(guest)]).toEqual([
      [0, false],
      [80 | (24 << 16), 1],
    ]);
    guest.resize(65_535, 1);
    expect([told(guest), configuration(guest)]).toEqual([
      [2, true],
      [0x1ffff, 2],
    ]);
    // A reset of the device is none of the terminal.
    expect(guest.negotiate(CONSOLE)).toBe(LIVE);
    expect([told(guest), configuration(guest)]).toEqual([
      [0, false],
      [0x1ffff, 2],
    ]);
    guest.resize(100, 30);
    expect(told(guest)).toEqual([0, false]);
  });

  test("is what the client says in its session, once: it takes an offset of it, and is state", () => {
    const guest = new Guest();
    const session = "00000000-0000-4000-8000-000000000001";
    guest.type("ab");
    guest.resize(80, 24);
    guest.type("c");
    expect(guest.vm.inputSessions().get(session)).toBe(4n);
    const before = guest.vm.hash();
    guest.epoch({ kind: "resize", inputSession: session, offset: 2n, size: { cols: 1, rows: 1 } });
    expect(guest.load(CONFIG)).toBe(80 | (24 << 16));
    expect(() => guest.epoch({ kind: "resize", inputSession: session, offset: 5n, size: { cols: 1, rows: 1 } })).toThrow(
      InvariantViolation,
    );
    for (const size of [
      { cols: 0, rows: 1 },
      { cols: 1, rows: 65_536 },
      { cols: 1.5, rows: 1 },
    ])
      expect(() => guest.epoch({ kind: "resize", inputSession: session, offset: 4n, size })).toThrow(InvariantViolation);
    guest.resize(81, 24);
    expect(guest.vm.hash()).not.toBe(before);
    const restored = new Guest();
    restored.vm.restore(guest.vm.snapshot());
    expect([restored.vm.hash(), restored.load(CONFIG)]).toEqual([guest.vm.hash(), 81 | (24 << 16)]);
  });
});
