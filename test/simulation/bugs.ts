/**
 * Errors that an implementation of the protocol could have, put between a replica and the loop around it, to show that they
 * are found: by a checker, or by what a replica asserts itself.
 */
import type { Effect, Replica, ReplicaInput } from "../../src/hypervisor/messages.ts";
import type { Decorator } from "./simulation.ts";

/** What a bug makes of one step. */
type Step = (inner: Replica, input: ReplicaInput, nowUs: number) => readonly Effect[];

function stepping(step: Step): Decorator {
  return (inner) => ({
    step: (input, nowUs) => step(inner, input, nowUs),
    inputNext: (inputSession) => inner.inputNext(inputSession),
    status: () => inner.status(),
  });
}

export const BUGS: Readonly<Record<string, Decorator>> = {
  "output is released before it is acknowledged": (inner) => {
    let released = 0n;
    return {
      step: (input, nowUs) => {
        const effects = inner.step(input, nowUs).filter((effect) => effect.kind !== "releaseOutput" || effect.upTo > released);
        if (input.kind !== "epochEnded" || inner.status().role !== "primary" || input.consoleEnd <= released) return effects;
        released = input.consoleEnd;
        return [{ kind: "releaseOutput", upTo: released }, ...effects];
      },
      inputNext: (inputSession) => inner.inputNext(inputSession),
      status: () => inner.status(),
    };
  },
  "a record is acknowledged before it was received": stepping((inner, input, nowUs) =>
    inner.step(input, nowUs).map((effect) => {
      if (effect.kind !== "send" || effect.message.kind !== "ack" || effect.message.received === null) return effect;
      return { ...effect, message: { ...effect.message, received: effect.message.received + 1n } };
    }),
  ),
  "a backup promotes itself without the arbiter": stepping((inner, input, nowUs) => {
    const effects: Effect[] = [];
    for (const effect of inner.step(input, nowUs)) {
      if (effect.kind !== "askArbiter" || effect.request.kind !== "promote") {
        effects.push(effect);
        continue;
      }
      const { request } = effect;
      effects.push(...inner.step({ kind: "arbiterAnswered", request, outcome: "granted", term: request.term + 1n }, nowUs));
    }
    return effects;
  }),
  "a refusal of the arbiter is taken for a grant": stepping((inner, input, nowUs) => {
    if (input.kind !== "arbiterAnswered" || input.outcome !== "refused") return inner.step(input, nowUs);
    return inner.step({ ...input, outcome: "granted", term: input.request.term + 1n }, nowUs);
  }),
  "a term is used again": stepping((inner, input, nowUs) =>
    inner.step(input.kind === "arbiterAnswered" && input.outcome === "granted" ? { ...input, term: input.request.term } : input, nowUs),
  ),
  "a backup joins without the first record of the log": (inner) => {
    const joining = new Set<string>();
    return {
      step: (input, nowUs) =>
        inner.step(input, nowUs).filter((effect) => {
          if (effect.kind !== "send") return true;
          if (effect.message.kind === "stateEnd") joining.add(effect.peer);
          return effect.message.kind !== "epoch" || !joining.delete(effect.peer);
        }),
      inputNext: (inputSession) => inner.inputNext(inputSession),
      status: () => inner.status(),
    };
  },
  "a backup joins without the table of input sessions": stepping((inner, input, nowUs) =>
    inner.step(input.kind === "stateHashed" ? { ...input, inputSessions: new Map() } : input, nowUs),
  ),
  "input is acknowledged and not logged": stepping((inner, input, nowUs) => {
    if (input.kind !== "deviceInput") return inner.step(input, nowUs);
    const { inputSession, offset, bytes } = input;
    const inputNext = offset + BigInt(bytes.length);
    return [{ kind: "acknowledgeInput", inputSession, inputNext, durability: "replicated" }];
  }),
};
