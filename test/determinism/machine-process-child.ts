/** The other side of machine-process.ts. Arguments: MiB of the machine's memory, its engine, and the seed of what that does. */
import { readFileSync, writeFileSync } from "node:fs";
import { type Engine, LocalMachine, type Position } from "./machine-host.ts";
import { type Answer, type PackedPosition, type Question, unpackedInput } from "./machine-process.ts";

const [memoryMiB, engine, seed] = process.argv.slice(2) as [string, Engine, string];
const machine = new LocalMachine({ memoryMiB: Number(memoryMiB), engine, seed: Number(seed) });

process.on("message", async (question: Question) => {
  process.send?.(await answer(question).catch((error: Error): Answer => ({ error: error.message })));
});

async function answer(question: Question): Promise<Answer> {
  switch (question.kind) {
    case "restore":
      return { position: packed(await machine.restore(readFileSync(question.path))) };
    case "snapshot":
      writeFileSync(question.path, await machine.snapshot());
      return { done: true };
    case "beginEpoch": {
      await machine.beginEpoch({ time: BigInt(question.time), rate: question.rate }, question.inputs.map(unpackedInput));
      return { done: true };
    }
    case "run": {
      const { end, output, ...position } = await machine.run(BigInt(question.until));
      return { position: packed(position), end, output };
    }
    case "hash":
      return { hash: await machine.hash() };
    case "translated":
      return { translated: await machine.translated() };
  }
}

function packed({ instant, time, wakeTime, entropyWanted, halt }: Position): PackedPosition {
  return { instant: String(instant), time: String(time), wakeTime: wakeTime === null ? null : String(wakeTime), entropyWanted, halt };
}
