/**
 * The arbiter's door: what comes while it decides is decided together next, in one transaction.
 *
 *     asked --its turn--> with others of the same urgency, one of each VM --> answered
 *                              '--its row is locked, or one of them fails--> by itself --> answered
 *
 * A worker that dies makes as many heirs as it had primaries, at the same moment, and all their guests stand still. A transaction for
 * each would be a commit for each, one after the other, since all of them end with the lock of the event clock.
 */
import type { Database } from "./db/database.ts";
import {
  changeTerm,
  changeTerms,
  type TermChangeAnswer,
  type TermChangeContext,
  type TermRequest,
  urgencyOf,
} from "./db/queries/change-term.ts";
import { isDatabaseUnavailable } from "./db/unavailable.ts";
import type { TermChange } from "./domain/term-change.ts";

/** So many are decided together: who comes later does not wait for more. */
const TOGETHER_MAX = 64;

interface Asked extends TermRequest {
  readonly answer: (answer: TermChangeAnswer | Promise<TermChangeAnswer>) => void;
  readonly fail: (error: unknown) => void;
}

export class Arbiter {
  private readonly asked = { guestStandsStill: [] as Asked[], guestRuns: [] as Asked[] };
  private readonly deciding = new Set<keyof typeof this.asked>();

  constructor(private readonly database: Database) {}

  /** @throws what the database throws; nothing was changed then, or the answer is lost and the same request gets it again */
  decide(change: TermChange, context: TermChangeContext): Promise<TermChangeAnswer> {
    const urgency = urgencyOf(change);
    return new Promise((answer, fail) => {
      this.asked[urgency].push({ change, context, answer, fail });
      if (!this.deciding.has(urgency)) void this.decideAll(urgency);
    });
  }

  private async decideAll(urgency: keyof typeof this.asked): Promise<void> {
    this.deciding.add(urgency);
    while (this.asked[urgency].length > 0) await this.decideTogether(this.takeNext(urgency));
    this.deciding.delete(urgency);
  }

  /** In the order in which they came; the second one of a VM waits for the first. */
  private takeNext(urgency: keyof typeof this.asked): readonly Asked[] {
    const next = new Map<string, Asked>();
    const later: Asked[] = [];
    for (const asked of this.asked[urgency]) {
      if (next.size < TOGETHER_MAX && !next.has(asked.change.vmId)) next.set(asked.change.vmId, asked);
      else later.push(asked);
    }
    this.asked[urgency] = later;
    return [...next.values()];
  }

  private async decideTogether(requests: readonly Asked[]): Promise<void> {
    try {
      const answers = await changeTerms(this.database, requests);
      for (const [index, request] of requests.entries()) {
        const answer = answers[index] ?? null;
        if (answer === null) this.decideAlone(request);
        else request.answer(answer);
      }
    } catch (error) {
      for (const request of requests) {
        // The next one who asks tries again; what is wrong with one of them is no matter of the others'.
        if (isDatabaseUnavailable(error)) request.fail(error);
        else this.decideAlone(request);
      }
    }
  }

  /** Nobody waits for it here. */
  private decideAlone(request: Asked): void {
    changeTerm(this.database, request).then(request.answer, request.fail);
  }
}
