/**
 * Errors that an implementation of the protocol could have, put between a replica and the loop around it, into its guest or into the
 * arbiter, to show that they are found. In `BUGS` are those that no replica can notice by itself: a checker finds them. What a
 * replica asserts of its peers finds the cruder ones of `CRUDE_BUGS` before anything leaves.
 */
import type { ArbiterRequest, Effect, Replica, ReplicaInput } from "../../src/hypervisor/messages.ts";
import type { ArbiterAnswer, TermRow } from "./arbiter.ts";
import type { Chance } from "./chance.ts";
import type { Guest } from "./guest.ts";

/** What is wrong in one world. */
export interface Bug {
  readonly replica?: (replica: Replica, id: string) => Replica;
  readonly guest?: (guest: Guest, role: "primary" | "backup", chance: Chance) => void;
  readonly arbiter?: (row: TermRow) => void;
}

/** What a bug makes of one step. */
type Step = (inner: Replica, input: ReplicaInput, nowUs: number) => readonly Effect[];

function stepping(inner: Replica, step: Step): Replica {
  return {
    step: (input, nowUs) => step(inner, input, nowUs),
    inputNext: (inputSession) => inner.inputNext(inputSession),
    status: () => inner.status(),
  };
}

function everyStep(step: Step): () => Bug {
  return () => ({ replica: (inner) => stepping(inner, step) });
}

/** What a bug makes of one answer of the arbiter's, whose row is changed already; `synced` is as it was before. */
type Decision = (answer: ArbiterAnswer, request: ArbiterRequest, row: TermRow, synced: TermRow["synced"]) => ArbiterAnswer;

function everyDecision(decision: Decision): () => Bug {
  return () => ({
    arbiter: (row) => {
      const decide = row.decide.bind(row);
      row.decide = (asker, request, at) => {
        const { synced } = row;
        return decision(decide(asker, request, at), request, row, synced);
      };
    },
  });
}

export interface KnownBug {
  readonly foundBy: string;
  /** Where it shows in other worlds too seldom to wait for: the plan of faults in which it does. */
  readonly profile?: string;
  /** It can only show where VMs have more than one. */
  readonly severalBackups?: true;
  readonly make: () => Bug;
}

export const BUGS: Readonly<Record<string, KnownBug>> = {
  "output is released before it is acknowledged": {
    foundBy: "synced set holds records",
    make: () => ({
      replica: (inner) => {
        let released = 0n;
        return stepping(inner, (_, input, nowUs) => {
          const effects = inner.step(input, nowUs).filter((effect) => effect.kind !== "releaseOutput" || effect.upTo > released);
          if (input.kind !== "epochEnded" || inner.status().role !== "primary" || input.consoleEnd <= released) return effects;
          released = input.consoleEnd;
          return [{ kind: "releaseOutput", upTo: released }, ...effects];
        });
      },
    }),
  },
  "a record is acknowledged while it is on its way": {
    foundBy: "synced set holds records",
    make: () => {
      const sent = new Map<string, bigint>();
      return {
        replica: (inner, id) =>
          stepping(inner, (_, input, nowUs) =>
            inner.step(input, nowUs).map((effect) => {
              if (effect.kind !== "send") return effect;
              const { peer, message } = effect;
              if (message.kind === "epoch") sent.set(peer, message.record.epoch);
              if (message.kind !== "ack" || message.received === null) return effect;
              return { ...effect, message: { ...message, received: sent.get(id) ?? message.received } };
            }),
          ),
      };
    },
  },
  "a backup promotes itself without the arbiter": {
    foundBy: "one writer",
    make: everyStep((inner, input, nowUs) => {
      const effects: Effect[] = [];
      for (const effect of inner.step(input, nowUs)) {
        if (effect.kind !== "askArbiter" || effect.request.kind !== "promote") {
          effects.push(effect);
          continue;
        }
        const { request } = effect;
        const term = request.term + 1n;
        effects.push(...inner.step({ kind: "arbiterAnswered", request, outcome: "granted", term, synced: [] }, nowUs));
      }
      return effects;
    }),
  },
  "a refusal of the arbiter is taken for a grant": {
    foundBy: "one writer",
    make: everyStep((inner, input, nowUs) => {
      if (input.kind !== "arbiterAnswered" || input.outcome !== "refused") return inner.step(input, nowUs);
      return inner.step({ ...input, outcome: "granted", term: input.request.term + 1n }, nowUs);
    }),
  },
  "the arbiter gives a term twice: it forgets that a primary went on alone": {
    foundBy: "one writer",
    make: everyDecision((answer, request, row, synced) => {
      if (!answer.changed || request.kind !== "goSolo") return answer;
      row.term--;
      row.synced = synced;
      return answer;
    }),
  },
  "a promoted backup lets out what the others need not have": {
    foundBy: "synced set holds records",
    severalBackups: true,
    make: everyStep((inner, input, nowUs) => inner.step(input.kind === "arbiterAnswered" ? { ...input, synced: [] } : input, nowUs)),
  },
  "the arbiter drops the other members as soon as it has promoted one": {
    foundBy: "healing",
    severalBackups: true,
    make: everyDecision((answer, request, row) => {
      if (!answer.changed || request.kind !== "promote") return answer;
      row.synced = new Set();
      return { ...answer, synced: [] };
    }),
  },
  "the arbiter refuses where another one was promoted": {
    foundBy: "healing",
    severalBackups: true,
    make: everyDecision((answer) => (answer.outcome === "follow" ? { ...answer, outcome: "refused" } : answer)),
  },
  "a backup keeps what the promoted one never had": {
    foundBy: "synced set holds records",
    severalBackups: true,
    make: everyStep((inner, input, nowUs) => {
      if (input.kind !== "message" || input.message.kind !== "resume") return inner.step(input, nowUs);
      return inner.step({ ...input, message: { ...input.message, nextEpoch: 1n << 60n } }, nowUs);
    }),
  },
  "a backup joins without the last records: it acknowledges them and keeps none": {
    foundBy: "released output",
    make: () => ({
      replica: (inner) => {
        let primary: string | null = null;
        return stepping(inner, (_, input, nowUs) => {
          if (input.kind !== "message") return inner.step(input, nowUs);
          const { peer, message } = input;
          if (message.kind === "stateEnd") primary = peer;
          if (message.kind !== "epoch" || peer !== primary) return inner.step(input, nowUs);
          // As if it were a heartbeat, answered with an ack for the record.
          const heard: ReplicaInput = { kind: "message", peer, message: { kind: "heartbeat", term: message.term } };
          return inner.step(heard, nowUs).map((effect) => {
            if (effect.kind !== "send" || effect.message.kind !== "ack") return effect;
            return { ...effect, message: { ...effect.message, received: message.record.epoch } };
          });
        });
      },
    }),
  },
  "a promoted backup has dropped the table of input sessions": {
    foundBy: "released output",
    make: () => ({
      replica: (inner) => {
        let wasBackup = false;
        return stepping(inner, (_, input, nowUs) => {
          const effects = inner.step(input, nowUs);
          const isBackup = inner.status().role === "backup";
          if (wasBackup && !isBackup) clearInputSessions(inner);
          wasBackup = isBackup;
          return effects;
        });
      },
    }),
  },
  "input is acknowledged and not logged": {
    foundBy: "released output",
    make: everyStep((inner, input, nowUs) => {
      if (input.kind !== "deviceInput") return inner.step(input, nowUs);
      const { inputSession, offset, content } = input;
      const inputNext = offset + BigInt(content instanceof Uint8Array ? content.length : 1);
      return [{ kind: "acknowledgeInput", inputSession, inputNext, durability: "replicated" }];
    }),
  },
  "a bit of a backup's memory is not what it was": {
    foundBy: "equal states",
    make: () => ({
      guest: (guest, role, chance) => {
        if (role !== "backup") return;
        const run = guest.run.bind(guest);
        guest.run = (untilInstant, exact) => {
          if (chance.oneIn(50)) guest.flipBit(chance);
          return run(untilInstant, exact);
        };
      },
    }),
  },
  "a backup says that it has executed what it has only received": {
    foundBy: "bounded memory",
    profile: "slow",
    make: () => ({
      replica: (inner) => {
        let received = 0n;
        return stepping(inner, (_, input, nowUs) => {
          if (input.kind === "message" && input.message.kind === "epoch") received = input.message.record.endInstant;
          return inner.step(input, nowUs).map((effect) => {
            if (effect.kind !== "send" || effect.message.kind !== "ack" || received <= effect.message.appliedInstant) return effect;
            return { ...effect, message: { ...effect.message, appliedInstant: received } };
          });
        });
      },
    }),
  },
};

