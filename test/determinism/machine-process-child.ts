/** The other side of machine-process.ts. Argument: MiB of the machine's memory. */
import { readFileSync, writeFileSync } from "node:fs";
import { LocalMachine, type Position } from "./machine-host.ts";
import type { Answer, PackedPosition, Question } from "./machine-process.ts";

const machine = new LocalMachine(Number(process.argv[2]));

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
      const inputs = question.inputs.map(
        ([inputSession, offset, bytes]) =>
          ({ kind: "console", inputSession, offset: BigInt(offset), bytes: Uint8Array.from(Buffer.from(bytes, "base64")) }) as const,
      );
      await machine.beginEpoch({ time: BigInt(question.time), rate: question.rate }, inputs);
      return { done: true };
    }
    case "run": {
      const { end, output, ...position } = await machine.run(BigInt(question.until));
      return { position: packed(position), end, output };
    }
    case "hash":
      return { hash: await machine.hash() };
  }
}

function packed({ instant, time, wakeTime, halt }: Position): PackedPosition {
  return { instant: String(instant), time: String(time), wakeTime: wakeTime === null ? null : String(wakeTime), halt };
}