export const CRUDE_BUGS: Readonly<Record<string, () => Bug>> = {
  "a record is acknowledged that was not made": everyStep((inner, input, nowUs) =>
    inner.step(input, nowUs).map((effect) => {
      if (effect.kind !== "send" || effect.message.kind !== "ack" || effect.message.received === null) return effect;
      return { ...effect, message: { ...effect.message, received: effect.message.received + 1n } };
    }),
  ),
  "a term is used again": everyStep((inner, input, nowUs) =>
    inner.step(input.kind === "arbiterAnswered" && input.outcome === "granted" ? { ...input, term: input.request.term } : input, nowUs),
  ),
  "a backup joins without the first record of the log": () => ({
    replica: (inner) => {
      const joining = new Set<string>();
      return stepping(inner, (_, input, nowUs) =>
        inner.step(input, nowUs).filter((effect) => {
          if (effect.kind !== "send") return true;
          if (effect.message.kind === "stateEnd") joining.add(effect.peer);
          return effect.message.kind !== "epoch" || !joining.delete(effect.peer);
        }),
      );
    },
  }),
  "a backup goes on with a promoted one without what it lacks": () => ({
    replica: (inner) => {
      const resuming = new Set<string>();
      return stepping(inner, (_, input, nowUs) => {
        const effects = inner.step(input, nowUs);
        const isAck = input.kind === "message" && input.message.kind === "ack" && resuming.delete(input.peer);
        for (const effect of effects) if (effect.kind === "send" && effect.message.kind === "resume") resuming.add(effect.peer);
        return isAck ? effects.filter((effect) => effect.kind !== "send" || effect.message.kind !== "epoch") : effects;
      });
    },
  }),
  "a backup joins without the table of input sessions": everyStep((inner, input, nowUs) =>
    inner.step(input.kind === "stateHashed" ? { ...input, inputSessions: new Map() } : input, nowUs),
  ),
};

/** Finds the table wherever the replica keeps it. */
function clearInputSessions(replica: Replica): void {
  const seen = new Set<object>();
  const search = (value: unknown): void => {
    if (typeof value !== "object" || value === null || seen.has(value)) return;
    seen.add(value);
    if (value.constructor.name === "InputSessions") (value as unknown as { readonly table: Map<string, bigint> }).table.clear();
    else for (const inside of Object.values(value)) search(inside);
  };
  search(replica);
}
